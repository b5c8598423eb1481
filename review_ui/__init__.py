"""The pages that keep a ranger in the loop."""
