"""Freshness, second by second: what counts as handled, when a camera is stale, when it is fresh again."""

from __future__ import annotations

from dataclasses import replace

import pytest

from core.messages import CameraHealth, CameraStatus, Reason
from detector.tracking.watermarks import Watermarks
from rollout.authority.diagnosis import causes
from rollout.authority.freshness import Watermark, is_fresh
from rollout.breakers.telemetry_snapshot import QueueDepth, TelemetrySnapshot
from tests.support.factories import T0, scored
from tests.support.rollout.rollout_plans import settings

WITHIN, BACK = 30.0, 15.0


def fresh(watermark: Watermark, now: float) -> bool:
    return is_fresh(watermark.captured_at, watermark.steady_since, now, WITHIN, BACK)


def walk(*handled: tuple[float, float], watermark: Watermark | None = None) -> Watermark:
    """Pictures that were taken and handled at these moments."""
    watermark = watermark or Watermark()
    for taken, at in handled:
        watermark = watermark.handled(taken, at, WITHIN)
    return watermark


def test_a_camera_that_nobody_has_ever_seen_is_not_fresh() -> None:
    assert not fresh(Watermark(), T0)
    assert not is_fresh(None, None, T0, WITHIN, BACK)


def test_freshness_begins_when_pictures_have_come_for_a_while_and_lasts_half_a_minute() -> None:
    watermark = walk((T0, T0 + 1), (T0 + 10, T0 + 11))
    assert not fresh(watermark, T0 + 15)
    assert fresh(watermark, T0 + 16)
    assert fresh(watermark, T0 + 40)
    assert not fresh(watermark, T0 + 40.1)


def test_after_a_gap_it_comes_back_only_when_pictures_have_come_for_a_while_again() -> None:
    watermark = walk((T0, T0), (T0 + 20, T0 + 20), (T0 + 60, T0 + 60))
    assert not fresh(watermark, T0 + 61)
    assert fresh(walk((T0 + 70, T0 + 70), watermark=watermark), T0 + 76)


def test_a_loss_that_is_known_counts_at_once_and_the_next_picture_begins_anew() -> None:
    watermark = walk((T0, T0), (T0 + 20, T0 + 20)).lost()
    assert not fresh(watermark, T0 + 20)
    assert not fresh(watermark.handled(T0 + 21, T0 + 21, WITHIN), T0 + 22)
    assert fresh(watermark.handled(T0 + 21, T0 + 21, WITHIN), T0 + 36)


def test_what_waited_out_an_outage_proves_nothing_about_now() -> None:
    watermark = walk((T0, T0), (T0 + 10, T0 + 600), (T0 + 100, T0 + 601))
    assert watermark.captured_at == T0
    assert not fresh(watermark, T0 + 700)


def test_a_camera_box_whose_clock_runs_ahead_wins_no_time() -> None:
    assert walk((T0 + 3600, T0)).captured_at == T0


def test_thumbnails_and_the_word_of_a_detector_that_fails_its_self_test_do_not_count() -> None:
    watermarks, good = Watermarks(10.0), scored(0.1, "upper-creek", T0)
    watermarks.add(replace(good, frame=replace(good.frame, reason=Reason.AUDIT)), T0)
    watermarks.add(replace(good, self_test_ok=False), T0)
    assert not watermarks.pending()
    watermarks.add(good, T0)
    assert watermarks.pending()


def test_one_frame_of_a_detector_that_fails_its_proof_ends_freshness_at_once() -> None:
    watermarks = Watermarks(10.0)
    for second in (0, 10, 20):
        watermarks.add(scored(0.1, "upper-creek", T0 + second), T0 + second)
    assert fresh(watermarks.now("upper-creek"), T0 + 20)
    watermarks.add(replace(scored(0.1, "upper-creek", T0 + 21), self_test_ok=False), T0 + 21)
    assert not fresh(watermarks.now("upper-creek"), T0 + 21)


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        ({"answers": False}, "Redis does not answer"),
        ({"cameras": {}}, "no reader has reported it"),
        ({"heartbeats": {"tracker:0": {"at": T0}}}, "no detector reports"),
        (
            {
                "heartbeats": {
                    "tracker:0": {"at": T0},
                    "detector:a": {"at": T0, "self_test": {"ok": False, "why": "blind"}},
                }
            },
            "the detector fails its self-test: blind",
        ),
        ({"heartbeats": {"detector:a": {"at": T0}}}, "no tracker reports"),
        ({"waiting": {0: QueueDepth(900, 45.0)}}, "pictures wait for 45 s"),
        ({}, "its pictures do not arrive"),
    ],
)
def test_the_cause_is_the_first_link_that_is_known_to_be_broken(broken: dict[str, object], said: str) -> None:
    status = CameraStatus("upper-creek", CameraHealth.LIVE, "", T0, T0, 640, 360, 15.0, 5.0, 0, {}, {})
    well = TelemetrySnapshot(
        T0, True, {"upper-creek": status}, {"detector:a": {"at": T0}, "tracker:0": {"at": T0}}, {}, 0
    )
    assert causes(replace(well, **broken), settings())("upper-creek") == said  # type: ignore[arg-type]
