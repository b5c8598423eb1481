"""Tests of what a picture shows."""
