"""The stages of a rollout, from shadow to everywhere: the plan as it is written, and the pure decisions over it."""
