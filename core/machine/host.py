"""How a machine is doing: load, memory, disk, temperatures as `psutil` reads them, and the GPUs.

One process of each machine reports it in a heartbeat ``machine:<host>``; several may try, one of them is enough.
"""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final

import psutil
import redis

from core.clock import now_s
from core.machine.disk_reserve import DiskReserve
from core.machine.gpus import number_in, read_gpus
from core.redis_client import RedisDown
from core.telemetry import Telemetry

log = logging.getLogger(__name__)

PREFIX: Final = "machine:"
"""So begins the name of a machine's heartbeat; its host name follows."""
REPORT_EVERY_S: Final = 10.0
HOTTEST_CREDIBLE_C: Final = 150.0
SLOWED_FOR_S: Final = 60.0
"""A processor that heat has slowed down counts as slowed for so long, so that a sample once a minute sees it."""


def facts(disk: Path, expected_gpus: int = 0) -> dict[str, Any]:
    """The machine as it is now; shares are 0-1, a fact that the system does not tell is None.

    ``disk`` is any path on the disk that matters. ``gpus_expected`` is the most GPUs ever seen here: one that falls off
    the bus is missing, not unknown.
    """
    gpus = read_gpus()
    while not disk.exists() and disk != disk.parent:
        disk = disk.parent  # it will be made there
    usage, memory = psutil.disk_usage(str(disk)), psutil.virtual_memory()
    sensors = psutil.sensors_temperatures()
    return {
        "load": round(psutil.getloadavg()[0] / (psutil.cpu_count() or 1), 3),
        "memory_used": round(1 - memory.available / memory.total, 4) if memory.total else None,
        "disk_free": round(usage.free / usage.total, 4) if usage.total else None,
        "cpu_c": hottest_c(sensor.current for chip in sensors.values() for sensor in chip),
        "gpus": gpus.count,
        "gpus_expected": max(expected_gpus, gpus.count),
        "gpu_c": gpus.hottest_c,
        "gpu_busy": gpus.busy,
        "each_gpu": gpus.plain(),
        "throttled": gpus.throttled,
    }


def hottest_c(readings: Iterable[float]) -> float | None:
    """The hottest of the machine's sensors that can be believed, in degrees Celsius; None where there is none."""
    return max((celsius for celsius in readings if 0 < celsius < HOTTEST_CREDIBLE_C), default=None)


def times_throttled(cpus: Path) -> int | None:
    """How often heat has slowed the processor down since the machine began; None where the system does not count.

    Read from the kernel's files under ``/sys/devices/system/cpu``: `psutil` does not tell.
    """
    counts = [_number(file) for file in cpus.glob("cpu[0-9]*/thermal_throttle/package_throttle_count")]
    told = [count for count in counts if count is not None]
    return int(max(told)) if told else None


def number_of(value: Any) -> float | None:
    """A fact of a heartbeat as a number; None where the machine does not tell."""
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


class MachineReporter:
    """Reports this machine for as long as the process lives, on a thread of its own.

    ``shards`` are those that this machine works for, empty for all. ``name`` unset is its host name. ``reserve`` is
    tended besides. A ``box`` has one machine, which is named after it.
    """

    def __init__(
        self,
        client: redis.Redis,
        disk: Path,
        shards: Sequence[int] = (),
        name: str | None = None,
        reserve: DiskReserve | None = None,
        box: str | None = None,
    ) -> None:
        self._telemetry = Telemetry(client, box)
        self._reserve = reserve
        self._disk = disk
        self._shards = list(shards)
        self._name = f"{PREFIX}{name or socket.gethostname()}" if box is None else PREFIX.rstrip(":")
        self._expected = 0
        self._throttles: int | None = None
        self._slowed_at = float("-inf")

    def start(self, stop: threading.Event) -> threading.Thread:
        """Report until ``stop`` is set."""
        thread = threading.Thread(target=self._run, args=(stop,), name="machine", daemon=True)
        thread.start()
        return thread

    def report(self) -> None:
        """Report once. Raises redis-py's errors."""
        before = self._telemetry.own_heartbeat(self._name)
        self._expected = max(self._expected, int(before.get("gpus_expected") or 0))
        now_so = facts(self._disk, self._expected)
        self._expected = now_so["gpus_expected"]
        slowed = self._slowed(times_throttled(Path("/sys/devices/system/cpu")), now_s())
        if slowed is not None:
            now_so["throttled"] = bool(now_so["throttled"]) or slowed
        self._telemetry.beat(self._name, now_s(), {**now_so, "shards": self._shards})

    def _slowed(self, throttles: int | None, now: float) -> bool | None:
        """Whether the processor was slowed down within the last minute, from its count now and the one before."""
        if throttles is not None and self._throttles is not None and throttles > self._throttles:
            self._slowed_at = now
        self._throttles = throttles
        return None if throttles is None else now - self._slowed_at < SLOWED_FOR_S

    def _run(self, stop: threading.Event) -> None:
        while True:
            try:
                if self._reserve is not None:
                    self._reserve.tend()
                self.report()
            except (*RedisDown, redis.RedisError, OSError) as error:
                log.warning("this machine could not be reported: %s", error)
            if stop.wait(REPORT_EVERY_S):
                return


def _number(file: Path) -> float | None:
    try:
        return number_in(file.read_text())
    except OSError:
        return None
