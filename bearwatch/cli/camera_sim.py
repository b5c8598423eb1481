"""Staged RTSP cameras with a known truth, and trouble on demand."""

from simulation.cameras.cli import add_arguments
from simulation.cameras.cli import main as run

__all__ = ["add_arguments", "run"]
