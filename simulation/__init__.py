"""Staged cameras and simulated seasons: what proves the machinery, never what decides."""
