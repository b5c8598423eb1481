"""The GPUs of a machine as ``nvidia-smi`` tells of them: heat, use, memory, and whether heat slows them down.

A program of its own and no library (nvidia-ml-py): a driver that hangs holds whoever asks it, and a process can be
given up after five seconds where a thread of ours could not.
"""

from __future__ import annotations

import logging
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

log = logging.getLogger(__name__)

NVIDIA_SMI_WITHIN_S: Final = 5.0
NVIDIA_SMI: Final = "nvidia-smi"
FULL: Final = "temperature.gpu,utilization.gpu,memory.used,memory.total,clocks_throttle_reasons.active"
PLAIN: Final = "temperature.gpu,utilization.gpu,memory.used,memory.total"
"""Where a driver does not know the reasons for which clocks are lowered."""
SLOWED: Final = 0x08 | 0x20 | 0x40 | 0x80
"""Of those reasons: hardware slowdown, heat as software and as hardware see it, the power brake."""


@dataclass(frozen=True, slots=True)
class Gpu:
    """One GPU. ``busy`` and ``memory`` are shares (0-1); None where it does not tell."""

    celsius: float
    busy: float | None = None
    memory: float | None = None
    throttled: bool | None = None


@dataclass(frozen=True, slots=True)
class Gpus:
    """The GPUs that answer, in the driver's order."""

    each: tuple[Gpu, ...] = ()

    @property
    def count(self) -> int:
        """How many answer."""
        return len(self.each)

    @property
    def hottest_c(self) -> float | None:
        """The temperature of the hottest one."""
        return max((gpu.celsius for gpu in self.each), default=None)

    @property
    def busy(self) -> float | None:
        """How busy they are on average."""
        told = [gpu.busy for gpu in self.each if gpu.busy is not None]
        return round(sum(told) / len(told), 3) if told else None

    @property
    def throttled(self) -> bool | None:
        """Whether heat or power slows any of them down; None where none tells."""
        told = [gpu.throttled for gpu in self.each if gpu.throttled is not None]
        return any(told) if told else None

    def plain(self) -> list[dict[str, Any]]:
        """Each as plain JSON values."""
        return [
            {"celsius": gpu.celsius, "busy": gpu.busy, "memory": gpu.memory, "throttled": gpu.throttled}
            for gpu in self.each
        ]


def read_gpus(program: str = NVIDIA_SMI) -> Gpus:
    """The GPUs that answer. A driver that hangs or fails has none."""
    if shutil.which(program) is None:
        return Gpus()
    for query in (FULL, PLAIN):
        command = (program, f"--query-gpu={query}", "--format=csv,noheader,nounits")
        try:
            told = subprocess.run(command, capture_output=True, text=True, timeout=NVIDIA_SMI_WITHIN_S, check=True)
        except subprocess.CalledProcessError as error:
            problem: Exception = error  # perhaps only a question that this driver does not know
        except (OSError, subprocess.SubprocessError) as error:
            problem = error
            break
        else:
            return parse_gpus(told.stdout)
    log.error("the GPUs do not answer: %s", problem)
    return Gpus()


def parse_gpus(told: str) -> Gpus:
    """What ``nvidia-smi`` says, a line a GPU, in the order of :data:`FULL`. One in trouble tells no temperature."""
    found = (_gpu([part.strip() for part in line.split(",")]) for line in told.splitlines() if line.strip())
    return Gpus(tuple(gpu for gpu in found if gpu is not None))


def _gpu(parts: Sequence[str]) -> Gpu | None:
    celsius, busy, used, total = (number_in(parts[place]) if place < len(parts) else None for place in range(4))
    if celsius is None:
        return None
    return Gpu(
        celsius,
        None if busy is None else round(busy / 100, 3),
        round(used / total, 4) if used is not None and total else None,
        _slowed(parts[4]) if len(parts) > 4 else None,
    )


def _slowed(mask: str) -> bool | None:
    try:
        return bool(int(mask, 16) & SLOWED)
    except ValueError:
        return None


def number_in(text: str) -> float | None:
    """A number as a program writes it; None for ``[N/A]`` and the like."""
    try:
        return float(text.strip())
    except ValueError:
        return None
