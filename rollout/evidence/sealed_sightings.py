"""Read sightings against the ledger: each one sealed is there, says what was sealed, and was blind if it says so.

A sighting that is gone, that was changed, or that nobody sealed is a miss: whoever takes a miss out of the database
must not make the model look better. It is named, and people are paged for it.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from db.animals import BEAR, kinds_of_bear
from db.models import LedgerEntry, Sighting
from rollout.evidence.comparison import SightedVisit
from rollout.evidence.seals import BLINDNESS_TOO, LATE_S, SEALED, blindness_of, digest_of_sighting


@dataclass(frozen=True, slots=True)
class BrokenSighting:
    """A sighting that is no longer what was sealed, where the ledger places it, and what is wrong with it."""

    id: int
    campsite: str
    seen_at: float
    blind: bool
    why: str

    def as_miss(self) -> SightedVisit:
        """The same as evidence: a bear that the model has missed."""
        return SightedVisit(self.id, self.campsite, None, self.seen_at, self.blind, lost=True)


@dataclass(frozen=True, slots=True)
class SealedSightings:
    """Every bear that a person has sealed until now: as sealed, or as a broken one."""

    intact: tuple[SightedVisit, ...]
    broken: tuple[BrokenSighting, ...]

    @property
    def all(self) -> list[SightedVisit]:
        """Both, in order of when they were seen."""
        return sorted(
            [*self.intact, *(each.as_miss() for each in self.broken)], key=lambda each: (each.seen_at, each.id)
        )


@dataclass(frozen=True, slots=True)
class _Sealed:
    """What the ledger says of a sighting. Entries of the first version know neither animal nor moment."""

    campsite: str | None
    seal: str
    blind: bool
    animal: str
    seen_at: float


def read_sightings(session: Session, now: float, since: float = float("-inf")) -> SealedSightings:
    """Every sighting of a bear, or of a kind of bear, sealed from ``since`` until ``now``.

    1. In the ledger and in the database, with the same seal, which still fits: intact. It is blind if it was sealed as
       blind, no later than :data:`LATE_S` after it was seen.
    2. In the ledger alone, or with another seal or other words: broken. Where the ledger does not say which animal it
       was, it was a bear; where nobody knows whether it was blind, it was.
    3. In the database alone: nobody has sealed it, broken too.
    """
    sealed, bears = _ledger(session, now, since), kinds_of_bear(session)
    intact: list[SightedVisit] = []
    broken: list[BrokenSighting] = []
    rows = session.scalars(
        select(Sighting).where(Sighting.sealed_at <= now, Sighting.sealed_at >= since).order_by(Sighting.id)
    )
    for row in rows:
        said = sealed.pop(row.id, None)
        why = _misfit(row, said)
        if why is not None:
            broken += _as_broken(row, said, why, bears)
        elif row.animal in bears:
            blind = row.blind and row.sealed_at - row.seen_at <= LATE_S
            intact.append(SightedVisit(row.id, row.campsite_id, row.camera_id, row.seen_at, blind))
    for number, said in sealed.items():
        if said.animal in bears and session.get(Sighting, number) is None:
            broken.append(
                BrokenSighting(number, said.campsite or "", said.seen_at, said.blind, "it was taken out of the record")
            )
    return SealedSightings(tuple(sorted(intact, key=lambda each: (each.seen_at, each.id))), tuple(broken))


def intact_seal(row: Sighting) -> bool:
    """Whether a sighting still says what was sealed, by itself: the ledger is not asked."""
    entered = {
        "campsite": row.campsite_id, "camera": row.camera_id, "animal": row.animal, "number": row.number,
        "note": row.note, "seen_at": row.seen_at,
    }  # fmt: skip
    covered = row.seal_version >= BLINDNESS_TOO
    blindness = blindness_of(row.blind, row.watch_id, row.not_blind_why) if covered else None
    return digest_of_sighting(entered, row.user_id, row.sealed_at, blindness) == row.seal


def _misfit(row: Sighting, said: _Sealed | None) -> str | None:
    """What is wrong with a row; None when nothing is."""
    if said is None:
        return "nobody has sealed it"
    if not intact_seal(row):
        return "it no longer says what was sealed"
    if row.seal != said.seal:
        return "its seal is another than the ledger's"
    return "whether it was blind was changed" if row.blind != said.blind else None


def _as_broken(row: Sighting, said: _Sealed | None, why: str, bears: Collection[str]) -> list[BrokenSighting]:
    if said is None:
        return [BrokenSighting(row.id, row.campsite_id, row.seen_at, True, why)]
    if said.animal not in bears:
        return []
    return [BrokenSighting(row.id, said.campsite or row.campsite_id, said.seen_at, said.blind, why)]


def _ledger(session: Session, now: float, since: float) -> dict[int, _Sealed]:
    rows = session.execute(
        select(LedgerEntry.at, LedgerEntry.campsite, LedgerEntry.body)
        .where(LedgerEntry.kind == SEALED, LedgerEntry.at <= now, LedgerEntry.at >= since)
        .order_by(LedgerEntry.seq)
    )
    found: dict[int, _Sealed] = {}
    for at, campsite, text in rows:
        body: Mapping[str, Any] = json.loads(text)
        if "sighting" not in body:
            continue  # not written by the form
        found.setdefault(
            int(body["sighting"]),
            _Sealed(
                campsite,
                str(body["seal"]),
                bool(body["blind"]),
                str(body.get("animal", BEAR)),
                float(body.get("seen_at", at)),
            ),
        )
    return found
