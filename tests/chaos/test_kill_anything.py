"""Kill any process at any instant, for minutes: what was acknowledged is there, once, and the watch goes on."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from sqlalchemy import select

from db.ledger import verify
from db.models import Alert, Delivery, Encounter, Review
from db.session import Database
from tests.support.live_site import QUIET_GAP_S, Site, be_a_ranger, kill_something, newest_alert, running_site

CHAOS_S = 120.0
CALM_S = 45.0


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """In shadow."""
    with running_site(tmp_path) as running:
        yield running


@pytest.mark.chaos
def test_whatever_is_killed_nothing_acknowledged_is_lost_or_doubled(site: Site) -> None:
    dice = random.Random(7)
    ranger = threading.Thread(target=be_a_ranger, args=(site,))
    ranger.start()
    killed: list[str] = []
    until = time.monotonic() + CHAOS_S
    while time.monotonic() < until:
        time.sleep(dice.uniform(2.0, 6.0))
        killed.append(kill_something(site, dice))
    database = Database(site.settings.database)
    before = newest_alert(database)
    time.sleep(CALM_S)
    after = newest_alert(database)
    site.stop.set()
    ranger.join()
    print(
        f"killed {len(killed)}: {killed}; {before} alerts, {after} after the calm, {len(site.acknowledged)} decisions"
    )

    assert len(set(killed)) >= 5
    assert after > before, "the watch did not go on"
    assert len(site.acknowledged) >= 3
    with database.read() as session:
        reviews = session.scalars(select(Review)).all()
        by_key = {review.idempotency_key: review.alert_id for review in reviews}
        assert site.acknowledged.items() <= by_key.items()
        assert len(by_key) == len(reviews)
        assert verify(session).broken_at is None
        assert session.scalars(select(Delivery)).all() == []
        alerts = session.scalars(select(Alert)).all()
        encounters = session.scalars(select(Encounter).order_by(Encounter.camera_id, Encounter.first_at)).all()
        assert sorted(alert.encounter_id for alert in alerts) == sorted(e.id for e in encounters)
        for first, second in pairwise(encounters):
            if first.camera_id == second.camera_id:
                assert second.first_at - first.last_at > QUIET_GAP_S, (first.id, second.id)
    database.close()
