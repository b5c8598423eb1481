"""How long a check of all breakers takes, and how rarely and how soon the sequential detectors trip.

python -m bench.breakers [--json]
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import numpy as np

from bench.tables import show
from core.config import Config
from db.migrate import upgrade
from db.places import sync_places
from db.session import Database
from rollout.breakers import Breakers, History, check
from rollout.breakers.detector_steps import (
    DetectorState,
    false_alarm_step,
    recall_step,
    unknown_step,
    week_step,
)
from rollout.evidence.stats.drift import REFERENCE_WEEKS
from tests.support.factories import T0
from tests.support.rollout.breaker_site import healthy, inject

SPECS = Breakers().specs()
CAMERAS = 1000
RUNS = 200


def tick_ms(cameras: int) -> tuple[float, float]:
    """CPU and wall milliseconds of one check of a healthy site, the median of ten."""
    config = Config.model_validate(
        {
            "regions": {"r": {"timezone": "UTC"}},
            "campsites": {f"s{n}": {"region": "r"} for n in range(cameras // 20)},
            "cameras": {f"c{n}": {"campsite": f"s{n % (cameras // 20)}", "url": "a.mp4"} for n in range(cameras)},
        }
    )
    with TemporaryDirectory() as directory:
        database = Database(f"sqlite:///{Path(directory) / 'x.sqlite3'}")
        upgrade(database)
        with database.write() as session:
            sync_places(session, config)
            for hours in range(6):
                inject(session, config, T0 - 600 - 3600 * hours)
        spent = []
        for step in range(11):
            snapshot = healthy(config, T0 + 5 * step)
            cpu, wall = time.process_time(), time.perf_counter()
            with database.write() as session:
                assert check(session, SPECS, config, snapshot, T0 + 5 * step, history=History()) == []
            spent.append((1000 * (time.process_time() - cpu), 1000 * (time.perf_counter() - wall)))
        database.close()
    return median(cpu for cpu, _ in spent[1:]), median(wall for _, wall in spent[1:])


def runs(
    step: Callable[[DetectorState, int], DetectorState], alarm: float, most: int, times: int = RUNS
) -> tuple[str, str]:
    """``(share that tripped, median steps until they did)`` over many runs of at most ``most`` steps."""
    delays = []
    for _ in range(times):
        memory: DetectorState = {}
        for number in range(most):
            memory = step(memory, number)
            if memory["level"] >= alarm:
                delays.append(number + 1)
                break
    return f"{len(delays) / times:.1%}", f"{median(delays):.0f}" if delays else "none"


def recall(rng: np.random.Generator, miss: float) -> Callable[[DetectorState, int], DetectorState]:
    """Blind encounters of which a share is missed."""
    return lambda memory, n: recall_step(
        memory, bool(rng.random() < miss), n, SPECS["recall_edetector"], f"site {rng.integers(6)}"
    )


def alarms(rng: np.random.Generator, mean: float) -> Callable[[DetectorState, int], DetectorState]:
    """Days of twenty cameras whose false alarms come in clumps."""

    def day(memory: DetectorState, number: int) -> DetectorState:
        counts = rng.negative_binomial(0.3, 0.3 / (0.3 + mean), 20)
        return false_alarm_step(memory, [int(count) for count in counts], number, SPECS["false_alarm_rate"])

    return day


def unknown(rng: np.random.Generator, share: float) -> Callable[[DetectorState, int], DetectorState]:
    """Days with a share of frames that the model does not know, which varies much from day to day."""
    return lambda memory, n: unknown_step(memory, float(rng.beta(1, 1 / share - 1)), n)


def drift(rng: np.random.Generator, shift: float) -> Callable[[DetectorState, int], DetectorState]:
    """Weeks held against the first eight; ``shift`` begins with the ninth."""
    bins = np.arange(20)[None, :]

    def days(number: int, moved: float) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
        weights = np.exp(-bins * (0.6 + 0.05 * rng.normal(0, 1, number)[:, None]) / (1 + moved))
        return np.asarray(weights / weights.sum(axis=1, keepdims=True))

    def week(memory: DetectorState, number: int) -> DetectorState:
        known = len(memory.get("reference", []))
        while known < REFERENCE_WEEKS:
            memory, known = week_step(memory, days(7, 0.0), number), known + 1
        return week_step(memory, days(7, shift), number)

    return week


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    cpu, wall = tick_ms(CAMERAS)
    show("breakers: one check", [{"cameras": CAMERAS, "CPU-ms": round(cpu), "ms": round(wall)}], arguments.json)
    rng = np.random.default_rng(7)
    rows = []
    for name, make, alarm, most, unit, good, bad in (
        ("recall_edetector", recall, 200.0, 200, "encounters", 0.10, (0.3, 0.5, 0.8)),
        ("false_alarm_rate", alarms, 1000.0, 365, "days", 0.5, (1.0, 1.5, 3.0)),
        ("drift, unknown animals", unknown, 2000.0, 365, "days", 0.02, (0.1, 0.3)),
        ("drift, scores", drift, 2000 / 7, 52, "weeks", 0.0, (0.2, 0.5)),
    ):
        times = 40 if make is drift else RUNS
        for value in (good, *bad):
            tripped, delay = runs(make(rng, value), alarm, most, times)
            rows.append(
                {
                    "detector": name,
                    "truth": value,
                    "all is well": "yes" if value == good else "",
                    "within": f"{most} {unit}",
                    "tripped": tripped,
                    "median delay": delay,
                }
            )
    show("breakers: how rarely and how soon", rows, arguments.json)


if __name__ == "__main__":
    main()
