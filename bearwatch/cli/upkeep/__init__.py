"""Commands that keep a site: what is wrong here, away with a copy of it, and back."""
