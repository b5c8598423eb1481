"""Cameras: status, history, a test, masks and zones."""
