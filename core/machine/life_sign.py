"""A sign that the loop of this process goes on, for whoever runs it: a file's time (Docker), a message (systemd).

It is given where the loop comes round, not by a thread of its own: a process that is frozen or stuck gives none.
"""

from __future__ import annotations

import os
import socket
from contextlib import suppress
from pathlib import Path
from typing import Final

FILE: Final = "BEARWATCH_ALIVE_FILE"
NOTIFY: Final = "NOTIFY_SOCKET"


def give_life_sign() -> None:
    """Touch the file that BEARWATCH_ALIVE_FILE names, and tell systemd's watchdog. Nothing where neither is there."""
    file, address = os.environ.get(FILE), os.environ.get(NOTIFY)
    if file:
        with suppress(OSError):  # a full disk: whoever looks finds the file old, rightly
            Path(file).touch()
    if address and "WATCHDOG_USEC" in os.environ:
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as told:
            told.connect(f"\0{address[1:]}" if address.startswith("@") else address)
            told.send(b"WATCHDOG=1")
