"""Randomised assignments: hours of blind watching, and nights with and without the model."""
