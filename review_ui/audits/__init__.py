"""Audits of camera-hours drawn at random, as contact sheets."""
