"""What every floor of the rollout stands on: metric values, durations, scopes and one way to make a web request."""
