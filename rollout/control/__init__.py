"""What runs the rollout: commands, the controller, analysis runs, forecasts, drills and the heartbeat."""
