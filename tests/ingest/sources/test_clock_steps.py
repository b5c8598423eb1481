"""A clock that is set neither hides a dead camera nor stops the keepalives."""

from __future__ import annotations

import pytest

from core.clock import ClockWatch
from core.config import Motion
from core.messages import CameraHealth, Reason
from ingest.scene.liveness import Content, Liveness
from ingest.scene.motion import STILL
from ingest.scene.sampler import Sampler
from ingest.sources.pace import Timestamper

T0 = 1_800_000_000.0


@pytest.mark.parametrize("step_s", [-86_400.0, -3600.0, -60.0, 60.0, 3600.0])
def test_even_by_the_wall_clock_keepalives_go_on_and_a_dead_camera_is_not_seen(step_s: float) -> None:
    wall, digest, kept = T0, 0, list[float]()
    liveness, stamper, sampler = Liveness(15.0, wall), Timestamper(), Sampler(Motion())

    def pictures(seconds: float) -> None:
        nonlocal wall, digest
        for _ in range(int(seconds * 5)):
            wall, digest = wall + 0.2, digest + 1
            at = stamper.stamp(wall)
            liveness.saw(Content(digest, 100.0), at)
            if any(decision.reason is Reason.KEEPALIVE for decision in sampler.decide(STILL, at)):
                kept.append(wall)

    pictures(60)
    before = len(kept)
    wall += step_s
    kept.clear()
    pictures(60)
    assert len(kept) >= before - 3
    assert liveness.verdict(wall).health is CameraHealth.LIVE
    liveness.lost("no data for 8 s")
    assert all(liveness.verdict(wall + minutes * 60).health is CameraHealth.BLIND for minutes in (1, 5, 30, 60, 2000))


def test_a_camera_that_dies_as_the_clock_is_set_back_is_not_seen_for_an_hour() -> None:
    liveness = Liveness(15.0, T0)
    for number in range(50):
        liveness.saw(Content(number, 100.0), T0 + number / 5)
    assert liveness.verdict(T0 + 10.0 - 3600.0).health is not CameraHealth.LIVE


def test_a_step_is_told_from_a_nudge_and_from_time_that_passes() -> None:
    watch = ClockWatch()
    assert watch.check(T0, 100.0) is None
    assert watch.check(T0 + 5000.0, 5100.0) is None
    assert watch.check(T0 + 5002.0, 5101.0) is None
    back = watch.check(T0 + 5002.0 - 3600.0, 5101.0)
    assert back is not None
    assert (back.by_s, back.text) == (-3600.0, "the clock of this machine was set back by 3,600 s")
    assert watch.check(T0 + 5003.0 - 3600.0, 5102.0) is None
