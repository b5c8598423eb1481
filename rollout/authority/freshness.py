"""Pipeline freshness: no camera warns anybody whose pictures do not reach the tracker.

A picture counts when a detector that proves itself has scored it and the tracker has handled it in time. The tracker
writes down how far each camera has come (:func:`store_watermarks`); :func:`rollout.authority.authority.authority` reads
that, so that warnings are paused by themselves, to the second, whatever died and whoever is left to see it. The
controller looks at it every second (:func:`check_freshness`) and writes down from when until when they were paused,
and why: nobody is paged for that alone, but everybody who relies on it is told.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from sqlalchemy import and_, func, insert, or_, select, update
from sqlalchemy.orm import Session

from db.ledger import lock, record
from db.models import AuthorityLease, Camera, CameraFreshness, FreshnessGap, Mode
from db.session import Database

CHECK_EVERY_S: Final = 1.0
"""The controller checks this often."""
CLOCKS_DIFFER_S: Final = 60.0
"""Clocks of two machines may differ by so much."""
NEVER: Final = float("-inf")
Why = Callable[[str], str]
"""What is known of the cause, by camera."""


def unknown_why(camera: str) -> str:
    """Where nothing else is known."""
    return "its pictures do not arrive"


@dataclass(frozen=True, slots=True)
class Watermark:
    """How far one camera has come: the newest handled picture, and since when they come without a gap."""

    captured_at: float = NEVER
    steady_since: float | None = None

    def handled(self, captured_at: float, now: float, within_s: float) -> Watermark:
        """After a picture that was taken at ``captured_at`` was handled ``now``.

        1. A picture older than ``within_s`` proves nothing about now; one from the future is from now.
        2. Where pictures stayed away in between, they come since now.
        """
        taken_at = min(captured_at, now)
        if taken_at <= self.captured_at or now - taken_at > within_s:
            return self
        unbroken = self.steady_since is not None and now - self.captured_at <= within_s
        return Watermark(taken_at, self.steady_since if unbroken else now)

    def lost(self) -> Watermark:
        """Nothing can arrive any more."""
        return Watermark(self.captured_at, None)


def is_fresh(captured_at: float | None, steady_since: float | None, now: float, within_s: float, back_s: float) -> bool:
    """Whether a camera is fresh: its last handled picture is young enough, and they have come for long enough.

    One from the future is none: whoever asks has a clock that is slow, and cannot tell whether authority has ended.
    """
    if captured_at is None or steady_since is None or captured_at > now + CLOCKS_DIFFER_S:
        return False
    return now - captured_at <= within_s and now - steady_since >= back_s


def read_watermarks(session: Session, cameras: Collection[str]) -> dict[str, Watermark]:
    """How far each of these cameras has come, as last written down."""
    columns = select(CameraFreshness.camera_id, CameraFreshness.captured_at, CameraFreshness.steady_since)
    rows = session.execute(columns.where(CameraFreshness.camera_id.in_(cameras))).all()
    return {camera: Watermark(at, since) for camera, at, since in rows}


def store_watermarks(session: Session, watermarks: Mapping[str, Watermark]) -> None:
    """Write down how far cameras have come; what is older than what stands there changes nothing."""
    before = read_watermarks(session, watermarks)
    rows: dict[bool, list[dict[str, object]]] = {False: [], True: []}
    for camera, watermark in sorted(watermarks.items()):
        if watermark.captured_at > NEVER and watermark.captured_at >= before.get(camera, watermark).captured_at:
            row = {"camera_id": camera, "captured_at": watermark.captured_at, "steady_since": watermark.steady_since}
            rows[camera in before].append(row)
    if rows[True]:
        session.execute(update(CameraFreshness), rows[True])
    if rows[False]:
        session.execute(insert(CameraFreshness), rows[False])


@dataclass(frozen=True, slots=True)
class StaleCamera:
    """A camera that has authority but no fresh pictures. ``lost_at``: since when it is paused."""

    name: str
    campsite: str
    captured_at: float | None
    lost_at: float


def stale_cameras(session: Session, now: float) -> dict[str, StaleCamera]:
    """Every camera that has authority now but no fresh pictures."""
    leases = {lease.campsite_id: lease for lease in _leases(session, now)}
    found = {}
    for camera, campsite, at, since in _granted(session, leases):
        within_s, back_s = leases[campsite].fresh_within_s, leases[campsite].fresh_back_s
        if within_s is not None and not is_fresh(at, since, now, within_s, back_s or 0.0):
            lost_at = max(leases[campsite].granted_at, _lost_at(at, since, within_s, now))
            found[camera] = StaleCamera(camera, campsite, at, lost_at)
    return found


def _leases(session: Session, now: float) -> Iterable[AuthorityLease]:
    """The live leases that ask for freshness."""
    return session.scalars(
        select(AuthorityLease)
        .where(
            AuthorityLease.mode != Mode.SHADOW,
            AuthorityLease.granted_at <= now,
            AuthorityLease.expires_at > now,
            AuthorityLease.fresh_within_s.is_not(None),
        )
        .execution_options(populate_existing=True)
    )


def _granted(
    session: Session, leases: Mapping[str, AuthorityLease]
) -> Iterator[tuple[str, str, float | None, float | None]]:
    """Every camera to which a lease grants authority: itself, campsite, newest picture, since when they come."""
    rows = session.execute(
        select(Camera.id, Camera.campsite_id, CameraFreshness.captured_at, CameraFreshness.steady_since)
        .outerjoin(CameraFreshness, CameraFreshness.camera_id == Camera.id)
        .where(Camera.campsite_id.in_(leases), Camera.enabled, Camera.configured)
        .order_by(Camera.id)
    ).all()
    for camera, campsite, at, since in rows:
        lease = leases[campsite]
        if camera not in lease.without_cameras and (lease.only_cameras is None or camera in lease.only_cameras):
            yield camera, campsite, at, since


def _lost_at(at: float | None, since: float | None, within_s: float, now: float) -> float:
    """When it was lost: as its last picture grew too old; now, if somebody has written down that it is lost."""
    if at is None:
        return NEVER
    return at + within_s if since is not None and now - at > within_s else now


def check_freshness(database: Database, now: float, ask: Callable[[], Why] = lambda: unknown_why) -> list[str]:
    """Write down which cameras have lost or found their sight since the last check; returns what happened, in words.

    Checking costs two reads; only a change is written, with its ledger entry. ``ask`` finds out what is known of the
    causes; it is called outside of any transaction, and only when a camera has gone stale.
    """
    with database.read() as session:
        stale, gaps = stale_cameras(session, now), open_gaps(session)
        if stale.keys() == gaps.keys():
            return []
    why = ask() if stale.keys() - gaps.keys() else unknown_why
    with database.write() as session:
        lock(session)
        stale, gaps = stale_cameras(session, now), open_gaps(session)
        said = [_begin(session, camera, why(name)[:200], now) for name, camera in stale.items() if name not in gaps]
        granted = {row[0] for row in _granted(session, {each.campsite_id: each for each in _leases(session, now)})}
        said += [_end(session, gap, name in granted, now) for name, gap in gaps.items() if name not in stale]
    return said


def open_gaps(session: Session) -> dict[str, FreshnessGap]:
    """The gaps that are not over, by camera."""
    return {gap.camera_id: gap for gap in session.scalars(select(FreshnessGap).where(FreshnessGap.over_at.is_(None)))}


@dataclass(frozen=True, slots=True)
class PausedCamera:
    """A camera on whose account nobody is warned now, since when, and why as far as somebody has written it down."""

    camera: str
    campsite: str
    since: float
    why: str


def paused_cameras(session: Session, now: float) -> tuple[PausedCamera, ...]:
    """Every camera whose warnings are paused now, by name."""
    stale, gaps = stale_cameras(session, now), open_gaps(session)
    return tuple(
        PausedCamera(name, camera.campsite, camera.lost_at, gaps[name].why if name in gaps else unknown_why(name))
        for name, camera in sorted(stale.items())
    )


def _begin(session: Session, camera: StaleCamera, why: str, now: float) -> str:
    session.add(
        FreshnessGap(
            camera_id=camera.name, campsite_id=camera.campsite, captured_at=camera.captured_at, lost_at=camera.lost_at,
            noticed_at=now, why=why, over_at=None, over=None,
        )
    )  # fmt: skip
    session.flush()
    record(
        session, at=now, kind="sight.lost", subject=f"camera:{camera.name}", actor="controller",
        campsite=camera.campsite, body={"lost_at": camera.lost_at, "watched_at": camera.captured_at, "why": why},
    )  # fmt: skip
    return f"{camera.name} is not watching: {why}"


def _end(session: Session, gap: FreshnessGap, returned: bool, now: float) -> str:
    gap.over_at, gap.over = now, "sight" if returned else "authority"
    session.flush()
    record(
        session, at=now, kind="sight.returned" if returned else "sight.closed", subject=f"camera:{gap.camera_id}",
        actor="controller", campsite=gap.campsite_id, body={"rested_s": round(now - gap.lost_at, 3)},
    )  # fmt: skip
    return f"{gap.camera_id} is watching again" if returned else f"{gap.camera_id} has no authority any more"


def paused_s(session: Session, campsites: Collection[str], since: float, until: float) -> dict[str, float]:
    """Seconds between ``since`` and ``until`` in which warnings were paused, by camera."""
    end = func.coalesce(FreshnessGap.over_at, until)
    rows = session.execute(
        select(FreshnessGap.camera_id, FreshnessGap.lost_at, end).where(
            and_(FreshnessGap.campsite_id.in_(campsites), FreshnessGap.lost_at < until),
            or_(FreshnessGap.over_at.is_(None), FreshnessGap.over_at > since),
        )
    ).all()
    found: dict[str, float] = {}
    for camera, lost_at, over_at in rows:
        found[camera] = found.get(camera, 0.0) + max(0.0, min(over_at, until) - max(lost_at, since))
    return found
