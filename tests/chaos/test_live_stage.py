"""A live stage under fire: campers hear nothing without authority, a dead controller is noticed, nothing is lost."""

from __future__ import annotations

import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

from db.ledger import verify
from db.models import Alert, Audience, Delivery, DeliveryAttempt, DeliveryKind, DeliveryStatus, Encounter, Review
from db.session import Database
from rollout.stages.event_store import everything
from tests.support.live_site import (
    LeaseLog,
    Site,
    be_a_ranger,
    go_live,
    kill_something,
    live_configuration,
    newest_alert,
    running_site,
    state_of,
)
from tests.support.services.heartbeat_listener import Listener, listening
from tests.support.waiting import wait_for

CHAOS_S = 75.0
CALM_S = 35.0
TTL_S = 60.0
"""Of the site with the frozen controller; the default is two minutes."""
NOTICED_WITHIN_S = 20.0
"""The watchdog looks every five seconds; it may have been killed just then."""
WARNED = (DeliveryKind.WARNING, DeliveryKind.CONFIRMED)


@pytest.fixture
def listener() -> Iterator[Listener]:
    """Everybody who is told anything."""
    with listening() as server:
        yield server


@pytest.fixture
def site(tmp_path: Path, listener: Listener, request: pytest.FixtureRequest) -> Iterator[Site]:
    """A site whose plan may go live; with another lease where the test asks for one."""
    with running_site(tmp_path, live_configuration(listener, getattr(request, "param", 120)), listener) as running:
        yield running


@pytest.fixture
def database(site: Site) -> Iterator[Database]:
    """The site's own."""
    found = Database(site.settings.database)
    yield found
    found.close()


@pytest.fixture
def leases(database: Database) -> Iterator[LeaseLog]:
    """What the lease granted, as long as the test runs."""
    log = LeaseLog(database)
    log.start()
    yield log
    log.end()


def camper_attempts(database: Database) -> list[float]:
    """When each warning to campers was taken to be sent."""
    with database.read() as session:
        rows = (
            select(DeliveryAttempt.at)
            .join(Delivery, Delivery.id == DeliveryAttempt.delivery_id)
            .where(Delivery.audience == Audience.CAMPERS, Delivery.kind.in_(WARNED))
        )
        return list(session.scalars(rows.order_by(DeliveryAttempt.at)))


def assert_nothing_is_lost(site: Site, database: Database, live_at: float) -> None:
    """Every encounter has its alert, every alert was told to rangers, every answered decision is there, once."""
    with database.read() as session:
        assert verify(session).broken_at is None
        encounters = session.scalars(select(Encounter.id)).all()
        assert sorted(session.scalars(select(Alert.encounter_id))) == sorted(encounters)
        reviews = session.scalars(select(Review)).all()
        assert site.acknowledged.items() <= {each.idempotency_key: each.alert_id for each in reviews}.items()
        raised = set(session.scalars(select(Alert.id).where(Alert.created_at > live_at)))
        told = Counter(session.scalars(select(Delivery.alert_id).where(Delivery.audience == Audience.RANGERS)))
        assert raised <= set(told), "an alert that no ranger was told of"
        assert set(told.values()) <= {1}
        failed = select(Delivery.id).where(Delivery.status == DeliveryStatus.FAILED)
        assert session.scalars(failed).all() == []


def assert_pages_are_written_once(database: Database) -> None:
    """The same occasion pages the same address once, whoever wrote it down."""
    with database.read() as session:
        rows = session.execute(select(Delivery.key, Delivery.target).where(Delivery.kind == DeliveryKind.PAGE)).all()
    assert [row for row, number in Counter(map(tuple, rows)).items() if number > 1] == []


@pytest.mark.chaos
def test_whatever_dies_in_a_live_stage_campers_are_warned_with_authority_or_not_at_all(
    site: Site, database: Database, leases: LeaseLog, listener: Listener
) -> None:
    dice, killed = random.Random(11), []
    live_at = go_live(site, database)
    ranger = threading.Thread(target=be_a_ranger, args=(site,))
    ranger.start()
    wait_for(lambda: camper_attempts(database), 60)
    until = time.monotonic() + CHAOS_S
    while time.monotonic() < until:
        time.sleep(dice.uniform(2.0, 6.0))
        killed.append(kill_something(site, dice))
    before = newest_alert(database)
    time.sleep(CALM_S)
    wait_for(lambda: newest_alert(database) > before, 60)
    wait_for(lambda: len(site.supervisor.pids()) == 7, 40)
    site.stop.set()
    ranger.join()
    attempts = camper_attempts(database)
    heard = Counter(path for path in listener.paths)
    print(
        f"killed {len(killed)}: {dict(Counter(killed))}; phase {state_of(database).phase}, "
        f"{newest_alert(database)} alerts, {len(site.acknowledged)} decisions, {len(attempts)} tries to warn campers, "
        f"{len(leases.seen)} states of the lease; calls {dict(heard)}"
    )

    assert len(set(killed)) >= 5
    without = [at for at in attempts if not leases.covered(at)]
    assert without == [], f"warnings without authority: {without}; leases {leases.seen}"
    assert heard["/campers"] >= 1
    assert_nothing_is_lost(site, database, live_at)
    assert_pages_are_written_once(database)


@pytest.mark.chaos
@pytest.mark.parametrize("site", [int(TTL_S)], indirect=True, ids=["lease of a minute"])
def test_a_frozen_controller_leaves_no_authority_behind_and_is_noticed_once_through_a_dying_watchdog(
    site: Site, database: Database, leases: LeaseLog, listener: Listener
) -> None:
    live_at = go_live(site, database)
    wait_for(lambda: len({each.expires_at for each in leases.seen}) > 1, 90)  # renewed by the controller
    site.kill("controller", signal.SIGSTOP)
    time.sleep(6.0)  # a renewal that was on its way is over
    last = leases.seen[-1]
    for pause in (15.0, 20.0, 10.0):
        time.sleep(pause)
        site.kill("jobs")  # messages, and the watchdog in it
    wait_for(lambda: state_of(database).handovers, TTL_S)
    noticed_at, dead_at = time.time(), last.expires_at
    wait_for(lambda: "/roster" in listener.paths, NOTICED_WITHIN_S)
    wait_for(lambda: "/alive/fail" in listener.paths, NOTICED_WITHIN_S)
    site.kill("controller", signal.SIGCONT)
    before = newest_alert(database)
    wait_for(lambda: newest_alert(database) > before, 60)
    time.sleep(12.0)  # the controller has looked again
    kinds = kinds_of(database)
    print(
        f"dead {dead_at - last.at:.1f} s after the last renewal, noticed {noticed_at - dead_at:.1f} s later; "
        f"{dict(kinds)}; calls {dict(Counter(listener.paths))}"
    )

    assert dead_at - last.at <= TTL_S
    assert 0 <= noticed_at - dead_at <= NOTICED_WITHIN_S
    assert kinds["handover_began"] == 1, "handed over once, by whoever noticed first"
    assert state_of(database).live is False, "what has died is not revived"
    assert not leases.covered(time.time())
    with database.read() as session:
        pages = session.scalars(select(Delivery).where(Delivery.title.startswith("Take over the watch"))).all()
    assert Counter(each.target for each in pages).most_common(1)[0][1] == 1, "paged twice about the same"
    assert {each.status for each in pages} == {DeliveryStatus.SENT}
    assert_nothing_is_lost(site, database, live_at)
    assert_pages_are_written_once(database)


def kinds_of(database: Database) -> Counter[str]:
    """How often each kind of event happened in the rollout."""
    with database.read() as session:
        return Counter(entry.kind for entry in everything(session))
