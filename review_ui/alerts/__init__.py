"""Alerts: one alert in full, the decision on it, and the same for programs."""
