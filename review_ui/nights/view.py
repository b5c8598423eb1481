"""One night of some cameras: when each was scored, what it saw, what people decided, saw and watched."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import or_, select
from sqlalchemy.orm import Session, joinedload

from core.config import Config
from core.night_span import Night
from db.models import Alert, AlertStatus, AuditAnswer, AuditSheet, CameraHour, Encounter, SheetKind, Sighting, Watch
from review_ui.auth.access_scope import AccessScope
from review_ui.rendering.wording import ANIMALS, STATUS_WORDS, age

NOT_WRITTEN_YET_S: Final = 180.0
"""Camera-hours are written a little late: the last minutes are not called blind yet."""
WHOLE_HOUR: Final = 60


@dataclass(frozen=True, slots=True)
class BlindSpan:
    """A stretch of time in which a camera's frames were scored, or in which none was."""

    start: float
    end: float
    scored: bool


@dataclass(frozen=True, slots=True)
class NightVisit:
    """One encounter with what became of it."""

    encounter_id: int
    alert_id: int | None
    first_at: float
    last_at: float
    status: AlertStatus | None
    late: bool
    model: str
    second_review: bool = False
    """What was decided is hidden from this viewer, who may take a second review; ``status`` is None then."""

    @property
    def words(self) -> str:
        """What became of it."""
        if self.second_review:
            return "A second review waits for you"
        return STATUS_WORDS[self.status] if self.status else "No alert"

    @property
    def mark(self) -> str:
        """How it is drawn: what waits for a second review looks like what waits for a first one."""
        return "open" if self.second_review else self.status or "none"


@dataclass(frozen=True, slots=True)
class Audited:
    """A camera-hour that somebody has looked through. ``bear`` is what they found: yes, no or unsure."""

    hour_at: float
    bear: str
    by: str


@dataclass(frozen=True, slots=True)
class CameraRow:
    """One camera's night. ``hidden``: its visits must not be shown to this viewer now."""

    id: str
    name: str
    campsite_id: str
    bands: tuple[BlindSpan, ...]
    visits: tuple[NightVisit, ...]
    audits: tuple[Audited, ...]
    hidden: bool

    @property
    def blind_s(self) -> float:
        """How long no frame was scored."""
        return sum(band.end - band.start for band in self.bands if not band.scored)


@dataclass(frozen=True, slots=True)
class SightingMark:
    """What a person saw."""

    id: int
    at: float
    what: str
    by: str
    blind: bool


@dataclass(frozen=True, slots=True)
class WatchSpan:
    """When a person watched; ``end`` is now for a watch that goes on."""

    start: float
    end: float
    by: str
    open: bool


@dataclass(frozen=True, slots=True)
class SiteRow:
    """What people did at one campsite."""

    id: str
    name: str
    sightings: tuple[SightingMark, ...]
    watches: tuple[WatchSpan, ...]
    cameras: tuple[CameraRow, ...]
    hidden: bool


@dataclass(frozen=True, slots=True)
class NightMoment:
    """One line of the night in words: at the same time a place to jump to."""

    at: float
    kind: str
    text: str
    href: str | None


def rows(
    session: Session,
    config: Config,
    night: Night,
    campsites: Sequence[str],
    scope: AccessScope,
    own: int,
    now: float,
) -> tuple[SiteRow, ...]:
    """The night of these campsites for one viewer, in their order."""
    return tuple(_site(session, config, night, campsite, scope, own, now) for campsite in campsites)


def moments(sites: Sequence[SiteRow]) -> list[NightMoment]:
    """Everything that happened, in order."""
    found = [moment for site in sites for moment in _moments(site)]
    return sorted(found, key=lambda moment: moment.at)


def bands(hours: Sequence[tuple[float, int]], night: Night, now: float) -> tuple[BlindSpan, ...]:
    """When a camera's frames were scored, minute by minute, joined.

    ``hours`` are pairs of an hour's start and its bits: bit n is set when a frame was scored in minute n. Minutes that
    no row tells of are minutes without one. The last minutes before ``now`` are left open.
    """
    scored = {int(start) // 60 + minute for start, bits in hours for minute in range(WHOLE_HOUR) if bits >> minute & 1}
    first, until = int(night.start) // 60, min(night.end, now - NOT_WRITTEN_YET_S) // 60
    found: list[BlindSpan] = []
    for minute in range(first, int(until)):
        saw, start, end = minute in scored, minute * 60.0, minute * 60.0 + 60.0
        if found and found[-1].scored is saw:
            found[-1] = BlindSpan(found[-1].start, end, saw)
        else:
            found.append(BlindSpan(start, end, saw))
    return tuple(found)


def _site(
    session: Session, config: Config, night: Night, campsite: str, scope: AccessScope, own: int, now: float
) -> SiteRow:
    hidden = campsite in scope.hidden
    cameras = [key for key, camera in config.cameras.items() if camera.campsite == campsite]
    shown = [key for key in cameras if not scope.hides_camera(key, campsite)]
    visits = _visits(session, shown, night, scope)
    audits = {} if hidden else _audits(session, cameras, night, now)
    hours = _hours(session, cameras, night)
    return SiteRow(
        id=campsite,
        name=config.campsites[campsite].name or campsite,
        sightings=_sightings(session, campsite, night, own if hidden else None),
        watches=_watches(session, campsite, night, own if hidden else None, now),
        cameras=tuple(
            CameraRow(
                id=key,
                name=config.cameras[key].name or key,
                campsite_id=campsite,
                bands=bands(hours.get(key, []), night, now),
                visits=tuple(visits.get(key, ())),
                audits=tuple(audits.get(key, ())),
                hidden=key not in shown,
            )
            for key in cameras
        ),
        hidden=hidden,
    )


def _visits(session: Session, cameras: Sequence[str], night: Night, scope: AccessScope) -> dict[str, list[NightVisit]]:
    found: dict[str, list[NightVisit]] = {}
    query = (
        select(Encounter, Alert.id, Alert.status)
        .outerjoin(Alert, Alert.encounter_id == Encounter.id)
        .where(Encounter.camera_id.in_(cameras), Encounter.first_at < night.end, Encounter.last_at >= night.start)
        .order_by(Encounter.first_at)
    )
    for encounter, alert_id, status in session.execute(query):
        secret = alert_id in scope.second_reviews
        found.setdefault(encounter.camera_id, []).append(
            NightVisit(
                encounter.id,
                alert_id,
                encounter.first_at,
                encounter.last_at,
                AlertStatus(status) if status and not secret else None,
                encounter.late,
                encounter.model,
                secret,
            )
        )
    return found


def _audits(session: Session, cameras: Sequence[str], night: Night, now: float) -> dict[str, list[Audited]]:
    """The newest answer of each sheet drawn at random, once its day is over: which ones were planted stays hidden."""
    query = (
        select(AuditSheet, AuditAnswer)
        .join(AuditAnswer, AuditAnswer.sheet_id == AuditSheet.id)
        .where(
            AuditSheet.camera_id.in_(cameras),
            AuditSheet.kind == SheetKind.RANDOM,
            AuditSheet.due_at <= now,
            AuditSheet.hour_at >= night.start,
            AuditSheet.hour_at < night.end,
        )
        .options(joinedload(AuditAnswer.user))
        .order_by(AuditAnswer.id)
    )
    newest = {sheet.id: (sheet, answer) for sheet, answer in session.execute(query)}
    found: dict[str, list[Audited]] = {}
    for sheet, answer in newest.values():
        found.setdefault(sheet.camera_id, []).append(Audited(sheet.hour_at, answer.bear, answer.user.name))
    return found


def _hours(session: Session, cameras: Sequence[str], night: Night) -> dict[str, list[tuple[float, int]]]:
    query = select(CameraHour.camera_id, CameraHour.hour_at, CameraHour.minutes).where(
        CameraHour.camera_id.in_(cameras), CameraHour.hour_at > night.start - 3600.0, CameraHour.hour_at < night.end
    )
    found: dict[str, list[tuple[float, int]]] = {}
    for camera, hour_at, minutes in session.execute(query):
        found.setdefault(camera, []).append((hour_at, minutes))
    return found


def _sightings(session: Session, campsite: str, night: Night, only_of: int | None) -> tuple[SightingMark, ...]:
    query = (
        select(Sighting)
        .where(Sighting.campsite_id == campsite, Sighting.seen_at >= night.start, Sighting.seen_at < night.end)
        .options(joinedload(Sighting.user))
        .order_by(Sighting.seen_at)
    )
    if only_of is not None:
        query = query.where(Sighting.user_id == only_of)
    return tuple(
        SightingMark(s.id, s.seen_at, _animals(s.animal, s.number), s.user.name, s.blind)
        for s in session.scalars(query)
    )


def _watches(session: Session, campsite: str, night: Night, only_of: int | None, now: float) -> tuple[WatchSpan, ...]:
    query = (
        select(Watch)
        .where(
            Watch.campsite_id == campsite,
            Watch.started_at < night.end,
            or_(Watch.ended_at.is_(None), Watch.ended_at >= night.start),
        )
        .options(joinedload(Watch.user))
        .order_by(Watch.started_at)
    )
    if only_of is not None:
        query = query.where(Watch.user_id == only_of)
    return tuple(
        WatchSpan(w.started_at, now if w.ended_at is None else w.ended_at, w.user.name, w.ended_at is None)
        for w in session.scalars(query)
    )


def _moments(site: SiteRow) -> Iterator[NightMoment]:
    for camera in site.cameras:
        for visit in camera.visits:
            lasted = age(visit.last_at - visit.first_at)
            late = ", found late" if visit.late else ""
            text = f"{camera.name}, {site.name}: in view for {lasted}. {visit.words}{late}"
            href = f"/alerts/{visit.alert_id}" if visit.alert_id else None
            yield NightMoment(visit.first_at, f"visit-{visit.mark}", text, href)
        for audit in camera.audits:
            said = _AUDITED.get(audit.bear, audit.bear)
            text = f"{audit.by} looked through this hour of {camera.name}, {site.name}, blind: {said}"
            yield NightMoment(audit.hour_at, "audit", text, None)
        for band in camera.bands:
            if not band.scored:
                text = f"{camera.name}, {site.name}: nobody looked for {age(band.end - band.start)}"
                yield NightMoment(band.start, "blind", text, None)
    for sighting in site.sightings:
        blind = "" if sighting.blind else ", not blind"
        yield NightMoment(
            sighting.at,
            "sighting",
            f"{sighting.by} saw {sighting.what} at {site.name}{blind}",
            f"/sightings/{sighting.id}",
        )
    for watch in site.watches:
        lasted = f"since {age(watch.end - watch.start)}" if watch.open else f"for {age(watch.end - watch.start)}"
        yield NightMoment(watch.start, "watch", f"{watch.by} watched {site.name} {lasted}", None)


_AUDITED: Final = {"yes": "a bear", "no": "no bear", "unsure": "unsure"}


def _animals(animal: str, number: int) -> str:
    word = ANIMALS.get(animal, animal.replace("_", " ")).lower()
    return f"a {word}" if number == 1 else f"{number} \N{MULTIPLICATION SIGN} {word}"
