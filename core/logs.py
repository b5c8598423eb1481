"""Logging for every process: one line an event, to standard error, with the process's name in front and no secrets."""

from __future__ import annotations

import logging
import sys

from core.redaction import RedactingFormatter


def configure_logging(process: str, level: str = "INFO") -> None:
    """Set up logging for this process."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(RedactingFormatter(f"%(asctime)s {process:<9} %(levelname)-7s %(message)s", "%H:%M:%S"))
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for noisy in ("httpx", "rq.worker", "libav", "alembic"):
        logging.getLogger(noisy).setLevel(max(logging.WARNING, logging.getLevelNamesMapping()[level]))
