"""A fixed cast: rows that many tests need."""

from __future__ import annotations

from sqlalchemy.orm import Session

from core.config import Config
from core.media import MediaStore
from core.messages import FrameScores
from db.models import AuthorityLease, CameraFreshness, Encounter, Mode, User
from db.session import Database
from detector.tracking.encounter_writer import EncounterWriter
from detector.tracking.tracker import AlertRule, EncounterDraft, Opened
from tests.support.factories import T0, scored


def add_user(session: Session, name: str = "day-ranger", role: str = "ranger") -> User:
    """A person who cannot log in (the hash is none)."""
    user = User(name=name, password_hash="!", role=role, created_at=T0)
    session.add(user)
    session.flush()
    return user


def grant(session: Session, campsite: str, mode: Mode, granted_at: float = T0, expires_at: float = T0 + 120) -> None:
    """A lease, as the rollout controller will write them."""
    session.merge(AuthorityLease(campsite_id=campsite, mode=mode, granted_at=granted_at, expires_at=expires_at))
    session.flush()


def require_freshness(session: Session, campsite: str, within_s: float = 30.0, back_s: float = 15.0) -> None:
    """Let the campsite's lease depend on freshness, as the plan's do."""
    lease = session.get_one(AuthorityLease, campsite)
    lease.fresh_within_s, lease.fresh_back_s = within_s, back_s
    session.flush()


def seen(session: Session, camera: str, captured_at: float, steady_since: float | None = T0 - 3600) -> None:
    """A camera whose newest picture was handled, as the tracker writes it down."""
    session.merge(CameraFreshness(camera_id=camera, captured_at=captured_at, steady_since=steady_since))
    session.flush()


def bear_frames(camera: str = "upper-creek", start: float = T0, count: int = 3) -> list[FrameScores]:
    """A bear in view, five frames a second."""
    return [scored(0.9, camera, start + step / 5) for step in range(count)]


def open_encounter(
    database: Database, config: Config, media: MediaStore, camera: str = "upper-creek", start: float = T0
) -> Encounter:
    """An encounter with its alert, written the way the tracker writes them, at the time of its frames."""
    frames = bear_frames(camera, start)
    writer = EncounterWriter(config, media, AlertRule.of(config.detector), clock=lambda: frames[-1].scored_at)
    with database.write() as session:
        (encounter,) = writer.write(session, camera, False, [Opened(EncounterDraft(tuple(frames), ()))])
    return encounter
