"""Find alerts again: by place, time, light, animal, what was decided and by whom."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Annotated, Final, Literal
from zoneinfo import ZoneInfo

from fastapi import Depends, Query
from sqlalchemy import ColumnElement, and_, false, or_, select
from sqlalchemy.orm import Session

from core.clock import civil
from core.media import MediaStore
from core.messages import EncounterKind
from db.models import Alert, AlertStatus, Encounter, Review, User
from review_ui.auth.access_scope import AccessScope
from review_ui.web.alert_cards import FULL, AlertCard, card_of
from rollout.evidence.loader import timezones_of

AT_ONCE: Final = 200
"""Alerts that an export reads at a time."""
CSV_COLUMNS: Final = (
    "alert", "campsite", "camera", "captured_at", "local_time", "first_at", "last_at", "animal", "status", "frames",
    "zones", "infrared", "late", "mode", "model", "picture",
)  # fmt: skip


class LightFilter(StrEnum):
    """By which light the best frame was taken."""

    DAY = "day"
    INFRARED = "infrared"


@dataclass(frozen=True, slots=True)
class AlertFilters:
    """What is looked for; empty or None says nothing. ``first_day`` and ``last_day`` are dates by the clock of the
    alert's campsite, both included.
    """

    campsite: str = ""
    camera: str = ""
    status: AlertStatus | None = None
    kind: EncounterKind | None = None
    light: LightFilter | None = None
    by: str = ""
    """Name of somebody who has decided about it, whether that stands or not."""
    model: str = ""
    first_day: date | None = None
    last_day: date | None = None

    def asked(self) -> dict[str, str]:
        """What was asked for, as an address says it."""
        given = {each.name: getattr(self, each.name) for each in fields(self)}
        return {name: str(value) for name, value in given.items() if value not in ("", None)}


def filters_of(
    campsite: Annotated[str, Query(max_length=63)] = "",
    camera: Annotated[str, Query(max_length=63)] = "",
    status: Annotated[AlertStatus | Literal[""], Query(description="what has been decided so far")] = "",
    kind: EncounterKind | Literal[""] = "",
    light: Annotated[LightFilter | Literal[""], Query(description="by which light the best frame was taken")] = "",
    by: Annotated[str, Query(max_length=80, description="name of somebody who has decided about it")] = "",
    model: Annotated[str, Query(max_length=100)] = "",
    first_day: Annotated[date | Literal[""], Query(description="by the campsite's clock")] = "",
    last_day: Annotated[date | Literal[""], Query(description="by the campsite's clock, included")] = "",
) -> AlertFilters:
    """What an address asks for: nothing by an empty field. PostgreSQL takes no NUL in a text."""
    texts = (text.replace("\0", "").strip() for text in (campsite, camera, by, model))
    of_campsite, of_camera, of_person, of_model = texts
    return AlertFilters(
        campsite=of_campsite,
        camera=of_camera,
        status=status or None,
        kind=kind or None,
        light=light or None,
        by=of_person,
        model=of_model,
        first_day=first_day or None,
        last_day=last_day or None,
    )


FiltersDep = Annotated[AlertFilters, Depends(filters_of)]


def alerts_found(
    session: Session, scope: AccessScope, filters: AlertFilters, before: int | None, limit: int
) -> Sequence[Alert]:
    """The newest first, those before an alert's number."""
    query = select(Alert).where(*_conditions(session, scope, filters))
    if before is not None:
        query = query.where(Alert.id < before)
    return session.scalars(query.order_by(Alert.id.desc()).limit(limit).options(*FULL)).all()


def alerts_after(
    session: Session, scope: AccessScope, filters: AlertFilters, after: int, limit: int
) -> Sequence[Alert]:
    """The oldest first, those after an alert's number."""
    query = select(Alert.id).where(Alert.id > after, *_conditions(session, scope, filters))
    found = session.scalars(query.order_by(Alert.id).limit(limit)).all()
    return (
        session.scalars(select(Alert).where(Alert.id.in_(found)).order_by(Alert.id).options(*FULL)).all()
        if found
        else []
    )


def cards_found(
    session: Session, media: MediaStore, scope: AccessScope, filters: AlertFilters, before: int | None, limit: int
) -> list[AlertCard]:
    """The same as cards."""
    return [card_of(alert, media, scope) for alert in alerts_found(session, scope, filters, before, limit)]


def people_who_decided(session: Session, scope: AccessScope) -> list[str]:
    """Names to choose from: of those who have decided about something whose decision may be seen."""
    shown = select(Review.user_id).join(Alert, Alert.id == Review.alert_id)
    shown = shown.where(scope.alerts(), Alert.id.not_in(scope.second_reviews))
    return sorted(session.scalars(select(User.name).where(User.id.in_(shown))))


def models_that_alerted(session: Session, scope: AccessScope) -> list[str]:
    """Models to choose from: those whose alerts may be seen."""
    query = select(Encounter.model).join(Alert, Alert.encounter_id == Encounter.id).where(scope.alerts())
    return sorted(session.scalars(query.distinct()))


def csv_of(session: Session, media: MediaStore, scope: AccessScope, filters: AlertFilters) -> Iterator[str]:
    """All that fit as CSV, newest first, in pieces. What spreadsheets would take for a formula is quoted."""
    yield _line(CSV_COLUMNS)
    before: int | None = None
    while alerts := alerts_found(session, scope, filters, before, AT_ONCE):
        before = alerts[-1].id
        yield "".join(_line(_row(alert, media, scope)) for alert in alerts)


def _row(alert: Alert, media: MediaStore, scope: AccessScope) -> list[str]:
    card, encounter = card_of(alert, media, scope), alert.encounter
    light = "" if encounter.infrared is None else str(encounter.infrared).lower()
    local = f"{civil(card.captured_at, card.timezone):%Y-%m-%dT%H:%M:%S%z}"
    status = card.status.value if card.status else "second review"
    picture = card.picture.url if card.picture else ""
    return [
        str(card.id), card.campsite_id, card.camera_id, f"{card.captured_at:.3f}", local, f"{card.first_at:.3f}",
        f"{card.last_at:.3f}", card.kind.value, status, str(card.hits), " ".join(card.zones), light,
        str(card.late).lower(), card.mode, encounter.model, picture,
    ]  # fmt: skip


def _line(cells: Sequence[str]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\r\n").writerow([f"'{c}" if c[:1] in ("=", "+", "-", "@") else c for c in cells])
    return out.getvalue()


def _conditions(session: Session, scope: AccessScope, filters: AlertFilters) -> list[ColumnElement[bool]]:
    """What this person may see at all, and what is asked for; where that is what was decided, nothing whose decision is
    hidden from them until they have given a second review.
    """
    asked: list[ColumnElement[bool]] = [scope.alerts()]
    if filters.campsite:
        asked.append(Alert.campsite_id == filters.campsite)
    if filters.camera:
        asked.append(Alert.camera_id == filters.camera)
    if filters.kind is not None:
        asked.append(Alert.kind == filters.kind)
    if filters.status is not None:
        asked.append(Alert.status == filters.status)
    if filters.by:
        theirs = select(Review.alert_id).join(User, User.id == Review.user_id).where(User.name == filters.by)
        asked.append(Alert.id.in_(theirs))
    if filters.status is not None or filters.by:
        asked.append(Alert.id.not_in(scope.second_reviews))
    of_encounter = _of_encounter(filters)
    if of_encounter:
        asked.append(Alert.encounter_id.in_(select(Encounter.id).where(*of_encounter)))
    if filters.first_day or filters.last_day:
        asked.append(_between(timezones_of(session), filters.first_day, filters.last_day))
    return asked


def _of_encounter(filters: AlertFilters) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if filters.light is not None:
        found.append(Encounter.infrared.is_(filters.light is LightFilter.INFRARED))
    if filters.model:
        found.append(Encounter.model == filters.model)
    return found


def _between(timezones: Mapping[str, str], first: date | None, last: date | None) -> ColumnElement[bool]:
    """Days begin at each campsite's own midnight."""
    zones: dict[str, list[str]] = {}
    for campsite, zone in timezones.items():
        zones.setdefault(zone, []).append(campsite)
    parts: list[ColumnElement[bool]] = []
    for zone, campsites in zones.items():
        bounds: list[ColumnElement[bool]] = [Alert.campsite_id.in_(campsites)]
        if first is not None:
            bounds.append(Alert.captured_at >= _midnight(first, zone))
        if last is not None and last < date.max:
            bounds.append(Alert.captured_at < _midnight(last + timedelta(days=1), zone))
        parts.append(and_(*bounds))
    return or_(false(), *parts)


def _midnight(day: date, zone: str) -> float:
    return datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone)).timestamp()
