"""The single writer of the outbox: in shadow it writes nothing, and whatever it writes is written down."""

from __future__ import annotations

import ast
import threading
from pathlib import Path

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core.config import Config
from core.media import MediaStore
from db.ledger import verify
from db.models import Alert, AlertStatus, Delivery, LedgerEntry, Mode, Review, Verdict
from db.session import Database
from rollout.alerting.alerts import Decision, NothingToUndo, SomebodyElseWasFirst, decide
from rollout.alerting.recipients import Recipients
from tests.support.cast import add_user, grant, open_encounter
from tests.support.factories import T0

ADDRESS = "json://127.0.0.1:9/bears"
OUTWARD = Recipients(campers={"upper-pines": (ADDRESS,), "lower-pines": (ADDRESS,)})
ROOT = Path(__file__).parents[3]


@pytest.fixture
def alert(database: Database, config: Config, tmp_path: Path) -> Alert:
    """An open alert of the upper creek camera."""
    encounter = open_encounter(database, config, MediaStore(tmp_path / "media"))
    with database.write() as session:
        add_user(session, "day-ranger")
        add_user(session, "night-ranger")
        return session.scalars(select(Alert).where(Alert.encounter_id == encounter.id)).one()


def say(
    session: Session, alert: Alert, verdict: Verdict, seen: int, key: str, user: int = 1, now: float = T0 + 5
) -> Review:
    """A ranger's decision."""
    return decide(session, Decision(alert.id, user, verdict, seen, key, True), OUTWARD, now)


def deliveries(session: Session) -> list[str]:
    """What the outbox holds, by kind."""
    return list(session.scalars(select(Delivery.kind).order_by(Delivery.id)))


def test_in_shadow_a_confirmed_bear_tells_nobody_outside(database: Database, alert: Alert) -> None:
    with database.write() as session:
        say(session, alert, Verdict.BEAR, 1, "k1")
        assert session.get_one(Alert, alert.id).status == AlertStatus.CONFIRMED
        assert deliveries(session) == []
        assert session.get_one(Alert, alert.id).mode == Mode.SHADOW


def test_with_a_lease_a_confirmed_bear_is_told_once(database: Database, alert: Alert) -> None:
    with database.write() as session:
        grant(session, "upper-pines", Mode.ASSISTED)
        say(session, alert, Verdict.BEAR, 1, "k1")
        say(session, alert, Verdict.BEAR, 1, "k1")
        assert deliveries(session) == ["warning"]


def test_a_lease_that_has_run_out_grants_nothing(database: Database, alert: Alert) -> None:
    with database.write() as session:
        grant(session, "upper-pines", Mode.AUTOMATIC, expires_at=T0 + 4.9)
        say(session, alert, Verdict.BEAR, 1, "k1", now=T0 + 5)
        assert deliveries(session) == []


def test_a_lease_for_the_neighbours_grants_nothing(database: Database, alert: Alert) -> None:
    with database.write() as session:
        grant(session, "lower-pines", Mode.ASSISTED)
        say(session, alert, Verdict.BEAR, 1, "k1")
        assert deliveries(session) == []


def test_taking_back_a_confirmed_bear_before_the_warning_left_takes_the_warning_back(
    database: Database, alert: Alert
) -> None:
    with database.write() as session:
        grant(session, "upper-pines", Mode.ASSISTED)
        say(session, alert, Verdict.BEAR, 1, "k1")
        say(session, alert, Verdict.UNDO, 2, "k2")
        (warning,) = session.scalars(select(Delivery))
        assert (warning.kind, warning.status) == ("warning", "cancelled")


def test_taking_back_a_confirmed_bear_sends_a_retraction(database: Database, alert: Alert) -> None:
    with database.write() as session:
        grant(session, "upper-pines", Mode.ASSISTED)
        say(session, alert, Verdict.BEAR, 1, "k1")
        session.scalars(select(Delivery)).one().status = "sent"
    with database.write() as session:
        say(session, alert, Verdict.UNDO, 2, "k2")
        assert deliveries(session) == ["warning", "retraction"]
        assert session.get_one(Alert, alert.id).status == AlertStatus.OPEN


def test_not_a_bear_waits_before_it_counts_and_undo_is_a_row_of_its_own(database: Database, alert: Alert) -> None:
    with database.write() as session:
        rejected = say(session, alert, Verdict.NOT_A_BEAR, 1, "k1")
        assert rejected.effective_at == T0 + 15
        say(session, alert, Verdict.UNDO, 2, "k2")
        say(session, alert, Verdict.BEAR, 3, "k3")
        assert session.get_one(Alert, alert.id).status == AlertStatus.CONFIRMED
        assert session.scalar(select(func.count(Review.id))) == 3


def test_undo_needs_something_to_undo(database: Database, alert: Alert) -> None:
    with database.write() as session, pytest.raises(NothingToUndo):
        say(session, alert, Verdict.UNDO, 1, "k1")


def test_who_comes_second_is_told_who_was_first(database: Database, alert: Alert) -> None:
    with database.write() as session:
        say(session, alert, Verdict.NOT_A_BEAR, 1, "k1", user=1)
    with database.write() as session, pytest.raises(SomebodyElseWasFirst, match="day-ranger decided “not_a_bear”"):
        say(session, alert, Verdict.BEAR, 1, "k2", user=2)


def test_two_rangers_at_once_make_one_decision(database: Database, alert: Alert) -> None:
    outcomes: list[str] = []

    def decide_as(user: int) -> None:
        try:
            with database.write() as session:
                say(session, alert, Verdict.BEAR, 1, f"key-{user}", user=user)
            outcomes.append("decided")
        except SomebodyElseWasFirst:
            outcomes.append("second")

    threads = [threading.Thread(target=decide_as, args=(user,)) for user in (1, 2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["decided", "second"]


def test_the_same_decision_sent_twice_at_once_is_one(database: Database, alert: Alert) -> None:
    reviews: list[int] = []

    def send() -> None:
        with database.write() as session:
            reviews.append(say(session, alert, Verdict.BEAR, 1, "same-key").id)

    threads = [threading.Thread(target=send) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(reviews) == 3
    assert len(set(reviews)) == 1


def test_everything_that_happened_stands_in_the_ledger(database: Database, alert: Alert) -> None:
    with database.write() as session:
        say(session, alert, Verdict.NOT_A_BEAR, 1, "k1")
        say(session, alert, Verdict.UNDO, 2, "k2")
    with database.read() as session:
        kinds = list(session.scalars(select(LedgerEntry.kind).order_by(LedgerEntry.seq)))
        assert kinds == ["alert.raised", "review.made", "review.undone"]
        assert verify(session).broken_at is None


def test_only_the_single_writer_writes_to_the_outbox() -> None:
    """Whoever builds or inserts a Delivery outside of rollout/alerting/alerts.py is a second writer."""
    rooms = ("core", "db", "rollout", "ingest", "detector", "review_ui", "bearwatch")
    builders = {
        str(path.relative_to(ROOT))
        for room in rooms
        for path in (ROOT / room).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and _writes_deliveries(node)
    }
    assert builders == {"rollout/alerting/alerts.py"}


def _writes_deliveries(call: ast.Call) -> bool:
    name = ast.unparse(call.func).split(".")[-1]
    arguments = [ast.unparse(argument).split(".")[-1] for argument in call.args]
    return name == "Delivery" or (name in ("insert", "bulk_insert_mappings") and "Delivery" in arguments)


@pytest.mark.parametrize(
    ("code", "writes"),
    [
        ("Delivery(kind='warning')", True),
        ("models.Delivery(kind='warning')", True),
        ("insert(Delivery)", True),
        ("select(Delivery.id)", False),
        ("Delivery.status.in_(('sent',))", False),
    ],
)
def test_a_second_writer_would_be_found(code: str, writes: bool) -> None:
    (call,) = [node for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Call)][:1]
    assert _writes_deliveries(call) is writes
