"""Faults in random order for minutes, each while a bear is before every camera; docs/reliability.md is made from it."""

from __future__ import annotations

import os
import random
import signal
import statistics
import threading
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from time import monotonic

import pytest

from tests.support.chaos.reliability_table import Measured, write_table
from tests.support.chaos.staged_park import CAMERAS, StagedPark, is_small_disk, staged_park

NAMES = ("tracker", "detector", "controller", "jobs", "ui")
MINUTES = float(os.environ.get("CHAOS_MINUTES", "4"))
RECORD = os.environ.get("BEARWATCH_RECORD_RELIABILITY") == "1"
Fault = Callable[[StagedPark], None]


def frozen(name: str) -> Fault:
    """A process that hangs for three seconds, and goes on."""

    def freeze(park: StagedPark) -> None:
        number = park.supervisor.pids()[name]
        os.kill(number, signal.SIGSTOP)
        threading.Timer(3.0, os.kill, (number, signal.SIGCONT)).start()

    return freeze


def clock(by_s: float) -> Fault:
    """Somebody sets the clock of a reader."""

    def step(park: StagedPark) -> None:
        park.clock_s["creek"] = by_s

    return step


def killed(*names: str) -> Fault:
    """SIGKILL at once."""

    def kill(park: StagedPark) -> None:
        if "redis" in names:
            park.kill_redis()
        park.kill(*(name for name in names if name != "redis"))

    return kill


FAULTS: dict[str, Fault] = {
    "tracker killed": killed("tracker"),
    "detector killed": killed("detector"),
    "controller killed": killed("controller"),
    "jobs killed": killed("jobs"),
    "page killed": killed("ui"),
    "every process killed at once": killed(*NAMES),
    "tracker hangs for 3 s": frozen("tracker"),
    "detector hangs for 3 s": frozen("detector"),
    "Redis killed": killed("redis"),
    "Redis and tracker killed": killed("tracker", "redis"),
    "disk full until the bear has gone": StagedPark.fill_disk,
    "a reader's clock set 1 s ahead": clock(1.0),
    "a reader's clock set 1 s back": clock(-1.0),
}


@pytest.mark.chaos
@pytest.mark.parametrize("with_file", [False, True], ids=["Redis without a file", "Redis with its file"])
def test_whatever_fails_each_visit_has_one_alert(tmp_path: Path, with_file: bool) -> None:
    dice = random.Random(15)
    measured: dict[str, list[float]] = defaultdict(list)
    with staged_park(tmp_path, NAMES, redis_with_file=with_file) as park:
        until = monotonic() + MINUTES * 60
        order: list[str] = []
        while monotonic() < until or order:
            order = order or dice.sample(sorted(FAULTS), len(FAULTS))
            name = order.pop()
            if name.startswith("disk") and not is_small_disk(park):
                continue
            park.clock_s = dict.fromkeys(CAMERAS, 0.0)
            hurt_at = park.walk_by(FAULTS[name])
            park.free_disk()
            measured[name].append(park.wait_until_seen() - hurt_at)
        wrong = park.faults_of_the_record()
        visits = len(park.visits)
    rows = [
        Measured(name, len(found), statistics.median(found), max(found)) for name, found in sorted(measured.items())
    ]
    print("\n".join(map(str, rows)))
    assert wrong == []
    assert visits == sum(row.times for row in rows) * len(CAMERAS)
    if RECORD:
        write_table("with its file" if with_file else "without a file", rows, visits)
