"""Logging for every process: one line an event, to standard error, with the process's name in front."""

from __future__ import annotations

import logging
import sys


def configure_logging(process: str, level: str = "INFO") -> None:
    """Set up logging for this process."""
    logging.basicConfig(
        level=level,
        stream=sys.stderr,
        format=f"%(asctime)s {process:<9} %(levelname)-7s %(message)s",
        datefmt="%H:%M:%S",
        force=True,
    )
    for noisy in ("httpx", "rq.worker", "libav", "alembic"):
        logging.getLogger(noisy).setLevel(max(logging.WARNING, logging.getLevelNamesMapping()[level]))
