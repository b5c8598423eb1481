"""The outbox under any order of bears, decisions, leases, trips and deliveries: who is told what stays true."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, select, update

from core.config import Config
from core.media import MediaStore
from db.models import Alert, AlertStatus, AuthorityLease, Delivery, Mode, Verdict
from db.places import sync_places
from db.session import Database
from rollout.alerting.alerts import Decision, NothingToUndo, decide
from rollout.alerting.outbox import _claim, sweep
from rollout.alerting.recipients import Recipients
from rollout.alerting.send_policy import camera_mode
from rollout.breakers.trip_scope import Scope, Unit
from rollout.breakers.trips import Action, Tripping, latch
from tests.support.cast import add_user, grant, open_encounter
from tests.support.factories import T0

ADDRESS = "carrier-pigeon://loft"
SITES = {"upper-creek": "upper-pines", "upper-trail": "upper-pines", "lower-meadow": "lower-pines"}
BEAR = ("warning", "confirmed")

cameras = st.sampled_from(sorted(SITES))
sites = st.sampled_from(sorted(set(SITES.values())))
deeds = st.one_of(
    st.tuples(st.just("bear"), cameras),
    st.tuples(st.just("say"), st.integers(0, 5), st.sampled_from(list(Verdict))),
    st.tuples(st.just("sweep")),
    st.tuples(st.just("claim")),
    st.tuples(st.just("arrive")),
    st.tuples(st.just("wait"), st.sampled_from([3.0, 15.0, 120.0, 900.0])),
    st.tuples(st.just("trip"), cameras),
)
grants = st.one_of(
    st.tuples(st.just("grant"), sites, st.sampled_from([Mode.ASSISTED, Mode.AUTOMATIC])),
    st.tuples(st.just("withdraw"), cameras),
    st.tuples(st.just("end"), sites),
    st.tuples(st.just("take over")),
)  # fmt: skip


@dataclass
class World:
    """A database, its clock, and what the test knows of who may do what."""

    database: Database
    config: Config
    media: MediaStore
    now: float = T0
    alerts: list[int] = field(default_factory=list)
    keys: int = 0
    recipients: Recipients = field(
        default_factory=lambda: Recipients(
            campers=dict.fromkeys(SITES.values(), (ADDRESS + "/campers",)), rangers=(ADDRESS + "/rangers",)
        )
    )

    def do(self, deed: tuple[object, ...]) -> None:
        """One deed; the clock moves on a little with each."""
        self.now += 1.0
        name, *rest = deed
        getattr(self, f"_{str(name).replace(' ', '_')}")(*rest)

    def _bear(self, camera: str) -> None:
        self.now += 65.0  # a bear that comes back sooner is the same visit
        encounter = open_encounter_for(self, camera)
        with self.database.read() as session:
            self.alerts += session.scalars(select(Alert.id).where(Alert.encounter_id == encounter))

    def _say(self, which: int, verdict: Verdict) -> None:
        if not self.alerts:
            return
        alert = self.alerts[which % len(self.alerts)]
        self.keys += 1
        try:
            with self.database.write() as session:
                version = session.get_one(Alert, alert).version
                decide(session, Decision(alert, 1, verdict, version, f"k{self.keys}", True), self.recipients, self.now)
        except NothingToUndo:
            return
        self._heard(alert)

    def _heard(self, number: int) -> None:
        """Whoever may be warned of a confirmed bear has a warning that is out, on its way, or was given up."""
        with self.database.read() as session:
            alert = session.get_one(Alert, number)
            live = camera_mode(session, alert.campsite_id, alert.camera_id, self.now) is not Mode.SHADOW
            mine = select(Delivery).where(Delivery.alert_id == number, Delivery.audience == "campers")
            rows = list(session.scalars(mine.where(Delivery.status != "cancelled").order_by(Delivery.id)))
            if alert.status == AlertStatus.CONFIRMED and live:
                assert rows
                assert rows[-1].kind in BEAR
                root = session.get_one(Delivery, rows[-1].joined_to_id or rows[-1].id)
                assert root.status in ("pending", "sent", "failed")

    def _sweep(self) -> None:
        sweep(self.database, self.now)

    def _claim(self) -> None:
        """A worker takes everything that is due, and dies."""
        with self.database.read() as session:
            due = list(session.scalars(select(Delivery.id).where(Delivery.status == "pending")))
        for number in due:
            _claim(self.database, number, self.now)

    def _arrive(self) -> None:
        """What a worker has in its hands arrives."""
        with self.database.write() as session:
            held = update(Delivery).where(Delivery.claimed_at.is_not(None), Delivery.status == "pending")
            session.execute(held.values(status="sent", sent_at=self.now, claimed_at=None))

    def _wait(self, seconds: float) -> None:
        self.now += seconds

    def _trip(self, camera: str) -> None:
        with self.database.write() as session:
            latch(session, [Tripping("x", Unit(Scope.CAMERA, camera), Action.LIMIT, 1, 1, "x")], self.now)

    def _grant(self, site: str, mode: Mode) -> None:
        with self.database.write() as session:
            grant(session, site, mode, self.now, self.now + 200)

    def _withdraw(self, camera: str) -> None:
        """One camera's authority goes; its campsite keeps its own."""
        with self.database.write() as session:
            lease = session.get(AuthorityLease, SITES[camera])
            if lease is not None:
                lease.without_cameras = [camera]

    def _end(self, site: str) -> None:
        with self.database.write() as session:
            session.execute(
                update(AuthorityLease).where(AuthorityLease.campsite_id == site).values(expires_at=self.now)
            )

    def _take_over(self) -> None:
        with self.database.write() as session:
            session.execute(delete(AuthorityLease))


def open_encounter_for(world: World, camera: str) -> int:
    """A bear at the world's own time, to the world's own addresses."""
    return open_encounter(world.database, world.config, world.media, camera, world.now).id


def _play(template: Path, config: Config, story: list[tuple[object, ...]]) -> list[list[Delivery]]:
    """Live through a story; returns the outbox after each deed."""
    with TemporaryDirectory() as directory:
        file = Path(directory) / "x.sqlite3"
        shutil.copy(template, file)
        rollout = config.rollout.model_copy(
            update={"notify": [ADDRESS + "/campers"], "rangers": [ADDRESS + "/rangers"]}
        )
        told = config.model_copy(update={"rollout": rollout})
        database = Database(f"sqlite:///{file}")
        with database.write() as session:
            sync_places(session, told)
            add_user(session)
        world = World(database, told, MediaStore(Path(directory) / "media"))
        after = []
        for deed in story:
            world.do(deed)
            with database.read() as session:
                after.append(list(session.scalars(select(Delivery).order_by(Delivery.id))))
                _check(session.scalars(select(Alert)).all(), after[-1])
        database.close()
    return after


def _check(alerts: Sequence[Alert], outbox: list[Delivery]) -> None:
    """What is true at every moment."""
    _check_joined(alerts, outbox)
    status = {alert.id: alert.status for alert in alerts}
    for row in outbox:
        mine = [each for each in outbox if each.alert_id == row.alert_id and each.audience == row.audience]
        if row.kind == "retraction":
            assert any(each.kind in BEAR and each.id < row.id for each in mine), "the first word is never a correction"
        if row.kind in BEAR and not row.held and row.facts["after"]["confirmed"]:
            assert row.mode != Mode.SHADOW
    for number, now_is in status.items():
        mine = [e for e in outbox if e.alert_id == number and e.audience == "campers" and e.status != "cancelled"]
        own = [each for each in mine if each.joined_to_id is None]
        if now_is == AlertStatus.REJECTED and own and own[-1].kind in BEAR and own[-1].status == "sent":
            relied_on = [each.alert_id for each in outbox if each.joined_to_id in {each.id for each in own}]
            assert relied_on, "who read of a bear that was none is told, unless another alert relies on it"


def _check_joined(alerts: Sequence[Alert], outbox: list[Delivery]) -> None:
    """Whoever relies on another alert's message relies on one that was not taken back, or has a word of their own."""
    stand = {
        alert.id
        for alert in alerts
        if alert.status == AlertStatus.CONFIRMED
        or (alert.status != AlertStatus.REJECTED and alert.mode == Mode.AUTOMATIC)
    }
    rows = {row.id: row for row in outbox}
    for row in outbox:
        if row.status == "joined" and row.alert_id in stand and rows[row.joined_to_id or 0].status == "cancelled":
            later = [each for each in outbox if each.alert_id == row.alert_id and each.id > row.id]
            assert later, "a message was lost with the one that it was joined to"


QUICK = settings(
    max_examples=20,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],  # a story is short enough to read as it is
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
Story = list[tuple[object, ...]]


@QUICK
@given(story=st.lists(deeds, min_size=3, max_size=12))
def test_without_a_lease_nobody_is_ever_told_anything(migrated_file: Path, config: Config, story: Story) -> None:
    assert not any(_play(migrated_file, config, story))


TWO_CAMERAS: Story = [
    ("grant", "upper-pines", Mode.ASSISTED),
    ("bear", "upper-creek"),
    ("bear", "upper-trail"),
    ("say", 0, Verdict.BEAR),
    ("say", 1, Verdict.BEAR),
    ("withdraw", "upper-creek"),
    ("sweep",),
]
"""Two confirmed bears told of in one message, whose camera loses its authority before it leaves."""


@QUICK
@example(story=TWO_CAMERAS)
@given(story=st.lists(st.one_of(deeds, grants), min_size=6, max_size=18))
def test_whatever_happens_what_is_said_stays_true(migrated_file: Path, config: Config, story: Story) -> None:
    """The invariants are asked after each deed. After a take-over nothing but corrections may leave."""
    after = _play(migrated_file, config, [*story, ("take over",), ("wait", 1000.0), ("sweep",)])
    waiting = {row.id for row in after[-3] if row.status == "pending" and row.kind != "retraction"}
    assert {row.status for row in after[-1] if row.id in waiting} <= {"cancelled"}
