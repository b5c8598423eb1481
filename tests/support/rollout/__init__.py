"""Rollouts, their evidence and their breakers, for tests."""
