"""The rollout plan and its stages: specification, commands, events, state, and the pure decisions between them."""
