"""From frames to scores to encounters."""
