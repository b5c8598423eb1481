"""Paints what the staged cameras see."""
