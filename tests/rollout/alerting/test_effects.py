"""Who is told what and when: advice to rangers, warnings to campers, the veto, one visit on several cameras."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import delete, select, update

from core.config import Config
from db.models import (
    Alert,
    AuthorityLease,
    Delivery,
    DeliveryStatus,
    Mode,
    Verdict,
)
from db.session import Database
from rollout.alerting.alerts import escalate_unacknowledged, page
from rollout.alerting.outbox import _claim, due, sweep
from rollout.alerting.recipients import Recipients
from rollout.breakers.trip_scope import Scope, Unit
from rollout.breakers.trips import Action, Tripping, latch, reset
from tests.support.alerting_site import CAMPERS, LOWER, RANGERS, STAFF, UPPER, outward_stage
from tests.support.alerting_site import OutwardStage as Stage
from tests.support.factories import T0
from tests.support.services.webhook import serving


@pytest.fixture
def stage(sqlite_database: Database, config: Config, tmp_path: Path) -> Stage:
    """Two campsites with one address for each audience."""
    return outward_stage(sqlite_database, config, tmp_path)


def test_in_shadow_nobody_hears_anything(stage: Stage) -> None:
    alert = stage.bear()
    stage.say(alert, Verdict.BEAR, T0 + 5)
    stage.say(alert, Verdict.NOT_A_BEAR, T0 + 6)
    assert stage.outbox("campers", "rangers", "staff") == []


def test_in_a_live_stage_rangers_are_told_before_anybody_has_looked(stage: Stage) -> None:
    stage.grant(Mode.ASSISTED)
    stage.bear()
    assert stage.outbox("rangers") == [("advisory", "pending")]
    assert stage.outbox("campers") == []


def test_of_a_camera_that_the_stage_does_not_reach_rangers_hear_nothing(stage: Stage) -> None:
    stage.grant(Mode.ASSISTED)
    with stage.database.write() as session:
        session.execute(update(AuthorityLease).values(only_cameras=["upper-trail"]))
    stage.bear("upper-creek")
    assert stage.outbox("rangers") == []  # whoever watches there watches this camera blind
    stage.bear("upper-trail", at=T0 + 3000)
    assert stage.outbox("rangers") == [("advisory", "pending")]
    with stage.database.write() as session:
        session.execute(update(AuthorityLease).values(only_cameras=["upper-creek"]))
    assert sweep(stage.database, T0 + 3005) == 0
    assert stage.outbox("rangers") == [("advisory", "cancelled")]


def test_in_a_handover_rangers_are_advised_until_one_of_them_has_taken_over(stage: Stage) -> None:
    stage.grant(Mode.ASSISTED, expires_at=T0 - 1)
    alert = stage.bear()
    stage.say(alert, Verdict.BEAR, T0 + 5)
    assert stage.outbox("rangers") == [("advisory", "pending")]
    assert stage.outbox("campers") == [], "authority has ended"
    with stage.database.write() as session:
        session.execute(delete(AuthorityLease))
    stage.bear(at=T0 + 3000)
    assert len(stage.outbox("rangers")) == 1


def test_advice_that_nobody_needs_any_more_does_not_leave(stage: Stage) -> None:
    stage.grant(Mode.ASSISTED)
    stage.bear()
    with stage.database.write() as session:
        session.execute(delete(AuthorityLease))
    assert sweep(stage.database, T0 + 5) == 0
    assert stage.outbox("rangers") == [("advisory", "cancelled")]


def test_automatic_warnings_wait_for_a_veto_and_then_leave_by_themselves(stage: Stage) -> None:
    stage.grant(Mode.AUTOMATIC)
    stage.bear()
    with stage.database.read() as session:
        held = session.scalars(select(Delivery).where(Delivery.audience == "campers")).one()
        alert = session.scalars(select(Alert)).one()
        assert held.due_at == alert.created_at + 20
        assert "not yet confirmed" in held.title
        assert held.id not in due(session, alert.created_at + 19.9)
        assert held.id in due(session, alert.created_at + 20)


def test_a_veto_in_time_takes_the_warning_back(stage: Stage) -> None:
    stage.grant(Mode.AUTOMATIC)
    stage.say(stage.bear(), Verdict.NOT_A_BEAR, T0 + 19)
    assert stage.outbox() == [("warning", "cancelled")]


def test_a_veto_taken_back_begins_the_wait_again(stage: Stage) -> None:
    stage.grant(Mode.AUTOMATIC)
    alert = stage.bear()
    stage.say(alert, Verdict.NOT_A_BEAR, T0 + 4)
    stage.say(alert, Verdict.UNDO, T0 + 6)
    assert stage.outbox() == [("warning", "cancelled"), ("warning", "pending")]


def test_a_veto_while_a_worker_is_sending_is_followed_by_a_retraction(stage: Stage) -> None:
    stage.grant(Mode.AUTOMATIC)
    alert = stage.bear()
    with stage.database.read() as session:
        (held,) = session.scalars(select(Delivery.id).where(Delivery.audience == "campers"))
    assert _claim(stage.database, held, T0 + 21) is not None
    stage.say(alert, Verdict.NOT_A_BEAR, T0 + 21.5)
    assert stage.outbox() == [("warning", "cancelled"), ("retraction", "pending")]


def test_a_confirmation_in_the_window_warns_at_once_and_once(stage: Stage) -> None:
    stage.grant(Mode.AUTOMATIC)
    alert = stage.bear()
    stage.say(alert, Verdict.BEAR, T0 + 4)
    assert stage.outbox() == [("warning", "cancelled"), ("warning", "pending")]
    with stage.database.read() as session:
        waiting = session.scalars(
            select(Delivery).where(Delivery.status == "pending", Delivery.audience == "campers")
        ).one()
        assert (waiting.title, waiting.due_at, waiting.held) == ("Bear at Upper Pines", T0 + 4, False)


def test_who_was_warned_without_a_ranger_hears_when_one_confirms(stage: Stage) -> None:
    stage.grant(Mode.AUTOMATIC)
    alert = stage.bear()
    with stage.database.write() as session:
        session.execute(update(Delivery).values(status="sent", sent_at=T0 + 21))
    stage.say(alert, Verdict.BEAR, T0 + 60)
    assert stage.outbox() == [("warning", "sent"), ("confirmed", "pending")]


def test_authority_is_asked_again_when_the_window_ends(stage: Stage) -> None:
    """A stop in the twenty seconds before is in time."""
    stage.grant(Mode.AUTOMATIC, expires_at=T0 + 10)
    stage.bear()
    sweep(stage.database, T0 + 25)
    assert stage.outbox() == [("warning", "cancelled")]


def test_a_confirmed_warning_that_is_still_being_tried_ends_with_authority(stage: Stage) -> None:
    stage.grant(Mode.ASSISTED, expires_at=T0 + 8)
    stage.say(stage.bear(), Verdict.BEAR, T0 + 5)
    sweep(stage.database, T0 + 6)
    assert stage.outbox() == [("warning", "pending")], "nobody is at home"
    sweep(stage.database, T0 + 20)
    assert stage.outbox() == [("warning", "cancelled")]


def test_a_correction_is_sent_even_after_authority_has_ended(stage: Stage) -> None:
    stage.grant(Mode.ASSISTED, expires_at=T0 + 30)
    alert = stage.bear()
    stage.say(alert, Verdict.BEAR, T0 + 5)
    stage.sent()
    stage.say(alert, Verdict.NOT_A_BEAR, T0 + 60)
    assert stage.outbox() == [("warning", "sent"), ("retraction", "pending")]
    with stage.database.read() as session:
        retraction = session.scalars(select(Delivery).where(Delivery.kind == "retraction")).one()
        assert retraction.due_at == T0 + 70, "it waits until the decision can no longer be taken back"
        assert _claim(stage.database, retraction.id, T0 + 71) is not None


def test_a_correction_does_not_overtake_what_it_corrects(stage: Stage) -> None:
    """A worker has the warning in its hands. If it died with it, nobody knows how far it came: the correction goes."""
    stage.grant(Mode.AUTOMATIC)
    alert = stage.bear()
    with stage.database.read() as session:
        (held,) = session.scalars(select(Delivery.id).where(Delivery.audience == "campers"))
    assert _claim(stage.database, held, T0 + 21) is not None
    stage.say(alert, Verdict.NOT_A_BEAR, T0 + 21.5)
    with stage.database.read() as session:
        retraction = session.scalars(select(Delivery.id).where(Delivery.kind == "retraction")).one()
    assert _claim(stage.database, retraction, T0 + 40) is None
    assert stage.outbox()[-1] == ("retraction", "pending")
    assert _claim(stage.database, retraction, T0 + 112) is not None


def test_one_visit_on_two_cameras_is_one_warning(stage: Stage) -> None:
    stage.grant(Mode.ASSISTED)
    creek, trail = stage.bear(), stage.bear("upper-trail", T0 + 40)
    stage.say(creek, Verdict.BEAR, T0 + 60)
    stage.say(trail, Verdict.BEAR, T0 + 61)
    assert stage.outbox() == [("warning", "pending"), ("warning", "joined")]
    assert stage.outbox("rangers") == [("advisory", "pending"), ("advisory", "joined")]


def test_the_neighbours_and_a_later_visit_are_told_on_their_own(stage: Stage) -> None:
    for site in (UPPER, LOWER):
        stage.grant(Mode.ASSISTED, site)
    for camera, at in (("upper-creek", T0), ("lower-meadow", T0 + 10), ("upper-trail", T0 + 601)):
        stage.say(stage.bear(camera, at), Verdict.BEAR, at + 5)
    assert stage.outbox() == [("warning", "pending")] * 3


def test_a_second_camera_confirmed_is_no_duplicate_of_one_that_only_waits(stage: Stage) -> None:
    """A held warning may still be vetoed: nobody relies on it."""
    stage.grant(Mode.AUTOMATIC)
    stage.bear()
    stage.say(stage.bear("upper-trail", T0 + 3), Verdict.BEAR, T0 + 6)
    assert stage.outbox() == [("warning", "pending"), ("warning", "cancelled"), ("warning", "pending")]
    stage.sent()
    sweep(stage.database, T0 + 30)
    assert stage.outbox()[0] == ("warning", "joined"), "by then the same people know of the same visit"


def test_a_joined_alert_keeps_the_warning_alive(stage: Stage) -> None:
    """Rejecting the first camera's alert must not tell campers that there is no bear while the second one stands."""
    stage.grant(Mode.ASSISTED)
    creek, trail = stage.bear(), stage.bear("upper-trail", T0 + 40)
    stage.say(creek, Verdict.BEAR, T0 + 60)
    stage.sent()
    stage.say(trail, Verdict.BEAR, T0 + 61)
    stage.say(creek, Verdict.NOT_A_BEAR, T0 + 70)
    assert stage.outbox() == [("warning", "sent"), ("warning", "joined")]
    stage.say(trail, Verdict.NOT_A_BEAR, T0 + 80)
    assert stage.outbox() == [("warning", "sent"), ("warning", "joined"), ("retraction", "pending")]


def test_after_a_retraction_a_new_bear_is_a_new_warning(stage: Stage) -> None:
    stage.grant(Mode.ASSISTED)
    creek = stage.bear()
    stage.say(creek, Verdict.BEAR, T0 + 5)
    stage.sent()
    stage.say(creek, Verdict.NOT_A_BEAR, T0 + 20)
    stage.say(stage.bear("upper-trail", T0 + 40), Verdict.BEAR, T0 + 50)
    assert [kind for kind, _status in stage.outbox()] == ["warning", "retraction", "warning"]
    assert stage.outbox()[-1] == ("warning", "pending")


def test_a_camera_with_a_burst_of_false_alarms_needs_a_ranger(stage: Stage) -> None:
    """Everything is recorded and shown as before; only what leaves by itself is limited, and only of this camera."""
    stage.grant(Mode.AUTOMATIC)
    burst = Tripping("false_alarm_burst", Unit(Scope.CAMERA, "upper-creek"), Action.LIMIT, 6, 6, "six false alarms")
    with stage.database.write() as session:
        (trip,) = latch(session, [burst], T0 - 5)
    alert = stage.bear()
    assert stage.outbox() == []
    assert stage.outbox("rangers") == [("advisory", "pending")]
    stage.say(alert, Verdict.BEAR, T0 + 5)
    assert stage.outbox() == [("warning", "pending")]
    stage.bear("upper-trail", T0 + 2000)
    assert stage.outbox()[-1] == ("warning", "pending")
    with stage.database.write() as session:
        reset(session, trip.id, ["lead-ranger", "model-owner"], "a torn tarpaulin, taken down", T0 + 3000)
    stage.bear("upper-creek", T0 + 4000)
    assert len(stage.outbox()) == 3


def test_an_open_handover_of_the_region_lets_nothing_out_whatever_the_lease_says(stage: Stage) -> None:
    stage.grant(Mode.AUTOMATIC)
    stage.bear()
    with stage.database.write() as session:
        latch(session, [Tripping("no_data", Unit(Scope.REGION, "sierra"), Action.HANDOVER, 1, 1, "silence")], T0 + 5)
    sweep(stage.database, T0 + 30)
    assert stage.outbox() == [("warning", "cancelled")]


def test_an_automatic_alert_that_no_ranger_looks_at_is_paged_once(stage: Stage) -> None:
    stage.grant(Mode.AUTOMATIC)
    reviewed, forgotten = stage.bear(), stage.bear("upper-trail", T0 + 1)
    stage.say(reviewed, Verdict.UNSURE, T0 + 30)
    for at, pages in ((170, 0), (182, 1), (190, 1)):
        with stage.database.write() as session:
            escalate_unacknowledged(session, stage.recipients, T0 + at)
        assert len(stage.outbox("staff")) == pages
    with stage.database.read() as session:
        (told,) = session.scalars(select(Delivery).where(Delivery.audience == "staff"))
        assert f"alert {forgotten}" in told.body


def test_a_page_about_the_same_occasion_is_sent_once_to_each(stage: Stage) -> None:
    with stage.database.write() as session:
        for addresses in ([STAFF], [STAFF, RANGERS], [STAFF]):
            page(session, key="watchdog:1", title="The controller is gone", body="…", targets=addresses, now=T0)
    assert len(stage.outbox("staff")) == 2


def test_a_warning_that_nobody_accepts_is_given_up_shown_and_paged(stage: Stage) -> None:
    stage.grant(Mode.ASSISTED)
    with serving() as service:
        service.status = 404
        notify = stage.config.rollout.model_copy(update={"notify": [service.target], "rangers": []})
        stage.config = stage.config.model_copy(update={"rollout": notify})
        stage.say(stage.bear(), Verdict.BEAR, T0 + 5)
        sweep(stage.database, T0 + 6, stage.recipients.staff)
    assert stage.outbox() == [("warning", "failed")], "a 404 will be a 404 again"
    assert stage.outbox("staff") == [("page", "pending")]
    with stage.database.read() as session:
        failed = session.scalars(select(Delivery).where(Delivery.status == DeliveryStatus.FAILED)).one()
        assert "404" in (failed.why or "")
        assert [attempt.permanent for attempt in failed.attempts] == [True]


def test_each_campsite_has_its_own_list_besides_the_common_one(stage: Stage) -> None:
    sites = {
        **stage.config.campsites,
        UPPER: stage.config.campsites[UPPER].model_copy(update={"notify": ["json://siren", CAMPERS]}),
    }
    recipients = Recipients.of(stage.config.model_copy(update={"campsites": sites}))
    assert recipients.campers == {UPPER: (CAMPERS, "json://siren"), LOWER: (CAMPERS,)}
    assert (recipients.rangers, recipients.staff) == ((RANGERS,), (STAFF,))
