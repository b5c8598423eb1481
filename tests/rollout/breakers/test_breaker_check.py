"""Breakers check the real database: each trips on its own trouble, is latched, and is reset by people only."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import select

from core.config import Config
from core.media import MediaStore
from core.site_config import Costs
from db.ledger import verify
from db.models import (
    Alert,
    AlertStatus,
    BreakerState,
    BreakerTrip,
    CameraHour,
    DeliveryAttempt,
    LedgerEntry,
    Sighting,
)
from db.session import Database
from rollout.breakers import (
    EVERYTHING,
    Action,
    Breakers,
    NoSuchTrip,
    Scope,
    TelemetrySnapshot,
    Unit,
    open_trips,
    reset,
)  # fmt: skip
from rollout.evidence.seals import digest_of_sighting
from tests.support.cast import open_encounter
from tests.support.factories import T0
from tests.support.rollout.breaker_site import Desk, healthy, inject, what, with_camera

SPECS = Breakers().specs()
SIERRA, UPPER, CREEK = Unit(Scope.REGION, "sierra"), Unit(Scope.SITE, "upper-pines"), Unit(Scope.CAMERA, "upper-creek")


@pytest.fixture
def desk(sqlite_database: Database, config: Config) -> Desk:
    """Breakers over a healthy site."""
    return Desk(sqlite_database, config)


def test_a_healthy_site_trips_nothing_for_an_hour(desk: Desk) -> None:
    trips = [trip for minute in range(60) for trip in desk.check(T0 + 60 * minute)]
    assert trips == []


def test_a_silent_camera_trips_for_itself_and_for_its_campsite_when_too_few_see(desk: Desk) -> None:
    """A hiccup is no trip, though one of two cameras is under three quarters."""
    assert desk.check(T0, with_camera(healthy(desk.config, T0), "upper-creek", T0 - 119)) == []
    trips = desk.check(T0 + 5, with_camera(healthy(desk.config, T0 + 5), "upper-creek", T0 - 119))
    assert what(trips) == [("camera_loss", CREEK, Action.HANDOVER), ("camera_loss", UPPER, Action.HANDOVER)]
    assert "124" in trips[0].why


def test_where_enough_others_see_a_silent_camera_is_its_own_trip(desk: Desk) -> None:
    many = {f"upper-{n}": desk.config.cameras["upper-creek"] for n in range(4)}
    desk.config = desk.config.model_copy(update={"cameras": {**desk.config.cameras, **many}})
    trips = desk.check(T0, with_camera(healthy(desk.config, T0), "upper-creek", T0 - 121))
    assert what(trips) == [("camera_loss", CREEK, Action.HANDOVER)]


def test_a_trip_is_latched_until_people_reset_it(desk: Desk) -> None:
    sick = healthy(desk.config, T0)
    desk.check(T0, replace(sick, waiting={0: replace(sick.waiting[0], entries=20_001)}))
    assert desk.check(T0 + 5) == []
    with desk.database.write() as session:
        (trip,) = open_trips(session)
        assert (trip.breaker, trip.unit) == ("queue_depth", SIERRA)
        with pytest.raises(ValueError, match="written cause"):
            reset(session, trip.id, ["lead-ranger"], "  ", T0 + 10)
        reset(session, trip.id, ["lead-ranger", "model-owner"], "a job that queued itself; removed", T0 + 10)
        assert open_trips(session) == []
        with pytest.raises(NoSuchTrip):
            reset(session, trip.id, ["lead-ranger"], "again", T0 + 11)
    with desk.database.read() as session:
        row = session.scalars(select(BreakerTrip)).one()
        assert (row.reset_by, row.cause) == ("lead-ranger, model-owner", "a job that queued itself; removed")
        kinds = list(session.scalars(select(LedgerEntry.kind).order_by(LedgerEntry.seq)))
        assert kinds == ["breaker.tripped", "breaker.reset"]
        assert verify(session).broken_at is None


def test_what_is_still_wrong_after_a_reset_trips_again(desk: Desk) -> None:
    def full(at: float) -> TelemetrySnapshot:
        sick = healthy(desk.config, at)
        return replace(sick, waiting={0: replace(sick.waiting[0], entries=20_001)})

    (trip,) = desk.check(T0, full(T0))
    with desk.database.write() as session:
        reset(session, trip.id, ["a", "b"], "wishful thinking", T0 + 3)
    assert what(desk.check(T0 + 5, full(T0 + 5))) == [("queue_depth", SIERRA, Action.HANDOVER)]


def test_a_condition_with_a_duration_must_hold_without_a_break(desk: Desk) -> None:
    def lagging(at: float) -> TelemetrySnapshot:
        sick = healthy(desk.config, at)
        return replace(sick, waiting={0: replace(sick.waiting[0], oldest_s=61.0)})

    assert desk.watch(T0, 115, lagging) == []
    assert desk.check(T0 + 118) == []
    assert desk.watch(T0 + 120, 115, lagging) == []
    (trip,) = desk.watch(T0 + 240, 5, lagging)
    assert trip.breaker == "queue_depth"
    assert trip.series[-1][1] == 61.0, "with a plot of how it came about"


def _no_redis(snapshot: TelemetrySnapshot) -> TelemetrySnapshot:
    return TelemetrySnapshot(snapshot.at, False)


def _no_tracker(snapshot: TelemetrySnapshot) -> TelemetrySnapshot:
    return replace(snapshot, heartbeats={**snapshot.heartbeats, "tracker:0": {"at": T0}})


def _no_machine(snapshot: TelemetrySnapshot) -> TelemetrySnapshot:
    return replace(snapshot, heartbeats={"tracker:0": {"at": snapshot.at}})


@pytest.mark.parametrize(
    ("spoil", "missing"),
    [
        (_no_redis, "camera_silent_s of 3 cameras (65 s old)"),
        (_no_tracker, "false_alarms_1h_camera of 3 cameras"),
        (_no_machine, "cpu_load of region:sierra"),
    ],
)
def test_an_input_that_nobody_updates_trips(
    desk: Desk, spoil: Callable[[TelemetrySnapshot], TelemetrySnapshot], missing: str
) -> None:
    """Missing telemetry never means fine."""
    assert desk.check(T0) == []
    early = desk.watch(T0 + 5, 50, lambda at: spoil(healthy(desk.config, at)))
    assert "no_data" not in [trip.breaker for trip in early]
    trips = desk.watch(T0 + 60, 10, lambda at: spoil(healthy(desk.config, at)))
    (stale,) = [trip for trip in trips if trip.breaker == "no_data"]
    assert stale.unit == SIERRA
    assert missing in stale.why


def test_test_clips_that_nobody_sends_any_more_trip_too(desk: Desk) -> None:
    assert desk.check(T0 - 600 + 3 * 3600) == []
    (trip,) = desk.check(T0 - 600 + 3 * 3600 + 5)
    assert (trip.breaker, "planted_clip_missed" in trip.why) == ("no_data", True)


def test_two_test_clips_missed_in_a_row_trip_and_one_does_not(desk: Desk) -> None:
    with desk.database.write() as session:
        inject(session, desk.config, T0, seen=False, camera="upper-creek")
    assert desk.check(T0 + 60) == []
    with desk.database.write() as session:
        inject(session, desk.config, T0 + 3600, seen=False, camera="upper-creek")
    (trip,) = desk.check(T0 + 3660)
    assert what([trip]) == [("canary_clip", SIERRA, Action.HANDOVER)]
    with desk.database.write() as session:
        reset(session, trip.id, ["a", "b"], "the model was loaded without its weights", T0 + 3700)
    assert desk.check(T0 + 3705) == [], "what was missed before the reset has been dealt with"


def test_a_detector_that_fails_its_proof_twice_hands_its_region_over_and_a_good_one_beside_it_is_no_excuse(
    desk: Desk,
) -> None:
    def snapshot(failed: int, at: float, shards: Sequence[int] = (0,)) -> TelemetrySnapshot:
        well = healthy(desk.config, at)
        beats = {name: {"at": at, "shards": list(shards), "self_test": {"failed": n}} for name, n in
                 (("detector:one", failed), ("detector:two", 0))}  # fmt: skip
        return replace(well, heartbeats={**well.heartbeats, **beats})

    assert desk.check(T0, snapshot(0, T0)) == []
    assert desk.check(T0 + 5, snapshot(1, T0 + 5)) == []
    assert desk.check(T0 + 10, snapshot(9, T0 + 10, shards=(7,))) == [], "it works for another region"
    (trip,) = desk.check(T0 + 15, snapshot(2, T0 + 15))
    assert what([trip]) == [("self_proof", SIERRA, Action.HANDOVER)]


def _false_alarms(desk: Desk, media: MediaStore, count: int, camera: str, start: float) -> None:
    for number in range(count):
        open_encounter(desk.database, desk.config, media, camera, start + 90 * number)
    with desk.database.write() as session:
        for alert in session.scalars(select(Alert)):
            alert.status = AlertStatus.REJECTED


def test_a_burst_of_false_alarms_limits_that_camera_and_no_other(desk: Desk, tmp_path: Path) -> None:
    media = MediaStore(tmp_path)
    _false_alarms(desk, media, 5, "upper-creek", T0)
    assert desk.check(T0 + 500) == []
    _false_alarms(desk, media, 1, "upper-creek", T0 + 600)
    _false_alarms(desk, media, 2, "upper-trail", T0)
    trips = desk.check(T0 + 700)
    assert what(trips) == [("false_alarm_burst", CREEK, Action.LIMIT)]


def _sighting(at: float, key: str, site: str = "upper-pines", blind: bool = True) -> Sighting:
    entered = {"campsite": site, "camera": None, "animal": "bear", "number": 1, "note": "", "seen_at": at}
    return Sighting(
        campsite_id=site, camera_id=None, user_id=1, watch_id=None, animal="bear", number=1, note="", seen_at=at,
        sealed_at=at + 30, seal=digest_of_sighting(entered, 1, at + 30), seal_version=1, blind=blind,
        idempotency_key=key,
    )  # fmt: skip


def test_two_bears_that_the_model_missed_within_a_day_trip(desk: Desk, tmp_path: Path) -> None:
    open_encounter(desk.database, desk.config, MediaStore(tmp_path), "upper-creek", T0 + 3600)
    with desk.database.write() as session:
        session.scalars(select(Alert)).one().status = AlertStatus.CONFIRMED
        session.add_all([_sighting(T0, "missed"), _sighting(T0 + 3590, "seen"), _sighting(T0 + 9000, "missed again")])
    now = T0 + 9300

    def at(moment: float) -> list[tuple[str, Unit, Action]]:
        return [each for each in what(desk.check(moment)) if each[0] == "missed_sighting_1"]

    assert at(now) == [], "an alert may still come"
    assert at(now + 400) == [("missed_sighting_1", UPPER, Action.HANDOVER)]


def test_money_is_paged_about_first_and_handed_over_at_twice_the_budget(desk: Desk) -> None:
    priced = desk.config.model_copy(update={"costs": Costs(camera_day=1.0, message=0.01, budget_day=4.0)})
    desk.config = priced
    assert desk.check(T0) == [], "three cameras, three a day"

    def spend(messages: int) -> None:
        from db.models import Delivery

        with desk.database.write() as session:
            if session.get(Delivery, 1) is None:
                session.add(
                    Delivery(id=1, alert_version=0, kind="page", target="x", target_digest="x", title="", body="",
                             created_at=T0, due_at=T0)
                )  # fmt: skip
                session.flush()
            session.add_all(
                [DeliveryAttempt(delivery_id=1, at=T0, succeeded=True, detail="sent") for _ in range(messages)]
            )

    spend(301)
    assert what(desk.check(T0 + 5)) == [("cost", EVERYTHING, Action.PAGE)]
    spend(200)
    assert what(desk.check(T0 + 10)) == [("cost", EVERYTHING, Action.HANDOVER)]
    assert desk.check(T0 + 15) == []


def test_a_gpu_that_is_gone_trips_where_there_was_one_and_nowhere_else(desk: Desk) -> None:
    assert desk.check(T0, healthy(desk.config, T0, gpus=0, gpus_expected=0)) == []
    assert desk.check(T0 + 5, healthy(desk.config, T0 + 5, gpus=1, gpus_expected=1, gpu_c=86.0)) == []
    (gone,) = desk.check(T0 + 10, healthy(desk.config, T0 + 10, gpus=0, gpus_expected=1))
    assert (gone.breaker, gone.unit) == ("gpu_temp", SIERRA)


def test_a_hot_gpu_and_a_full_disk_trip_after_two_minutes(desk: Desk) -> None:
    hot = desk.watch(T0, 120, lambda at: healthy(desk.config, at, gpus=1, gpus_expected=1, gpu_c=88.0, disk_free=0.01))
    assert [trip.breaker for trip in hot] == ["gpu_temp", "machine"]
    assert [trip.at for trip in hot] == [T0 + 120, T0 + 120]


def test_an_expired_lease_is_the_controllers_trip(desk: Desk) -> None:
    assert desk.check(T0, lease_until=T0 + 1) == []
    assert what(desk.check(T0 + 1, lease_until=T0 + 1)) == [("controller", EVERYTHING, Action.HANDOVER)]


def test_two_controllers_at_once_latch_one_trip(desk: Desk) -> None:
    sick = healthy(desk.config, T0)
    full = replace(sick, waiting={0: replace(sick.waiting[0], entries=20_001)})
    assert len(desk.check(T0, full)) == 1
    assert desk.check(T0, full) == []
    with desk.database.read() as session:
        assert len(open_trips(session)) == 1


def _level(desk: Desk, breaker: str) -> tuple[float, str]:
    with desk.database.read() as session:
        state = session.get_one(BreakerState, (breaker, str(EVERYTHING)))
        return state.value, state.last_input


def test_each_blind_encounter_counts_once_towards_the_recall_detector(desk: Desk, tmp_path: Path) -> None:
    """Six bears, a day apart; the model saw the first and no other."""
    open_encounter(desk.database, desk.config, MediaStore(tmp_path), "upper-creek", T0 + 10)
    moments = [T0 + 86400 * day for day in range(6)]
    with desk.database.write() as session:
        session.scalars(select(Alert)).one().status = AlertStatus.CONFIRMED
        session.add_all(_sighting(at, f"bear {at}") for at in moments)
    desk.check(T0 + 60)
    assert _level(desk, "recall_edetector") == (1.0, "6"), "what is not over yet is not counted"
    desk.check(moments[2])
    desk.check(moments[-1] + 3000)
    level, _last = _level(desk, "recall_edetector")
    assert level >= SPECS["recall_edetector"].number("c")
    desk.check(moments[-1] + 3005)
    assert _level(desk, "recall_edetector")[0] == level
    with desk.database.read() as session:
        (trip,) = [trip for trip in open_trips(session) if trip.breaker == "recall_edetector"]
    assert (trip.unit, trip.action, len(trip.series)) == (EVERYTHING, Action.HANDOVER, 6)
    with desk.database.write() as session:
        reset(session, trip.id, ["a", "b"], "an old model had been loaded", moments[-1] + 4000)
    desk.check(moments[-1] + 4005)
    assert _level(desk, "recall_edetector") == (1.0, "6"), "after a reset the evidence begins anew"


def test_a_sighting_in_a_handover_says_nothing_about_recall(desk: Desk) -> None:
    with desk.database.write() as session:
        session.add_all(_sighting(T0 + 86400 * day, f"told {day}", blind=False) for day in range(6))
    desk.check(T0 + 6 * 86400)
    with desk.database.read() as session:
        assert session.get(BreakerState, ("recall_edetector", str(EVERYTHING))) is None


def test_days_are_counted_once_they_are_over_and_reviewed(desk: Desk, tmp_path: Path) -> None:
    midnight = (T0 // 86400 + 1) * 86400
    desk.check(midnight - 3600)
    _false_alarms(desk, MediaStore(tmp_path), 8, "upper-creek", midnight + 3600)
    with desk.database.write() as session:
        for name in desk.config.cameras:
            session.add(
                CameraHour(
                    camera_id=name, hour_at=midnight + 3600, frames={"motion": 50}, unknown={"frames": 1},
                    histogram=[50] + [0] * 19, max_score=0.0, minutes=1, thumbnails=[],
                )
            )  # fmt: skip
    desk.check(midnight + 86400 + 3600)
    assert _level(desk, "false_alarm_rate")[0] == 1.0
    desk.check(midnight + 86400 + 6 * 3600)
    level, day = _level(desk, "false_alarm_rate")
    assert day == str(int(midnight // 86400))
    assert level == pytest.approx(1 + 4 * (4 / 3 / 4 - 0.125)), "eight on one of three cameras count as four"
    with desk.database.read() as session:
        drift = session.get_one(BreakerState, ("drift", str(UPPER)))
        assert drift.memory["unknown"]["level"] == pytest.approx(1.0), "one frame in fifty is what was to be expected"


def test_many_cameras_at_once_trip_each_for_itself_and_once_for_their_campsite(desk: Desk) -> None:
    many = {f"camera-{n}": desk.config.cameras["upper-creek"] for n in range(120)}
    desk.config = desk.config.model_copy(update={"cameras": many})
    snapshot = healthy(desk.config, T0)
    silent = replace(snapshot, cameras={name: replace(s, content_at=T0 - 121) for name, s in snapshot.cameras.items()})
    trips = desk.check(T0, silent)
    assert len(trips) == 120 + 1
