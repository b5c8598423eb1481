"""What a season meets, drawn at once and before anybody decides anything: each policy walks through the same one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from rollout.evidence.stats.visits import is_dark, night_of
from simulation.seasons.fixture_site import CAMERAS, CAMERAS_EACH, SITES, ZONE
from simulation.seasons.scenarios import Scenario

DAY_S: Final = 86400.0
DAYS: Final = 214
"""April to October."""
START: Final = datetime(2027, 4, 1, 12, 0, tzinfo=ZoneInfo(ZONE)).timestamp()
END: Final = START + DAYS * DAY_S
SHEETS_A_DAY: Final = 45
"""Camera-hours that are audited, of all there are; five more are planted."""
PLANTED_A_DAY: Final = 5
AUDITOR_SEES: Final = 0.9
SHEET_SHARE: Final = SHEETS_A_DAY / (len(CAMERAS) * 24)
MAD_FROM: Final = 100
"""The day on which a camera may go mad."""
SUMMER: Final = (61, 153)
"""June to August, in days of the season."""
MOTION_SEES: Final = 0.5
"""Recall of motion alone, at the model's number of alarms."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class BearVisit:
    """One visit of a bear. The numbers from 0 to 1 are compared with shares that depend on where the rollout stands."""

    id: int
    at: float
    end: float
    site: int
    night: str
    dark: bool
    cameras: tuple[str, ...]
    """In whose view it comes."""
    model_sees: bool
    """If the path from its cameras works."""
    ranger_sees: bool
    """If one is on watch."""
    watch_draw: float
    motion_sees: bool
    sheets_with_it: int
    """Audited camera-hours in which an auditor found it."""
    is_bear: bool = True
    """Or something that a ranger takes for one."""
    decided: bool = True
    """Whether anybody decides the alert of it."""
    in_time: bool = True
    """Whether a sighting of it is entered in time to be blind."""


@dataclass(frozen=True, slots=True)
class Fault:
    """Something stops working for a while."""

    kind: str
    at: float
    end: float
    camera: str | None = None


@dataclass(frozen=True, slots=True)
class RandomStreams:
    """A season."""

    passings: tuple[BearVisit, ...]
    faults: tuple[Fault, ...]
    false_alarms: NDArray[np.int64]
    """(days, cameras)."""
    bursts: NDArray[np.bool_]
    """(days, cameras): whether the day's false alarms of a camera all came within an hour."""
    people: int
    """Seed of what people do when they are paged."""


def draw(scenario: Scenario, seed: int) -> RandomStreams:
    """Draw a season. The same seed gives the same visits in every scenario with as many of them."""
    bears, machines, alarms, people = np.random.default_rng(seed).spawn(4)
    mean, shape = scenario.false_alarms, scenario.clumping
    counts = alarms.negative_binomial(shape, shape / (shape + mean), (DAYS, len(CAMERAS)))
    bursts = alarms.random(counts.shape) < 0.5
    if scenario.mad_camera:
        counts[MAD_FROM:, 0] += alarms.poisson(scenario.mad_camera, DAYS - MAD_FROM)
        bursts[MAD_FROM:, 0] = False  # spread over the day: 40 a day are fewer than two an hour
    return RandomStreams(
        _passings(scenario, bears),
        _faults(scenario, machines),
        counts,
        bursts,
        int(people.integers(2**31)),
    )


def _passings(scenario: Scenario, rng: np.random.Generator) -> tuple[BearVisit, ...]:
    n = int(rng.poisson(scenario.visits_per_day * len(SITES) * DAYS))
    day, site = _days(scenario, n, rng), rng.integers(len(SITES), size=n)
    by_night = rng.random(n) < scenario.night_share
    hour = np.where(by_night, 8.0 + 10.0 * rng.random(n), (18.0 + 14.0 * rng.random(n)) % 24.0)  # after noon
    at = START + day * DAY_S + hour * 3600.0
    length = 60.0 * np.exp(rng.normal(np.log(8.0), 0.8, n))
    difficulty = rng.normal(size=n)
    if scenario.weather:
        common = _weather(rng)[day]
        difficulty = scenario.weather**0.5 * common + (1.0 - scenario.weather) ** 0.5 * difficulty
    if scenario.returns:
        again = slice(n // 2, 2 * (n // 2))
        first_time = slice(0, n // 2)
        at[again], site[again] = at[first_time] + 2 * 3600.0, site[first_time]
        difficulty[again], by_night[again] = difficulty[first_time], by_night[first_time]
    model, ranger, watch, motion = rng.random((4, n))
    many = rng.integers(1, 4, size=n)
    first = rng.integers(CAMERAS_EACH, size=n)
    sheets = rng.binomial(many, SHEET_SHARE * AUDITOR_SEES)
    sees_ranger = ranger < _chances(np.full(n, scenario.ranger_sees), difficulty, scenario.difficulty_sd)
    sees_model = model < _chances(_recalls(scenario, at, site, by_night), difficulty, scenario.difficulty_sd)
    is_bear = np.ones(n, dtype=bool)
    if scenario.no_bears:
        is_bear = rng.random(n) >= scenario.no_bears
        sees_model, sees_ranger, sheets = sees_model & is_bear, sees_ranger | ~is_bear, sheets * is_bear
    decided, in_time = rng.random(n) >= scenario.undecided, rng.random(n) >= scenario.late
    order = np.argsort(at, kind="stable")
    return tuple(
        BearVisit(
            id=number,
            at=float(at[i]),
            end=float(at[i] + length[i]),
            site=int(site[i]),
            night=f"{SITES[site[i]]}/{night_of(float(at[i]), ZONE)}",
            dark=is_dark(float(at[i]), ZONE),
            cameras=tuple(
                CAMERAS[int(site[i]) * CAMERAS_EACH + (int(first[i]) + k) % CAMERAS_EACH] for k in range(int(many[i]))
            ),
            model_sees=bool(sees_model[i]),
            ranger_sees=bool(sees_ranger[i]),
            watch_draw=float(watch[i]),
            motion_sees=bool(motion[i] < MOTION_SEES),
            sheets_with_it=int(sheets[i]),
            is_bear=bool(is_bear[i]),
            decided=bool(decided[i]),
            in_time=bool(in_time[i]),
        )
        for number, i in enumerate(order)
    )


def _days(scenario: Scenario, n: int, rng: np.random.Generator) -> NDArray[np.int64]:
    if scenario.summer == 1.0:
        return rng.integers(DAYS, size=n)
    weights = np.ones(DAYS)
    weights[SUMMER[0] : SUMMER[1]] = scenario.summer
    return rng.choice(DAYS, size=n, p=weights / weights.sum())


def _weather(rng: np.random.Generator) -> Floats:
    """How hard each day's bears are to see everywhere: standard normal, with a correlation of .7 from day to day."""
    days = rng.normal(size=DAYS)
    for day in range(1, DAYS):
        days[day] = 0.7 * days[day - 1] + (1.0 - 0.7**2) ** 0.5 * days[day]
    return days


def _recalls(scenario: Scenario, at: Floats, site: NDArray[np.int64], by_night: NDArray[np.bool_]) -> Floats:
    recall = np.where(by_night, scenario.recall_dark, scenario.recall_light)
    if scenario.recall_far is not None:
        recall = np.where(site >= len(SITES) // 2, scenario.recall_far, recall)
    if scenario.drift_day is not None:
        since = (at - START) / DAY_S - scenario.drift_day
        share = np.clip(since / scenario.drift_days, 0.0, 1.0) if scenario.drift_days else (since >= 0.0).astype(float)
        recall = recall + share * (scenario.recall_after - recall)
    return recall


def _chances(mean: Floats, difficulty: Floats, sd: float) -> Floats:
    """Probabilities that are ``mean`` on average and differ with how hard a visit is to see."""
    if sd == 0.0:
        return mean
    centre = np.array([_centre(float(m), sd) for m in mean])
    chances: Floats = 1.0 / (1.0 + np.exp(sd * difficulty - centre))
    return chances


@cache
def _centre(mean: float, sd: float) -> float:
    """The logit around which probabilities that vary by ``sd`` have this mean."""
    points, weights = np.polynomial.hermite_e.hermegauss(40)
    low, high = -12.0, 12.0
    while high - low > 1e-9:
        middle = (low + high) / 2
        average = float(np.sum(weights / (1.0 + np.exp(sd * points - middle))) / np.sum(weights))
        low, high = (middle, high) if average < mean else (low, middle)
    return low


def _faults(scenario: Scenario, rng: np.random.Generator) -> tuple[Fault, ...]:
    found: list[Fault] = []
    for kind, count, mean_s in (
        ("camera", scenario.cameras_lost, scenario.camera_lost_s),
        ("controller", scenario.controllers_lost, scenario.controller_lost_s),
        ("redis", scenario.redis_lost, scenario.redis_lost_s),
        ("detector", scenario.detectors_blind, scenario.detector_blind_s),
        ("network", scenario.networks_broken, scenario.network_broken_s),
        ("host", scenario.hosts_lost, scenario.host_lost_s),
    ):
        n = int(rng.poisson(count))
        for at, length, camera in zip(
            rng.uniform(START, END, n), rng.exponential(mean_s, n), rng.integers(len(CAMERAS), size=n), strict=True
        ):
            name = CAMERAS[int(camera)] if kind == "camera" else None
            found.append(Fault(kind, float(at), float(at + length), name))
    return tuple(sorted(found, key=lambda fault: fault.at))
