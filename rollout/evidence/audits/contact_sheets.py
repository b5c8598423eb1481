"""Draw a day's contact sheets, and show those that nobody has looked at yet."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from random import Random
from typing import Final

from sqlalchemy import ColumnElement, exists, select
from sqlalchemy.orm import Session, joinedload

from core.messages import Reason
from db.ledger import lock, record
from db.models import (
    AuditAnswer,
    AuditDraw,
    AuditSheet,
    Camera,
    CameraHour,
    Campsite,
    LedgerEntry,
    Region,
    SheetKind,
)
from rollout.evidence.audits.audit_sampling import DrawPlan, Hour, draw, minutes_of, probabilities
from rollout.evidence.audits.planted_frames import Plant, donors, fitting, plant
from rollout.evidence.stats.visits import is_dark

DAY_S: Final = 86400.0
SETTLE_S: Final = 2 * 3600.0
"""A day is drawn this long after its end, when frames that waited out an outage have mostly come in."""
DUE_AFTER_S: Final = 48 * 3600.0
MADE_UP_DAYS: Final = 7
"""Days in a row that one run may draw: the newest, and those before it on which nobody drew."""


@dataclass(frozen=True, slots=True)
class OpenSheet:
    """What an auditor may know of a sheet: where, when, and the pictures."""

    id: int
    campsite_id: str
    camera_id: str
    camera_name: str
    hour_at: float
    thumbnails: tuple[str, ...]
    minutes: tuple[int, ...]
    due_at: float


@dataclass(frozen=True, slots=True)
class _Drawn:
    """One sheet before it is written."""

    hour: Hour
    probability: float | None
    planted: Plant | None = None


def day_to_draw(now: float) -> str:
    """The newest UTC day that is over and has settled."""
    return datetime.fromtimestamp(now - DAY_S - SETTLE_S, UTC).strftime("%Y-%m-%d")


def days_to_draw(session: Session, now: float, oldest: str = "") -> list[str]:
    """The days that have settled and of which nobody has drawn, newest first: :data:`MADE_UP_DAYS` back at most.

    1. A day on which no camera was seen is passed over; should its frames still come in, it is drawn then.
    2. ``oldest`` is the first day whose thumbnails are still there.
    """
    days = [day_to_draw(now - back * DAY_S) for back in range(MADE_UP_DAYS)]
    drawn = set(session.scalars(select(AuditDraw.day).where(AuditDraw.day.in_(days))))
    left = [day for day in days if day not in drawn and day >= oldest]
    return [day for day in left if session.scalar(select(exists().where(*_of_day(_start_of(day)))))]


def draw_due(session: Session, now: float, oldest: str = "") -> dict[str, list[AuditSheet]]:
    """Draw what :func:`days_to_draw` names, each day as it would have been drawn in time, by the day.

    Sheets of the newest day are due as always; those of each day that is made up a day later than the one after it, so
    that nobody has to look at a week of sheets within two days.
    """
    lock(session)
    days = days_to_draw(session, now, oldest)
    return {day: draw_day(session, day, now, due_at=now + DUE_AFTER_S + late * DAY_S) for late, day in enumerate(days)}


def draw_day(
    session: Session,
    day: str,
    now: float,
    rng_seed: int | None = None,
    plan: DrawPlan = DrawPlan(),
    due_at: float | None = None,
) -> list[AuditSheet]:
    """Draw the sheets of one UTC day, once: a second call returns those already drawn.

    1. The population is every camera-hour of the day that has thumbnails.
    2. Each gets its inclusion probability (:func:`rollout.evidence.audits.audit_sampling.probabilities`) before
       anything is drawn.
    3. The seed follows from the ledger's newest entry unless given, so that nobody can choose it and anybody can check.
    4. Known bears are planted in hours that were not drawn (:func:`_sheets` says what happens when all were).
    5. The sheets' order is random. Probabilities, seed and a digest of the population are written down.
    6. They are due at ``due_at``, unset :data:`DUE_AFTER_S` from now.

    Raises ValueError for a day that is none, or that is not over.
    """
    start = _start_of(day)
    if now < start + DAY_S:
        raise ValueError(f"{day} is not over: its camera-hours cannot be drawn yet")
    lock(session)
    if session.get(AuditDraw, day) is not None:
        return list(session.scalars(select(AuditSheet).where(AuditSheet.day == day).order_by(AuditSheet.position)))
    rows = _population(session, start)
    hours = [hour for hour, _ in rows]
    seed = _seed(session, day) if rng_seed is None else rng_seed
    source = Random(seed)
    drawn = _sheets(session, hours, start, plan, source)
    source.shuffle(drawn)
    session.add(AuditDraw(day=day, drawn_at=now, seed=str(seed), hours=len(hours), hours_digest=_digest(hours, plan)))
    session.flush()
    by_id = {hour.id: row for hour, row in rows}
    due_at = now + DUE_AFTER_S if due_at is None else due_at
    sheets = [
        _sheet(day, position, each, by_id[each.hour.id], (now, due_at), source) for position, each in enumerate(drawn)
    ]
    session.add_all(sheets)
    session.flush()
    record(
        session,
        at=now,
        kind="audit.drawn",
        subject=f"audit:{day}",
        actor="jobs",
        body={"seed": str(seed), "hours": len(hours), "sheets": len(sheets), "hours_digest": _digest(hours, plan)},
    )
    return sheets


def open_sheets(session: Session, user_id: int, campsites: Collection[str], limit: int = 50) -> list[OpenSheet]:
    """Sheets of these campsites that nobody has answered, those due first before the others.

    Within a day each auditor gets them in another order, so that two who work at once seldom do the same one.
    """
    rows = session.scalars(
        select(AuditSheet)
        .where(AuditSheet.campsite_id.in_(campsites), ~exists().where(AuditAnswer.sheet_id == AuditSheet.id))
        .options(joinedload(AuditSheet.camera))
        .order_by(AuditSheet.due_at, AuditSheet.position)
    ).all()
    ordered = sorted(rows, key=lambda sheet: (sheet.day, _shuffled(sheet.id, user_id)))
    return [open_sheet(sheet) for sheet in ordered[:limit]]


def open_sheet(sheet: AuditSheet) -> OpenSheet:
    """A sheet as an auditor may see it."""
    return OpenSheet(
        sheet.id,
        sheet.campsite_id,
        sheet.camera_id,
        sheet.camera.name,
        sheet.hour_at,
        tuple(sheet.thumbnails),
        tuple(sheet.minutes),
        sheet.due_at,
    )


def _sheets(session: Session, hours: Sequence[Hour], start: float, plan: DrawPlan, source: Random) -> list[_Drawn]:
    """The day's sheets, in no order yet.

    With more hours than sheets, bears are planted in hours that were not drawn. With fewer, every hour would be drawn
    and none be left: then one fitting hour in ten becomes a host at random instead, and the probability of every
    fitting hour is that of not becoming one.
    """
    by_camera = donors(session, start)
    if len(hours) > plan.drawn:
        chances = probabilities(hours, plan)
        chosen = draw(hours, chances, source)
        left = [hour for index, hour in enumerate(hours) if index not in set(chosen)]
        plants = plant(session, left, by_camera, plan.planted, source)
        return [_Drawn(hours[i], chances[i]) for i in chosen] + [_Drawn(p.hour, None, p) for p in plants]
    hosts = [hour for hour in hours if fitting(hour, by_camera)]
    plants = plant(session, hosts, by_camera, min(plan.planted, (len(hosts) + 9) // 10), source)
    taken = {each.hour.id for each in plants}
    kept = 1.0 - len(plants) / len(hosts) if len(hosts) > 1 else 1.0
    fits = {hour.id for hour in hosts}
    rest = [_Drawn(hour, kept if hour.id in fits else 1.0) for hour in hours if hour.id not in taken]
    return rest + [_Drawn(each.hour, None, each) for each in plants]


def _population(session: Session, start: float) -> list[tuple[Hour, CameraHour]]:
    rows = session.execute(
        select(CameraHour, Campsite.id, Region.timezone)
        .join(Camera, Camera.id == CameraHour.camera_id)
        .join(Campsite, Campsite.id == Camera.campsite_id)
        .join(Region, Region.id == Campsite.region_id)
        .where(*_of_day(start))
        .order_by(CameraHour.hour_at, CameraHour.camera_id)
    )
    return [(_hour(row, campsite, zone), row) for row, campsite, zone in rows if row.thumbnails]


def _of_day(start: float) -> tuple[ColumnElement[bool], ...]:
    return CameraHour.hour_at >= start, CameraHour.hour_at < start + DAY_S


def _hour(row: CameraHour, campsite: str, timezone: str) -> Hour:
    return Hour(
        id=row.id,
        campsite=campsite,
        camera=row.camera_id,
        hour_at=row.hour_at,
        dark=is_dark(row.hour_at, timezone),
        motion=row.frames.get(Reason.MOTION, 0) > 0,
        max_score=row.max_score,
    )


def _sheet(
    day: str, position: int, drawn: _Drawn, row: CameraHour, drawn_and_due_at: tuple[float, float], source: Random
) -> AuditSheet:
    drawn_at, due_at = drawn_and_due_at
    thumbnails = list(row.thumbnails)
    index = None
    if drawn.planted is not None:
        index = source.randrange(len(thumbnails))
        thumbnails[index] = drawn.planted.picture
    return AuditSheet(
        day=day,
        position=position,
        kind=SheetKind.RANDOM if drawn.planted is None else SheetKind.PLANTED,
        campsite_id=drawn.hour.campsite,
        camera_id=drawn.hour.camera,
        hour_at=drawn.hour.hour_at,
        stratum=drawn.hour.stratum,
        probability=drawn.probability,
        thumbnails=thumbnails,
        minutes=minutes_of(row.minutes, len(thumbnails)),
        planted_index=index,
        planted_encounter_id=drawn.planted.encounter_id if drawn.planted else None,
        drawn_at=drawn_at,
        due_at=due_at,
    )


def _seed(session: Session, day: str) -> int:
    newest = session.scalar(select(LedgerEntry.hash).order_by(LedgerEntry.seq.desc()).limit(1)) or ""
    return int.from_bytes(hashlib.sha256(f"{day}:{newest}".encode()).digest()[:8])


def _digest(hours: Sequence[Hour], plan: DrawPlan) -> str:
    rows: list[Mapping[str, object]] = [
        {"camera": hour.camera, "hour_at": hour.hour_at, "stratum": hour.stratum, "probability": repr(chance)}
        for hour, chance in zip(hours, probabilities(hours, plan), strict=True)
    ]
    return hashlib.sha256(json.dumps(rows, sort_keys=True).encode()).hexdigest()


def _shuffled(sheet_id: int, user_id: int) -> bytes:
    return hashlib.blake2b(f"{user_id}:{sheet_id}".encode(), digest_size=8).digest()


def _start_of(day: str) -> float:
    try:
        return datetime.strptime(day, "%Y-%m-%d").replace(tzinfo=UTC).timestamp()
    except ValueError as error:
        raise ValueError(f"{day!r} is no day; write one as 2027-01-15") from error
