"""Two campsites with an address for each audience, and ways to make bears come and rangers decide."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count
from pathlib import Path

from sqlalchemy import select, update

from core.config import Config
from core.media import MediaStore
from db.models import Alert, Delivery, Mode, Verdict
from db.session import Database
from rollout.alerting.alerts import Decision, decide
from rollout.alerting.recipients import Recipients
from tests.support.cast import add_user, grant, open_encounter
from tests.support.factories import T0

CAMPERS = "json://127.0.0.1:9/campers"
RANGERS = "json://127.0.0.1:9/rangers"
STAFF = "json://127.0.0.1:9/staff"
UPPER, LOWER = "upper-pines", "lower-pines"


@dataclass
class OutwardStage:
    """The database, the configuration, and how to make things happen."""

    database: Database
    config: Config
    media: MediaStore

    @property
    def recipients(self) -> Recipients:
        """As configured."""
        return Recipients.of(self.config)

    def bear(self, camera: str = "upper-creek", at: float = T0) -> int:
        """A bear on a camera; returns its alert's number. It is raised 0.45 s after ``at``."""
        encounter = open_encounter(self.database, self.config, self.media, camera, at)
        with self.database.read() as session:
            return session.scalars(select(Alert.id).where(Alert.encounter_id == encounter.id)).one()

    def grant(self, mode: Mode, site: str = UPPER, expires_at: float = T0 + 10_000) -> None:
        """A lease."""
        with self.database.write() as session:
            grant(session, site, mode, T0 - 1000, expires_at)

    def say(self, alert: int, verdict: Verdict, at: float) -> None:
        """A ranger's decision about what stands now."""
        with self.database.write() as session:
            version = session.get_one(Alert, alert).version
            decide(session, Decision(alert, 1, verdict, version, f"k{next(_keys)}", True), self.recipients, at)

    def outbox(self, *audiences: str) -> list[tuple[str, str]]:
        """``(kind, status)`` of the messages to some audiences (campers unless told otherwise)."""
        with self.database.read() as session:
            rows = select(Delivery.kind, Delivery.status).where(Delivery.audience.in_(audiences or ("campers",)))
            return [(kind, status) for kind, status in session.execute(rows.order_by(Delivery.id))]

    def sent(self) -> None:
        """Whatever is pending and not held has arrived."""
        with self.database.write() as session:
            pending = update(Delivery).where(Delivery.status == "pending", Delivery.held.is_(False))
            session.execute(pending.values(status="sent", sent_at=T0 + 1))


_keys = count()


def outward_stage(database: Database, config: Config, folder: Path) -> OutwardStage:
    """The stage over a database that knows the places of ``config``."""
    addressed = config.rollout.model_copy(update={"notify": [CAMPERS], "rangers": [RANGERS], "staff": [STAFF]})
    with database.write() as session:
        add_user(session)
    return OutwardStage(database, config.model_copy(update={"rollout": addressed}), MediaStore(folder / "media"))
