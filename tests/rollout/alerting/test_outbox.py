"""What is in the outbox arrives, every attempt is recorded, and nothing is forgotten."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import event, select
from sqlalchemy.exc import NoResultFound

from core.config import Config
from core.media import MediaStore
from db.ledger import lock
from db.models import Alert, Delivery, DeliveryStatus, Mode, Verdict
from db.session import Database
from rollout.alerting.alerts import Decision, decide
from rollout.alerting.channels import Message
from rollout.alerting.delivery_attempts import BACKOFF_S, Attempt, AttemptWriter, DeliveryJob, Failure, next_due
from rollout.alerting.outbox import LEASE_S, attempt, due
from rollout.alerting.recipients import Recipients
from tests.support.cast import add_user, grant, open_encounter
from tests.support.factories import T0
from tests.support.services.webhook import Webhook, serving
from tests.support.waiting import wait_for

NOW = T0 + 5


@pytest.fixture
def service() -> Iterator[Webhook]:
    """A web service to be told of bears."""
    with serving() as webhook:
        yield webhook


@pytest.fixture
def delivery(database: Database, config: Config, tmp_path: Path, service: Webhook) -> int:
    """A warning in the outbox, for the service."""
    return write_warning(database, config, tmp_path, service)


def write_warning(database: Database, config: Config, tmp_path: Path, service: Webhook) -> int:
    """A bear that a ranger has confirmed; returns the number of the warning."""
    open_encounter(database, config, MediaStore(tmp_path / "media"))
    with database.write() as session:
        add_user(session)
        grant(session, "upper-pines", Mode.ASSISTED, expires_at=NOW + 10_000)
        alert = session.scalars(select(Alert)).one()
        recipients = Recipients(campers={"upper-pines": (service.target,)})
        decide(session, Decision(alert.id, 1, Verdict.BEAR, 1, "k", True), recipients, NOW)
        return session.scalars(select(Delivery.id)).one()


def test_a_warning_arrives_with_the_place_and_the_local_time(
    database: Database, delivery: int, service: Webhook
) -> None:
    assert attempt(database, delivery, NOW)
    (message,) = service.received
    assert message["title"] == "Bear at Upper Pines"
    assert "Camera Creek, seen 15 January 00:00" in message["message"]
    with database.read() as session:
        row = session.get_one(Delivery, delivery)
        assert row.status == DeliveryStatus.SENT
        assert row.sent_at is not None
        assert row.sent_at >= NOW
        assert [a.succeeded for a in row.attempts] == [True]


def test_what_was_sent_is_not_sent_again(database: Database, delivery: int, service: Webhook) -> None:
    attempt(database, delivery, NOW)
    assert not attempt(database, delivery, NOW + 1000)
    assert len(service.received) == 1


def test_a_service_that_fails_is_tried_again_later_until_enough_is_enough(
    database: Database, delivery: int, service: Webhook
) -> None:
    service.status = 500
    now = NOW
    for wait in BACKOFF_S:
        assert not attempt(database, delivery, now)
        with database.read() as session:
            assert due(session, now + wait - 0.1) == []
            assert due(session, now + wait + 2) == [delivery]
        now += wait + 2
    attempt(database, delivery, now)
    with database.read() as session:
        row = session.get_one(Delivery, delivery)
        assert row.status == DeliveryStatus.FAILED
        assert len(row.attempts) == len(BACKOFF_S) + 1
        assert "500" in row.attempts[0].detail


def test_two_workers_do_not_send_the_same_warning(database: Database, delivery: int, service: Webhook) -> None:
    threads = [threading.Thread(target=attempt, args=(database, delivery, NOW)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(service.received) == 1


def test_a_worker_that_dies_while_sending_leaves_the_duty_behind(database: Database, delivery: int) -> None:
    from rollout.alerting.outbox import _claim

    assert _claim(database, delivery, NOW) is not None
    with database.read() as session:
        assert due(session, NOW + 1) == []
        assert due(session, NOW + LEASE_S) == [delivery]


def test_waits_grow_and_end() -> None:
    waits = [next_due(made, 0.0) for made in range(1, len(BACKOFF_S) + 2)]
    assert waits == [*BACKOFF_S, None]


def test_a_message_need_not_wait_for_whoever_writes_the_ledger(
    postgresql_database: Database, config: Config, tmp_path: Path, service: Webhook
) -> None:
    """On PostgreSQL one transaction at a time extends the ledger; a warning leaves meanwhile."""
    number = write_warning(postgresql_database, config, tmp_path, service)
    other = Database(str(postgresql_database.url))
    with other.write() as session:
        lock(session)
        trying = threading.Thread(target=attempt, args=(postgresql_database, number, NOW))
        trying.start()
        wait_for(lambda: service.received)
        with other.read() as reading:
            assert reading.get_one(Delivery, number).status == DeliveryStatus.PENDING  # it left; nobody could write so
    trying.join()
    other.close()
    with postgresql_database.read() as session:
        assert session.get_one(Delivery, number).status == DeliveryStatus.SENT


def test_what_is_tried_together_is_written_down_together(database: Database, delivery: int) -> None:
    """Eight threads that come while the pen is held wait for one transaction, and each learns of its own."""
    writer = AttemptWriter(database)
    commits: list[object] = []
    event.listen(database.engine, "commit", commits.append)
    with database.read() as session:
        row = session.get_one(Delivery, delivery)
        job = DeliveryJob(Message(delivery, row.target, row.title, row.body, row.facts), 0)
    attempt = Attempt(job, Failure("HTTP 503", permanent=False), NOW, 0.1)
    with writer._write_lock:
        threads = [threading.Thread(target=writer.write, args=(attempt,)) for _ in range(8)]
        for thread in threads:
            thread.start()
        wait_for(lambda: len(writer._waiting) == 8)
    for thread in threads:
        thread.join()
    assert len(commits) == 1
    with database.read() as session:
        assert len(session.get_one(Delivery, delivery).attempts) == 8


def test_who_cannot_be_written_down_is_told_and_nobody_waits_for_ever(database: Database, delivery: int) -> None:
    writer = AttemptWriter(database)
    missing = DeliveryJob(Message(delivery + 99, "json://x", "t", "b", {}), 0)
    with pytest.raises(NoResultFound):
        writer.write(Attempt(missing, None, NOW, 0.1))
    assert writer._waiting == []
