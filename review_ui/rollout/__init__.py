"""The rollout: stages, gates, approvals, breakers, commands."""
