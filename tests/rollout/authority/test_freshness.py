"""Sight, second by second: what counts as handled, when it is lost, when it is back."""

from __future__ import annotations

from dataclasses import replace

import pytest

from core.messages import CameraStatus, Reason, Sight
from detector.tracking.watermarks import Watched
from rollout.authority.diagnosis import causes
from rollout.authority.freshness import Sighted, sees
from rollout.breakers.telemetry_snapshot import Heard, Waiting
from tests.support.factories import T0, scored
from tests.support.rollout_plans import settings

WITHIN, BACK = 30.0, 15.0


def has_sight(sight: Sighted, now: float) -> bool:
    return sees(sight.watched_at, sight.steady_since, now, WITHIN, BACK)


def walk(*handled: tuple[float, float], sight: Sighted | None = None) -> Sighted:
    """Pictures that were taken and handled at these moments."""
    sight = sight or Sighted()
    for taken, at in handled:
        sight = sight.handled(taken, at, WITHIN)
    return sight


def test_a_camera_that_nobody_has_ever_seen_has_no_sight() -> None:
    assert not has_sight(Sighted(), T0)
    assert not sees(None, None, T0, WITHIN, BACK)


def test_sight_begins_when_pictures_have_come_for_a_while_and_lasts_half_a_minute() -> None:
    sight = walk((T0, T0 + 1), (T0 + 10, T0 + 11))
    assert not has_sight(sight, T0 + 15)
    assert has_sight(sight, T0 + 16)
    assert has_sight(sight, T0 + 40)
    assert not has_sight(sight, T0 + 40.1)


def test_after_a_gap_it_comes_back_only_when_pictures_have_come_for_a_while_again() -> None:
    sight = walk((T0, T0), (T0 + 20, T0 + 20), (T0 + 60, T0 + 60))
    assert not has_sight(sight, T0 + 61)
    assert has_sight(walk((T0 + 70, T0 + 70), sight=sight), T0 + 76)


def test_a_loss_that_is_known_counts_at_once_and_the_next_picture_begins_anew() -> None:
    sight = walk((T0, T0), (T0 + 20, T0 + 20)).lost()
    assert not has_sight(sight, T0 + 20)
    assert not has_sight(sight.handled(T0 + 21, T0 + 21, WITHIN), T0 + 22)
    assert has_sight(sight.handled(T0 + 21, T0 + 21, WITHIN), T0 + 36)


def test_what_waited_out_an_outage_proves_nothing_about_now() -> None:
    sight = walk((T0, T0), (T0 + 10, T0 + 600), (T0 + 100, T0 + 601))
    assert sight.watched_at == T0
    assert not has_sight(sight, T0 + 700)


def test_a_camera_box_whose_clock_runs_ahead_wins_no_time() -> None:
    assert walk((T0 + 3600, T0)).watched_at == T0


def test_thumbnails_and_the_word_of_an_unproven_detector_do_not_count() -> None:
    watched, good = Watched(10.0), scored(0.1, "upper-creek", T0)
    watched.add(replace(good, frame=replace(good.frame, reason=Reason.AUDIT)), T0)
    watched.add(replace(good, proven=False), T0)
    assert not watched.pending()
    watched.add(good, T0)
    assert watched.pending()


def test_one_frame_of_a_detector_that_fails_its_proof_ends_sight_at_once() -> None:
    watched = Watched(10.0)
    for second in (0, 10, 20):
        watched.add(scored(0.1, "upper-creek", T0 + second), T0 + second)
    assert has_sight(watched.now("upper-creek"), T0 + 20)
    watched.add(replace(scored(0.1, "upper-creek", T0 + 21), proven=False), T0 + 21)
    assert not has_sight(watched.now("upper-creek"), T0 + 21)


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        ({"answers": False}, "Redis does not answer"),
        ({"cameras": {}}, "no reader has reported it"),
        ({"heartbeats": {"tracker:0": {"at": T0}}}, "no detector reports"),
        (
            {"heartbeats": {"tracker:0": {"at": T0}, "detector:a": {"at": T0, "proof": {"ok": False, "why": "blind"}}}},
            "the detector fails its own proof: blind",
        ),
        ({"heartbeats": {"detector:a": {"at": T0}}}, "no tracker reports"),
        ({"waiting": {0: Waiting(900, 45.0)}}, "pictures wait for 45 s"),
        ({}, "its pictures do not arrive"),
    ],
)
def test_the_cause_is_the_first_link_that_is_known_to_be_broken(broken: dict[str, object], said: str) -> None:
    status = CameraStatus("upper-creek", Sight.LIVE, "", T0, T0, 640, 360, 15.0, 5.0, 0, {}, {})
    well = Heard(T0, True, {"upper-creek": status}, {"detector:a": {"at": T0}, "tracker:0": {"at": T0}}, {}, 0)
    assert causes(replace(well, **broken), settings())("upper-creek") == said  # type: ignore[arg-type]
