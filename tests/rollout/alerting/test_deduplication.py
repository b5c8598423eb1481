"""One visit is told of once; and yet nothing that is more than what was said is lost with what it was joined to."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import select

from core.config import Config
from db.models import Alert, AuthorityLease, Delivery, DeliveryStatus, Mode, Verdict
from db.session import Database
from rollout.alerting.outbox import sweep
from tests.support.alerting_site import UPPER, OutwardStage, outward_stage
from tests.support.factories import T0


@pytest.fixture
def stage(database: Database, config: Config, tmp_path: Path) -> OutwardStage:
    """Two campsites with one address for each audience."""
    return outward_stage(database, config, tmp_path)


def withdraw(stage: OutwardStage, camera: str) -> None:
    """Take a camera's authority away; its campsite keeps its own."""
    with stage.database.write() as session:
        session.get_one(AuthorityLease, UPPER).without_cameras = [camera]


def test_a_warning_that_was_joined_leaves_when_what_it_was_joined_to_may_not(stage: OutwardStage) -> None:
    """Two cameras, two confirmed bears; the first camera loses its authority before its warning has left."""
    stage.grant(Mode.ASSISTED)
    creek, trail = stage.bear("upper-creek"), stage.bear("upper-trail", T0 + 60)
    stage.say(creek, Verdict.BEAR, T0 + 61)
    stage.say(trail, Verdict.BEAR, T0 + 62)
    assert stage.outbox() == [("warning", "pending"), ("warning", "joined")]
    withdraw(stage, "upper-creek")
    sweep(stage.database, T0 + 63)
    assert stage.outbox() == [("warning", "cancelled"), ("warning", "pending")]
    withdraw(stage, "upper-trail")
    sweep(stage.database, T0 + 64)
    assert stage.outbox() == [("warning", "cancelled"), ("warning", "cancelled")]


def test_what_is_let_go_waits_for_its_own_veto_again(stage: OutwardStage) -> None:
    """An unconfirmed warning was joined to a confirmed one. Without that it is an unconfirmed one again."""
    stage.grant(Mode.AUTOMATIC)
    creek = stage.bear("upper-creek")
    stage.say(creek, Verdict.BEAR, T0 + 5)
    trail = stage.bear("upper-trail", T0 + 25)
    assert stage.outbox()[-1] == ("warning", "joined")
    withdraw(stage, "upper-creek")
    sweep(stage.database, T0 + 28)
    with stage.database.read() as session:
        row = session.scalars(select(Delivery).where(Delivery.alert_id == trail, Delivery.audience == "campers")).one()
        assert (row.status, row.held) == (DeliveryStatus.PENDING, True)
        assert row.due_at == session.get_one(Alert, trail).created_at + 20


def test_what_a_ranger_has_rejected_meanwhile_is_not_let_go(stage: OutwardStage) -> None:
    stage.grant(Mode.ASSISTED)
    creek, trail = stage.bear("upper-creek"), stage.bear("upper-trail", T0 + 60)
    for alert, verdict in ((creek, Verdict.BEAR), (trail, Verdict.BEAR), (trail, Verdict.NOT_A_BEAR)):
        stage.say(alert, verdict, T0 + 61)
    withdraw(stage, "upper-creek")
    sweep(stage.database, T0 + 63)
    assert {status for _, status in stage.outbox()} == {"cancelled"}


def test_an_alert_that_a_ranger_has_rejected_is_no_word_about_the_next_one(stage: OutwardStage) -> None:
    """A dog at the creek, then a bear on the trail: rangers hear of the bear."""
    stage.grant(Mode.ASSISTED)
    creek = stage.bear("upper-creek")
    stage.sent()
    stage.say(creek, Verdict.NOT_A_BEAR, T0 + 30)
    stage.bear("upper-trail", T0 + 120)
    assert stage.outbox("rangers") == [("advisory", "sent"), ("advisory", "pending")]


def test_a_second_bear_while_the_first_stands_is_one_word_to_rangers(stage: OutwardStage) -> None:
    stage.grant(Mode.ASSISTED)
    creek = stage.bear("upper-creek")
    stage.sent()
    stage.say(creek, Verdict.BEAR, T0 + 30)
    stage.bear("upper-trail", T0 + 120)
    assert stage.outbox("rangers") == [("advisory", "sent"), ("advisory", "joined")]
