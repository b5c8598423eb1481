"""Web Push: who is told of alerts while no page is open."""
