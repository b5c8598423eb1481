"""What is wrong with the site itself is told on every page."""

from __future__ import annotations

import time
from pathlib import Path

import redis

from core.config import Config
from core.machine.disk_reserve import DiskReserve, DiskState
from core.machine.unwritten_alerts import UnwrittenAlert, tell_unwritten
from core.messages import CameraHealth, CameraStatus, EncounterKind
from core.telemetry import Telemetry
from review_ui.live.site_notices import SiteNotices
from tests.support.blindness_leaks import go_on_watch
from tests.support.factories import T0
from tests.support.pages import Stage
from tests.support.waiting import wait_for


def site(**cameras: dict[str, object]) -> Config:
    """One campsite with these cameras."""
    return Config.model_validate(
        {
            "regions": {"r": {"timezone": "UTC"}},
            "campsites": {"a": {"region": "r"}},
            "cameras": {name: {"campsite": "a", **camera} for name, camera in cameras.items()},
        }
    )


def status(camera: str, fps: float) -> CameraStatus:
    """A camera that sees so many pictures a second."""
    return CameraStatus(camera, CameraHealth.LIVE, "", 0.0, 0.0, 640, 360, fps, fps, 0, {}, {})


def test_a_quiet_site_has_nothing_to_say(redis_client: redis.Redis, tmp_path: Path) -> None:
    notices = SiteNotices(site(one={"url": "rtsp://h/1"}), Telemetry(redis_client), DiskReserve(tmp_path, 0))
    notices.refresh(time.time(), {"one": status("one", 15.0)})
    assert (notices.current, notices.disk) == ((), DiskState.OK)


def test_a_clock_that_is_set_is_told_for_an_hour(redis_client: redis.Redis) -> None:
    notices = SiteNotices(site(one={"url": "rtsp://h/1"}), Telemetry(redis_client))
    notices.refresh(time.time(), {})
    notices.refresh(time.time() - 3600.0, {})
    texts = [each.text for each in notices.current if each.kind == "clock"]
    assert texts[0].startswith("the clock of this machine was set back by 3,600 s")
    assert "of this machine and of Redis are 3,600 s apart" in texts[1]
    notices.refresh(time.time() - 3599.0, {})
    assert len([each for each in notices.current if each.kind == "clock"]) == 2


def test_a_full_disk_is_told(redis_client: redis.Redis, tmp_path: Path) -> None:
    full = DiskReserve(tmp_path, 1 << 20, lambda _: 1000)
    notices = SiteNotices(site(one={"url": "rtsp://h/1"}), Telemetry(redis_client), full)
    notices.refresh(time.time(), {})
    assert notices.disk is DiskState.FULL
    assert [(each.kind, each.text[:16]) for each in notices.current] == [("disk", "the disk is full")]


def test_what_can_hardly_be_meant_so_is_told_with_its_cameras(redis_client: redis.Redis) -> None:
    config = site(one={"url": "rtsp://h/1"}, two={"url": "rtsp://h/1"}, slow={"url": "rtsp://h/3"})
    notices = SiteNotices(config, Telemetry(redis_client))
    notices.refresh(time.time(), {"slow": status("slow", 0.05), "one": status("one", 15.0)})
    assert [(each.kind, each.cameras) for each in notices.current] == [
        ("configuration", ("one", "two")),
        ("configuration", ("slow",)),
    ]
    assert "it gives 0.05 pictures a second" in notices.current[1].text


def test_an_alert_that_cannot_be_written_stands_on_every_page_that_may_show_it(
    page: Stage, redis_client: redis.Redis
) -> None:
    ranger, watcher = page.person("ranger"), page.person("watcher")
    go_on_watch(watcher)
    tell_unwritten(redis_client, UnwrittenAlert("upper-creek", EncounterKind.BEAR, T0, time.time() + 10))
    tell_unwritten(redis_client, UnwrittenAlert("not-configured", EncounterKind.BEAR, T0, time.time()))
    wait_for(lambda: "A bear on camera Creek, Upper Pines, at " in ranger.get("/").text)
    assert "not-configured" not in ranger.get("/").text
    assert "on camera Creek" not in watcher.get("/").text  # blind while on watch, to this as to every alert
