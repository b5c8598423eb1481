"""From scored frames to encounters: the only part of the detector that knows the database and the rollout."""
