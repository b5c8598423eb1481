"""How a machine is doing: load, memory, disk, temperatures, GPUs. Read from the system's own files, no library needed.

One process of each machine reports it in a heartbeat ``machine:<host>``; several may try, one of them is enough.
"""

from __future__ import annotations

import logging
import os
import shutil
import socket
import subprocess
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import redis

from core.clock import now_s
from core.redis_client import RedisDown
from core.telemetry import Telemetry

log = logging.getLogger(__name__)

REPORT_EVERY_S: Final = 10.0
NVIDIA_SMI_WITHIN_S: Final = 5.0
HOTTEST_CREDIBLE_C: Final = 150.0
NVIDIA_SMI: Final = ("nvidia-smi", "--query-gpu=temperature.gpu,utilization.gpu", "--format=csv,noheader,nounits")


@dataclass(frozen=True, slots=True)
class Gpus:
    """How many answer, how hot the hottest is, how busy they are on average (0-1)."""

    count: int
    hottest_c: float | None
    busy: float | None


def facts(disk: Path, expected_gpus: int = 0) -> dict[str, Any]:
    """The machine as it is now; shares are 0-1, a fact that the system does not tell is None.

    ``disk`` is any path on the disk that matters. ``gpus_expected`` is the most GPUs ever seen here: one that falls off
    the bus is missing, not unknown.
    """
    gpus = read_gpus()
    while not disk.exists() and disk != disk.parent:
        disk = disk.parent  # it will be made there
    usage = shutil.disk_usage(disk)
    return {
        "load": round(os.getloadavg()[0] / (os.cpu_count() or 1), 3),
        "memory_used": memory_used(Path("/proc/meminfo")),
        "disk_free": round(usage.free / usage.total, 4) if usage.total else None,
        "cpu_c": hottest_c(Path("/sys/class")),
        "gpus": gpus.count,
        "gpus_expected": max(expected_gpus, gpus.count),
        "gpu_c": gpus.hottest_c,
        "gpu_busy": gpus.busy,
    }


def memory_used(meminfo: Path) -> float | None:
    """Share of memory that is not available, as the kernel counts it."""
    try:
        lines = dict(line.split(":", 1) for line in meminfo.read_text().splitlines() if ":" in line)
        total, available = (float(lines[name].split()[0]) for name in ("MemTotal", "MemAvailable"))
    except (OSError, KeyError, ValueError, IndexError):
        return None
    return round(1 - available / total, 4) if total else None


def hottest_c(sys_class: Path) -> float | None:
    """The hottest processor sensor under ``/sys/class``, in degrees Celsius; None where there is none."""
    found = [
        reading / 1000
        for pattern in ("thermal/thermal_zone*/temp", "hwmon/hwmon*/temp*_input")
        for file in sys_class.glob(pattern)
        if (reading := _number(file)) is not None
    ]
    return max((celsius for celsius in found if 0 < celsius < HOTTEST_CREDIBLE_C), default=None)


def read_gpus(command: Sequence[str] = NVIDIA_SMI) -> Gpus:
    """The GPUs that answer. A driver that hangs or fails has none."""
    if shutil.which(command[0]) is None:
        return Gpus(0, None, None)
    try:
        told = subprocess.run(command, capture_output=True, text=True, timeout=NVIDIA_SMI_WITHIN_S, check=True).stdout
    except (OSError, subprocess.SubprocessError) as error:
        log.error("the GPUs do not answer: %s", error)
        return Gpus(0, None, None)
    return parse_gpus(told)


def parse_gpus(told: str) -> Gpus:
    """What ``nvidia-smi`` says, a line a GPU: temperature, utilisation in percent. One in trouble has neither."""
    rows = [[_float(part) for part in line.split(",")] for line in told.splitlines() if line.strip()]
    heat = [row[0] for row in rows if row[0] is not None]
    busy = [row[1] for row in rows if len(row) > 1 and row[1] is not None]
    return Gpus(len(heat), max(heat, default=None), round(sum(busy) / len(busy) / 100, 3) if busy else None)


class MachineReporter:
    """Reports this machine for as long as the process lives, on a thread of its own.

    ``shards`` are those that this machine works for, empty for all.
    """

    def __init__(self, client: redis.Redis, disk: Path, shards: Sequence[int] = ()) -> None:
        self._telemetry = Telemetry(client)
        self._disk = disk
        self._shards = list(shards)
        self._name = f"machine:{socket.gethostname()}"
        self._expected = 0

    def start(self, stop: threading.Event) -> threading.Thread:
        """Report until ``stop`` is set."""
        thread = threading.Thread(target=self._run, args=(stop,), name="machine", daemon=True)
        thread.start()
        return thread

    def report(self) -> None:
        """Report once. Raises redis-py's errors."""
        before = self._telemetry.heartbeats().get(self._name, {})
        self._expected = max(self._expected, int(before.get("gpus_expected") or 0))
        now_so = facts(self._disk, self._expected)
        self._expected = now_so["gpus_expected"]
        self._telemetry.beat(self._name, now_s(), {**now_so, "shards": self._shards})

    def _run(self, stop: threading.Event) -> None:
        while True:
            try:
                self.report()
            except (*RedisDown, redis.RedisError, OSError) as error:
                log.warning("this machine could not be reported: %s", error)
            if stop.wait(REPORT_EVERY_S):
                return


def _number(file: Path) -> float | None:
    try:
        return _float(file.read_text())
    except OSError:
        return None


def _float(text: str) -> float | None:
    try:
        return float(text.strip())
    except ValueError:
        return None
