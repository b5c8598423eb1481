"""The process that looks at photos from outside, and that a photo may end: ``python -m detector.photo_process MODEL``.

:mod:`detector.photo_service` starts it, gives it one photo at a time on standard input, and reads one answer from its
standard output, each behind its length (8 bytes, the most significant first). The first answer is empty: the model is
read. It holds no address, no password and no connection, runs behind everything else on the machine, and the kernel
ends it when a photo takes more processor time or memory than any honest one.
"""

from __future__ import annotations

import os
import resource
import sys
from pathlib import Path
from typing import BinaryIO, Final

from core.pictures.photo_request import UnreadablePhoto, packed
from detector.engines.choose import engine_for
from detector.models.bundle import ModelBundle
from detector.photo import PhotoDesk

CPU_S: Final = 20
"""Processor time for one photo."""
MEMORY_BYTES: Final = 1_500_000_000
"""What a photo may take beside the model: its pixels several times over, 75 MB each at the most."""
NICE: Final = 5
THREADS: Final = 1
_LENGTH_BYTES: Final = 8


def write_message(stream: BinaryIO, content: bytes) -> None:
    """Write one message. Raises OSError when nobody reads any more."""
    stream.write(len(content).to_bytes(_LENGTH_BYTES, "big"))
    stream.write(content)
    stream.flush()


def read_message(stream: BinaryIO, longest: int) -> bytes | None:
    """Read one message; None at the stream's end. Raises ValueError for one that is longer than ``longest`` bytes."""
    head = stream.read(_LENGTH_BYTES)
    if len(head) < _LENGTH_BYTES:
        return None
    length = int.from_bytes(head, "big")
    if length > longest:
        raise ValueError(f"a message of {length} bytes; at most {longest} are read")
    content = stream.read(length)
    return content if len(content) == length else None


def main(model: str) -> int:
    """Answer until standard input ends."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever a library prints is no answer
    _step_back()
    desk = PhotoDesk(engine_for(ModelBundle.open(model), "cpu", THREADS, measure=False))
    desk.warm_up()
    resource.setrlimit(resource.RLIMIT_AS, (_address_space() + MEMORY_BYTES,) * 2)
    write_message(answers, b"")
    while (photo := read_message(sys.stdin.buffer, sys.maxsize)) is not None:
        _limit_cpu()
        write_message(answers, _said(desk, photo))
    return 0


def _said(desk: PhotoDesk, photo: bytes) -> bytes:
    try:
        return packed(desk.predict(photo))
    except UnreadablePhoto as error:
        return packed(error)


def _step_back() -> None:
    """Behind everything else on this machine, for its processors and when its memory runs out."""
    os.nice(NICE)
    Path("/proc/self/oom_score_adj").write_text("1000")
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _limit_cpu() -> None:
    used = resource.getrusage(resource.RUSAGE_SELF)
    _soft, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (int(used.ru_utime + used.ru_stime) + CPU_S, hard))


def _address_space() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    return pages * resource.getpagesize()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
