"""Cameras come, go and change while others are watched: nobody restarts anything, and who stays does not notice."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
import redis

from core.messages import CameraHealth, CameraStatus
from ingest.ingest_process import Ingest
from simulation.cameras.builtin import walk
from simulation.cameras.scene import Scene
from simulation.cameras.staged_server import StagedCameras
from tests.support.factories import frame
from tests.support.ingest_run import config_of, fresh, running, status
from tests.support.waiting import wait_for


@pytest.fixture(scope="module")
def staged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StagedCameras]:
    """Three cameras past which a bear walks."""
    scenes = [
        Scene(name, width=320, height=180, fps=10, loop_s=8, visits=(walk("bear", 1, 6.5, 0.8),))
        for name in ("one", "two", "three")
    ]
    with StagedCameras(scenes, cache_dir=tmp_path_factory.mktemp("loops")) as cameras:
        yield cameras


def live(client: redis.Redis, name: str) -> CameraStatus | None:
    """Its status when it sees, None else."""
    found = status(client, name)
    return found if found is not None and found.health is CameraHealth.LIVE else None


def test_one_comes_one_goes_one_changes_and_one_does_not_notice(
    staged: StagedCameras, redis_url: str, redis_client: redis.Redis
) -> None:
    at = {name: {"url": staged.url(name)} for name in staged.names}
    wrong = {"url": staged.url("two").replace("/two", "/nowhere")}
    before = config_of({"one": at["one"], "two": wrong, "gone": at["three"]}, blind_after_s=5.0)
    with running(before, redis_url) as ingest:
        wait_for(lambda: live(redis_client, "one") and live(redis_client, "gone"))
        old = status(redis_client, "two")
        assert old is None or old.health is not CameraHealth.LIVE
        after = config_of({"one": at["one"], "two": at["two"], "three": at["three"]}, blind_after_s=5.0)
        ingest.take(before, after)
        wait_for(lambda: live(redis_client, "two") and live(redis_client, "three"))
        wait_for(lambda: status(redis_client, "gone") is None)
        unmoved = live(redis_client, "one")
        assert unmoved is not None
        assert unmoved.reconnects == 0
        wait_for(lambda: {"two", "three"} <= {frame.camera for frame in fresh(redis_client)})
        last = max((frame.captured_at for frame in fresh(redis_client) if frame.camera == "gone"), default=0.0)
        wait_for(lambda: any(f.camera == "one" and f.captured_at > last + 2.0 for f in fresh(redis_client)))
        assert all(frame.captured_at <= last for frame in fresh(redis_client) if frame.camera == "gone")
        ones = [frame.sequence for frame in fresh(redis_client) if frame.camera == "one"]
        assert ones == list(range(ones[0], ones[0] + len(ones))), "not one of its frames is missing"


def test_a_camera_that_is_switched_off_is_forgotten_and_comes_back(
    staged: StagedCameras, redis_url: str, redis_client: redis.Redis
) -> None:
    on = config_of({"one": {"url": staged.url("one")}})
    off = config_of({"one": {"url": staged.url("one"), "enabled": False}})
    with running(on, redis_url) as ingest:
        wait_for(lambda: live(redis_client, "one"))
        ingest.take(on, off)
        wait_for(lambda: status(redis_client, "one") is None)
        ingest.take(off, on)
        wait_for(lambda: live(redis_client, "one"))


def test_frames_of_a_camera_that_is_gone_are_sent_and_end_nothing(
    staged: StagedCameras, redis_url: str, redis_client: redis.Redis
) -> None:
    one = {"url": staged.url("one")}
    both = config_of({"one": one, "gone": {"url": staged.url("two")}})
    with running(both, redis_url) as ingest:
        wait_for(lambda: live(redis_client, "gone"))
        ingest.take(both, config_of({"one": one}))
        late = frame("gone", at=time.time(), sequence=1_000_000)
        ingest.spool.put(late)
        wait_for(lambda: late.key in {each.key for each in fresh(redis_client)})
        after = time.time()
        wait_for(lambda: any(f.camera == "one" and f.captured_at > after for f in fresh(redis_client)))


def test_a_change_while_everything_stops_starts_nothing(staged: StagedCameras, redis_url: str) -> None:
    before = config_of({"one": {"url": staged.url("one")}})
    with running(before, redis_url) as ingest:
        kept: Ingest = ingest
    kept.take(before, config_of({"one": {"url": staged.url("one")}, "two": {"url": staged.url("two")}}))


def test_what_holds_for_all_cameras_begins_all_of_them_anew(
    staged: StagedCameras, redis_url: str, redis_client: redis.Redis
) -> None:
    cameras = {"one": {"url": staged.url("one")}}
    before = config_of(cameras)
    with running(before, redis_url) as ingest:
        wait_for(lambda: live(redis_client, "one"))
        ingest.take(before, config_of(cameras, blind_after_s=6.0))
        wait_for(lambda: live(redis_client, "one"))
