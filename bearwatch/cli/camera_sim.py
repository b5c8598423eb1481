"""Staged RTSP cameras with a known truth, and trouble on demand."""

from bearwatch.camera_sim.cli import add_arguments
from bearwatch.camera_sim.cli import main as run

__all__ = ["add_arguments", "run"]
