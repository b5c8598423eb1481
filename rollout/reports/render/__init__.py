"""How a report becomes HTML, CSV, JSON and pictures."""
