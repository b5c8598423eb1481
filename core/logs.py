"""Logging for every process: one line an event, to standard error, with the process's name in front and no secrets."""

from __future__ import annotations

import logging
import re
import sys
from typing import Any

from core.redaction import RedactingFormatter


class OneLine(RedactingFormatter):
    """An event begins one line, and nothing that others have named or said can begin another: what goes on below is
    indented, and other control characters are written out as escapes.
    """

    def formatMessage(self, record: logging.LogRecord) -> str:
        """The line before its traceback."""
        line = _CONTROL.sub(lambda found: ascii(found.group())[1:-1], super().formatMessage(record))
        return line.replace("\n", "\n    ")

    def formatException(self, ei: Any) -> str:
        """Its traceback, indented: its last line is what somebody else's words may have been put into."""
        return "    " + super().formatException(ei).replace("\n", "\n    ")


_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029]")


def configure_logging(process: str, level: str = "INFO") -> None:
    """Set up logging for this process."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(OneLine(f"%(asctime)s {process:<9} %(levelname)-7s %(message)s", datefmt="%H:%M:%S"))
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for noisy in ("httpx", "rq.worker", "libav", "alembic"):
        logging.getLogger(noisy).setLevel(max(logging.WARNING, logging.getLevelNamesMapping()[level]))
