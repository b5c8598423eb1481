"""What people and programs are told of the rollout, and what of it each of them may know."""
