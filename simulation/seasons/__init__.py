"""Whole seasons in seconds: simulated bears, rangers, models and faults against the decision code that runs on site.

What a season meets is drawn here; what follows from it is not. The rollout's state machine, the gates, the bounds and
e-values behind them, the breakers' conditions and detectors, and the watchdog are the ones of :mod:`rollout`. Only what
reads the database is replaced by simulated visits, watches, audits and faults.
"""
