"""On and off nights: what the model's help does, by experiment.

Alarms change people: where they are on, people look, and find more bears than they would have. The only clean view is a
lot: in some nights the rangers get the model's help, in others they watch as if it were not there. Comparing the two
gives the effect, and the off nights show what is found without it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from random import Random
from typing import Final

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import select
from sqlalchemy.orm import Session

from db.animals import kinds_of_bear
from db.ledger import record
from db.models import Campsite, NightExperiment, Sighting
from rollout.evidence.loader import timezones_of
from rollout.evidence.stats.visits import night_of

PERMUTATIONS: Final = 1999


@dataclass(frozen=True, slots=True)
class NightPlan:
    """An experiment as the assignment sees it: everything follows from these values alone."""

    campsites: tuple[str, ...]
    first_night: str
    nights: int
    block: int
    seed: str

    def __post_init__(self) -> None:
        if self.block < 2 or self.block % 2:
            raise ValueError(f"a block needs an even number of nights, so that half can be on; is {self.block}")
        if self.nights < self.block:
            raise ValueError(f"an experiment needs at least one block of {self.block} nights, has {self.nights}")
        if not self.campsites:
            raise ValueError("an experiment needs at least one campsite")
        try:
            date.fromisoformat(self.first_night)
        except ValueError as error:
            raise ValueError(f"{self.first_night!r} is no night; write its evening as 2027-07-14") from error

    def number_of(self, night: str) -> int | None:
        """Which night of the experiment it is, from 0; None when it is none of them."""
        number = (date.fromisoformat(night) - date.fromisoformat(self.first_night)).days
        return number if 0 <= number < self.nights else None

    def is_on(self, campsite: str, night: str) -> bool | None:
        """Whether the model helps in that night; None outside of the experiment.

        In every block of nights in a row half are on, at random, each campsite by itself. The nights of a last, shorter
        block are as much of a whole one.
        """
        number = self.number_of(night)
        if number is None or campsite not in self.campsites:
            return None
        block, place = divmod(number, self.block)
        assignments = [True] * (self.block // 2) + [False] * (self.block // 2)
        Random(f"{self.seed}:{campsite}:{block}").shuffle(assignments)
        return assignments[place]

    def all_nights(self) -> list[str]:
        """All nights, by their evenings."""
        first = date.fromisoformat(self.first_night)
        return [(first + timedelta(days=number)).isoformat() for number in range(self.nights)]


def plan_of(row: NightExperiment) -> NightPlan:
    """The plan of a stored experiment."""
    return NightPlan(tuple(row.campsites), row.first_night, row.nights, row.block, row.seed)


def schedule(session: Session, name: str, plan: NightPlan, user_id: int, now: float) -> NightExperiment:
    """Write an experiment down before its first night. Raises ValueError when it cannot be.

    Two experiments may not claim the same campsite at the same time.
    """
    unknown = sorted(set(plan.campsites) - set(session.scalars(select(Campsite.id))))
    if unknown:
        raise ValueError(f"not configured: {', '.join(unknown)}")
    for other in session.scalars(select(NightExperiment).where(NightExperiment.ended_at.is_(None))):
        theirs = plan_of(other)
        if set(theirs.campsites) & set(plan.campsites) and set(theirs.all_nights()) & set(plan.all_nights()):
            raise ValueError(f"experiment {other.name!r} has some of these nights already; end it, or choose others")
    row = NightExperiment(
        name=name, campsites=list(plan.campsites), first_night=plan.first_night, nights=plan.nights, block=plan.block,
        seed=plan.seed, created_at=now, created_by_id=user_id, ended_at=None,
    )  # fmt: skip
    session.add(row)
    session.flush()
    body = {"name": name, "campsites": list(plan.campsites), "first_night": plan.first_night, "nights": plan.nights,
            "block": plan.block, "seed": plan.seed}  # fmt: skip
    record(
        session, at=now, kind="experiment.scheduled", subject=f"experiment:{row.id}", actor=f"user:{user_id}", body=body
    )
    return row


def end(session: Session, experiment_id: int, user_id: int, now: float) -> bool:
    """End an experiment before its time; False when it had ended already, or does not exist."""
    row = session.get(NightExperiment, experiment_id)
    if row is None or row.ended_at is not None:
        return False
    row.ended_at = now
    session.flush()
    record(session, at=now, kind="experiment.ended", subject=f"experiment:{row.id}", actor=f"user:{user_id}", body={})
    return True


def helps_now(session: Session, campsite: str, at: float) -> bool | None:
    """Whether the model's help is on at a campsite at this moment; None when no experiment says anything."""
    zone = timezones_of(session).get(campsite)
    if zone is None:
        return None
    night = night_of(at, zone)
    for row in session.scalars(select(NightExperiment)):
        if row.ended_at is None or at < row.ended_at:
            is_on = plan_of(row).is_on(campsite, night)
            if is_on is not None:
                return is_on
    return None


@dataclass(frozen=True, slots=True)
class NightOutcome:
    """What one night at one campsite came to."""

    campsite: str
    night: str
    on: bool
    amount: float


@dataclass(frozen=True, slots=True)
class NightEffect:
    """What the help adds to a night: mean of the on nights minus that of the off nights, with a 95 % interval."""

    difference: float
    lower: float
    upper: float
    p_value: float
    """How often chance alone gives a difference as large, in either direction."""
    mean_on: float
    mean_off: float
    nights: int


def effect(outcomes: Sequence[NightOutcome], plan: NightPlan, permutations: int = PERMUTATIONS) -> NightEffect | None:
    """Estimate the effect by assigning the nights anew, within each campsite and block, as they were drawn.

    The interval assumes that the help adds the same to every night: it is taken off the on nights before the nights are
    drawn anew. None while there is no on night or no off night.
    """
    kept = [o for o in outcomes if plan.number_of(o.night) is not None and o.campsite in plan.campsites]
    on = np.array([o.on for o in kept], dtype=bool)
    if not on.any() or on.all():
        return None
    amount = np.array([o.amount for o in kept], dtype=np.float64)
    observed = _difference(amount, on[None, :])[0]
    groups = [(o.campsite, (plan.number_of(o.night) or 0) // plan.block) for o in kept]
    assignments = _redrawn(on, groups, permutations, seed=0)
    null = _difference(amount, assignments)
    spread = _difference(amount - observed * on, assignments)
    low, high = np.quantile(spread, [0.025, 0.975])
    at_least = int((np.abs(null) >= abs(observed) - 1e-12).sum())
    return NightEffect(
        float(observed),
        float(observed - high),
        float(observed - low),
        (at_least + 1) / (permutations + 1),
        float(amount[on].mean()),
        float(amount[~on].mean()),
        len(kept),
    )


def sightings_by_night(session: Session, plan: NightPlan, now: float) -> list[NightOutcome]:
    """How many bears people logged in each night of the experiment that is over."""
    zones: Mapping[str, str] = timezones_of(session)
    rows = session.execute(
        select(Sighting.campsite_id, Sighting.seen_at).where(
            Sighting.campsite_id.in_(plan.campsites), Sighting.animal.in_(kinds_of_bear(session))
        )
    )
    counts = Counter((site, night_of(at, zones[site])) for site, at in rows)
    found = []
    for site in plan.campsites:
        tonight = night_of(now, zones[site])
        for night in plan.all_nights():
            is_on = plan.is_on(site, night)
            if is_on is not None and night < tonight:
                found.append(NightOutcome(site, night, is_on, counts[site, night]))
    return found


def _difference(amount: NDArray[np.float64], on: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Mean of the on nights minus mean of the off nights, for each row of assignments."""
    count = on.sum(axis=1)
    total_on = on @ amount
    difference: NDArray[np.float64] = total_on / count - (amount.sum() - total_on) / (on.shape[1] - count)
    return difference


def _redrawn(
    on: NDArray[np.bool_], groups: Iterable[tuple[str, int]], permutations: int, seed: int
) -> NDArray[np.bool_]:
    """Assignments drawn anew within each group, ``permutations`` rows of them."""
    rng = np.random.default_rng(seed)
    assignments = np.tile(on, (permutations, 1))
    names = list(groups)
    for group in sorted(set(names)):
        columns = [index for index, name in enumerate(names) if name == group]
        assignments[:, columns] = rng.permuted(assignments[:, columns], axis=1)
    return assignments
