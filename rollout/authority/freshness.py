"""Authority rests on sight: no camera warns anybody whose pictures do not reach the tracker.

A picture counts when a detector that proves itself has scored it and the tracker has handled it in time. The tracker
writes down how far each camera has come (:func:`note`); :func:`rollout.authority.authority.authority` reads that, so
that authority rests by itself, to the second, whatever died and whoever is left to see it. The controller looks at it
every second (:func:`look`) and writes down from when until when authority rested, and why: nobody is paged for that
alone, but everybody who relies on it is told.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from sqlalchemy import and_, func, insert, or_, select, update
from sqlalchemy.orm import Session

from db.ledger import lock, record
from db.models import AuthorityLease, Camera, CameraSight, Mode, SightGap
from db.session import Database

LOOK_S: Final = 1.0
"""The controller looks this often."""
NEVER: Final = float("-inf")
Why = Callable[[str], str]
"""What is known of the cause, by camera."""


def unknown_why(camera: str) -> str:
    """Where nothing else is known."""
    return "its pictures do not arrive"


@dataclass(frozen=True, slots=True)
class Sighted:
    """How far one camera has come: the newest handled picture, and since when they come without a gap."""

    watched_at: float = NEVER
    steady_since: float | None = None

    def handled(self, captured_at: float, now: float, within_s: float) -> Sighted:
        """After a picture that was taken at ``captured_at`` was handled ``now``.

        1. A picture older than ``within_s`` proves nothing about now; one from the future is from now.
        2. Where sight was lost in between, it begins anew now.
        """
        taken_at = min(captured_at, now)
        if taken_at <= self.watched_at or now - taken_at > within_s:
            return self
        unbroken = self.steady_since is not None and now - self.watched_at <= within_s
        return Sighted(taken_at, self.steady_since if unbroken else now)

    def lost(self) -> Sighted:
        """Nothing can arrive any more."""
        return Sighted(self.watched_at, None)


def sees(watched_at: float | None, steady_since: float | None, now: float, within_s: float, back_s: float) -> bool:
    """Whether a camera has sight: its last handled picture is young enough, and they have come for long enough."""
    if watched_at is None or steady_since is None:
        return False
    return now - watched_at <= within_s and now - steady_since >= back_s


def known(session: Session, cameras: Collection[str]) -> dict[str, Sighted]:
    """How far each of these cameras has come, as last written down."""
    columns = select(CameraSight.camera_id, CameraSight.watched_at, CameraSight.steady_since)
    rows = session.execute(columns.where(CameraSight.camera_id.in_(cameras))).all()
    return {camera: Sighted(at, since) for camera, at, since in rows}


def note(session: Session, sights: Mapping[str, Sighted]) -> None:
    """Write down how far cameras have come; what is older than what stands there changes nothing."""
    before = known(session, sights)
    rows: dict[bool, list[dict[str, object]]] = {False: [], True: []}
    for camera, sight in sorted(sights.items()):
        if sight.watched_at > NEVER and sight.watched_at >= before.get(camera, sight).watched_at:
            row = {"camera_id": camera, "watched_at": sight.watched_at, "steady_since": sight.steady_since}
            rows[camera in before].append(row)
    if rows[True]:
        session.execute(update(CameraSight), rows[True])
    if rows[False]:
        session.execute(insert(CameraSight), rows[False])


@dataclass(frozen=True, slots=True)
class Lack:
    """A camera that has authority but for its sight. ``lost_at``: since when that rests."""

    camera: str
    campsite: str
    watched_at: float | None
    lost_at: float


def lacking(session: Session, now: float) -> dict[str, Lack]:
    """Every camera that has authority now but for its sight."""
    leases = {lease.campsite_id: lease for lease in _leases(session, now)}
    found = {}
    for camera, campsite, at, since in _granted(session, leases):
        within_s, back_s = leases[campsite].sight_s, leases[campsite].sight_back_s
        if within_s is not None and not sees(at, since, now, within_s, back_s or 0.0):
            lost_at = max(leases[campsite].granted_at, _lost_at(at, since, within_s, now))
            found[camera] = Lack(camera, campsite, at, lost_at)
    return found


def _leases(session: Session, now: float) -> Iterable[AuthorityLease]:
    """The live leases that rest on sight."""
    return session.scalars(
        select(AuthorityLease)
        .where(
            AuthorityLease.mode != Mode.SHADOW,
            AuthorityLease.granted_at <= now,
            AuthorityLease.expires_at > now,
            AuthorityLease.sight_s.is_not(None),
        )
        .execution_options(populate_existing=True)
    )


def _granted(
    session: Session, leases: Mapping[str, AuthorityLease]
) -> Iterator[tuple[str, str, float | None, float | None]]:
    """Every camera with authority but for its sight: itself, its campsite, when it was watched, and since when."""
    rows = session.execute(
        select(Camera.id, Camera.campsite_id, CameraSight.watched_at, CameraSight.steady_since)
        .outerjoin(CameraSight, CameraSight.camera_id == Camera.id)
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


def look(database: Database, now: float, ask: Callable[[], Why] = lambda: unknown_why) -> list[str]:
    """Write down which cameras have lost or found their sight since the last look; returns what happened, in words.

    Looking costs two reads; only a change is written, with its ledger entry. ``ask`` finds out what is known of the
    causes; it is called outside of any transaction, and only when a camera has lost its sight.
    """
    with database.read() as session:
        lacks, gaps = lacking(session, now), open_gaps(session)
        if lacks.keys() == gaps.keys():
            return []
    why = ask() if lacks.keys() - gaps.keys() else unknown_why
    with database.write() as session:
        lock(session)
        lacks, gaps = lacking(session, now), open_gaps(session)
        said = [_begin(session, lack, why(name)[:200], now) for name, lack in lacks.items() if name not in gaps]
        granted = {row[0] for row in _granted(session, {each.campsite_id: each for each in _leases(session, now)})}
        said += [_end(session, gap, name in granted, now) for name, gap in gaps.items() if name not in lacks]
    return said


def open_gaps(session: Session) -> dict[str, SightGap]:
    """The gaps that are not over, by camera."""
    return {gap.camera_id: gap for gap in session.scalars(select(SightGap).where(SightGap.over_at.is_(None)))}


@dataclass(frozen=True, slots=True)
class Rest:
    """A camera on whose account nobody is warned now, since when, and why as far as somebody has written it down."""

    camera: str
    campsite: str
    since: float
    why: str


def resting(session: Session, now: float) -> tuple[Rest, ...]:
    """Every camera whose authority rests for lack of sight now, by name."""
    lacks, gaps = lacking(session, now), open_gaps(session)
    return tuple(
        Rest(name, lack.campsite, lack.lost_at, gaps[name].why if name in gaps else unknown_why(name))
        for name, lack in sorted(lacks.items())
    )


def _begin(session: Session, lack: Lack, why: str, now: float) -> str:
    session.add(
        SightGap(
            camera_id=lack.camera, campsite_id=lack.campsite, watched_at=lack.watched_at, lost_at=lack.lost_at,
            noticed_at=now, why=why, over_at=None, over=None,
        )
    )  # fmt: skip
    session.flush()
    record(
        session, at=now, kind="sight.lost", subject=f"camera:{lack.camera}", actor="controller",
        campsite=lack.campsite, body={"lost_at": lack.lost_at, "watched_at": lack.watched_at, "why": why},
    )  # fmt: skip
    return f"{lack.camera} is not watching: {why}"


def _end(session: Session, gap: SightGap, returned: bool, now: float) -> str:
    gap.over_at, gap.over = now, "sight" if returned else "authority"
    session.flush()
    record(
        session, at=now, kind="sight.returned" if returned else "sight.closed", subject=f"camera:{gap.camera_id}",
        actor="controller", campsite=gap.campsite_id, body={"rested_s": round(now - gap.lost_at, 3)},
    )  # fmt: skip
    return f"{gap.camera_id} is watching again" if returned else f"{gap.camera_id} has no authority any more"


def rested_s(session: Session, campsites: Collection[str], since: float, until: float) -> dict[str, float]:
    """Seconds between ``since`` and ``until`` in which authority rested for lack of sight, by camera."""
    end = func.coalesce(SightGap.over_at, until)
    rows = session.execute(
        select(SightGap.camera_id, SightGap.lost_at, end).where(
            and_(SightGap.campsite_id.in_(campsites), SightGap.lost_at < until),
            or_(SightGap.over_at.is_(None), SightGap.over_at > since),
        )
    ).all()
    found: dict[str, float] = {}
    for camera, lost_at, over_at in rows:
        found[camera] = found.get(camera, 0.0) + max(0.0, min(over_at, until) - max(lost_at, since))
    return found
