"""Whose CPU time it was: what each process of a benchmark took, and how busy others kept the machine meanwhile."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import psutil


@dataclass(frozen=True, slots=True)
class CpuSeconds:
    """CPU seconds by process, and what the rest of the machine did in the same ``wall_s`` seconds."""

    wall_s: float
    cpu_s: Mapping[str, float]
    others_cores: float
    """How many cores' time went to anything else, and to other machines on the same host (``stolen_cores``)."""
    stolen_cores: float
    load: float
    """The system's load average over the last minute."""

    def row(self) -> dict[str, Any]:
        """A line that says whether a clock's figures of this run are worth anything."""
        return {
            "cores": os.cpu_count(),
            "cores busy with others": self.others_cores,
            "cores stolen by other machines": self.stolen_cores,
            "load average": self.load,
        }


class Meter:
    """Counts from when it is made. ``pids`` are the benchmark's own processes, by the names they are told under."""

    def __init__(self, pids: Mapping[str, int]) -> None:
        self._processes = {name: psutil.Process(pid) for name, pid in pids.items()}
        self._began = time.monotonic()
        self._before, self._all_before = self._own(), psutil.cpu_times()

    def read(self) -> CpuSeconds:
        """What was spent until now. The processes must still live."""
        wall_s = time.monotonic() - self._began
        own = {name: after - self._before[name] for name, after in self._own().items()}
        after = psutil.cpu_times()
        busy = _busy(after) - _busy(self._all_before) - sum(own.values())
        stolen = getattr(after, "steal", 0.0) - getattr(self._all_before, "steal", 0.0)
        return CpuSeconds(wall_s, own, max(0.0, busy) / wall_s, stolen / wall_s, os.getloadavg()[0])

    def _own(self) -> dict[str, float]:
        return {name: sum(process.cpu_times()[:2]) for name, process in self._processes.items()}


def _busy(times: Any) -> float:
    return float(sum(getattr(times, name, 0.0) for name in ("user", "nice", "system", "irq", "softirq")))
