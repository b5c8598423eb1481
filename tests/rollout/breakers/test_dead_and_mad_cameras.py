"""One dead camera is one blind camera, and one mad camera is one that loses its authority: not its whole region."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from core.config import Config
from core.media import MediaStore
from core.messages import CameraHealth
from db.models import AlertStatus, CameraHour
from db.session import Database
from rollout.breakers import Action, Scope, TelemetrySnapshot, Unit, open_trips, reset
from tests.support.cast import open_encounter
from tests.support.factories import T0
from tests.support.rollout.breaker_site import Desk, healthy, what
from tests.support.rollout.evidence_rows import add_bear

SIERRA, CREEK = Unit(Scope.REGION, "sierra"), Unit(Scope.CAMERA, "upper-creek")


@pytest.fixture
def desk(sqlite_database: Database, config: Config) -> Desk:
    """Breakers over a healthy site."""
    return Desk(sqlite_database, config)


def _never_seen(desk: Desk, at: float, status: str | None = "starting") -> TelemetrySnapshot:
    """A camera of which nothing was seen since its reader began; or, with None, that no reader tells of."""
    well = healthy(desk.config, at)
    cameras = dict(well.cameras)
    if status is None:
        del cameras["upper-creek"]
    elif status == "reader stopped":
        cameras["upper-creek"] = replace(cameras["upper-creek"], content_at=T0, reported_at=T0)
    else:
        cameras["upper-creek"] = replace(cameras["upper-creek"], content_at=None, health=CameraHealth.STARTING)
    return replace(well, cameras=cameras)


@pytest.mark.parametrize("status", ["starting", None, "reader stopped"])
def test_one_dead_camera_is_one_blind_camera_and_no_region_without_data(desk: Desk, status: str | None) -> None:
    trips = desk.watch(T0, 600, lambda at: _never_seen(desk, at, status))
    assert ("camera_loss", CREEK, Action.HANDOVER) in what(trips)
    assert {trip.breaker for trip in trips} == {"camera_loss"}
    with desk.database.write() as session:
        for trip in open_trips(session):
            reset(session, trip.id, ["a", "b"], "the cable was chewed through", T0 + 700)
    assert desk.check(T0 + 705) == [], "it is there again"


def test_a_camera_that_has_only_just_begun_is_waited_for(desk: Desk) -> None:
    assert desk.watch(T0, 110, lambda at: _never_seen(desk, at)) == []
    assert desk.watch(T0 + 115, 60, lambda at: healthy(desk.config, at)) == []
    assert desk.watch(T0 + 180, 110, lambda at: _never_seen(desk, at)) == [], "its silence begins anew"


def test_a_region_of_whose_cameras_nobody_tells_has_no_data(desk: Desk) -> None:
    trips = desk.watch(T0, 300, lambda at: replace(healthy(desk.config, at), cameras={}))
    assert {(trip.breaker, trip.unit) for trip in trips} >= {("no_data", SIERRA)}


def test_alerts_that_nobody_decides_are_a_burst_too_after_a_while(desk: Desk, tmp_path: Path) -> None:
    """In an automatic night nobody rejects anything."""
    for number in range(7):
        open_encounter(desk.database, desk.config, MediaStore(tmp_path), "upper-creek", T0 + 90 * number)
    assert "false_alarm_burst" not in {trip.breaker for trip in desk.check(T0 + 600)}, "a ranger may be on the way"
    assert ("false_alarm_burst", CREEK, Action.LIMIT) in what(desk.check(T0 + 1500))


def test_one_camera_that_alarms_all_day_loses_its_own_authority_and_nobody_elses(desk: Desk, tmp_path: Path) -> None:
    """120 undecided alerts a day of one camera, two healthy ones beside it; the days are counted after their end."""
    first = (int(T0 // 86400) + 1) * 86400
    day = 86400.0
    with desk.database.write() as session:
        for number in range(8):
            for camera in desk.config.cameras:
                session.add(
                    CameraHour(
                        camera_id=camera, hour_at=first + number * day, frames={}, histogram=[0] * 20, unknown={},
                        max_score=0.0, minutes=1, thumbnails=[],
                    )
                )  # fmt: skip
            for _ in range(30):
                add_bear(session, first + number * day + 3600, "upper-creek", AlertStatus.OPEN)
    found: list[tuple[int, list[tuple[str, Unit, Action]]]] = []
    for number in range(8):
        at = first + (number + 1) * day + 7 * 3600
        trips = [each for each in what(desk.check(at)) if each[0] == "false_alarm_rate" and each[1] == CREEK]
        if trips:
            found.append((number + 1, trips))
    assert found, "never"
    (days, trips), *later = found
    assert days <= 7
    assert trips == [("false_alarm_rate", CREEK, Action.HANDOVER)]
    assert later == []
