"""The configuration follows its file: taken whole or refused whole, by every process, without anybody restarting it."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from bearwatch.config_following import ConfigFollower, but_the_plan
from core.config import Config
from simulation.cameras.builtin import walk
from simulation.cameras.scene import Scene
from simulation.cameras.staged_server import StagedCameras
from tests.support.waiting import wait_for

PLACES = "regions: {r: {timezone: America/Los_Angeles}}\ncampsites: {a: {region: r}}\n"
CAMERA = "  {name}: {{campsite: a, url: {url}}}\n"
REFUSED = "what was in force stays in force"
PASSWORD = "Correct-Horse-7-Battery"


def text(**cameras: str) -> str:
    """A configuration with these cameras, by name and address."""
    return PLACES + "cameras:\n" + "".join(CAMERA.format(name=name, url=url) for name, url in cameras.items())


def settled(follower: ConfigFollower) -> Config | None:
    """What a file that nobody writes to any more leads to."""
    return follower.check() or follower.check()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file with one camera."""
    file = tmp_path / "bearwatch.yaml"
    file.write_text(text(one="rtsp://127.0.0.1:1/one"))
    return file


def test_a_change_is_taken_when_its_file_has_been_written_to_the_end(file: Path) -> None:
    follower = ConfigFollower(file)
    assert settled(follower) is None
    file.write_text(PLACES + "cameras:\n  one: {campsite: a, ur")
    assert follower.check() is None
    file.write_text(text(one="rtsp://127.0.0.1:1/one", two="rtsp://127.0.0.1:1/two"))
    assert follower.check() is None
    before = follower.check()
    assert before is not None
    assert [*before.cameras] == ["one"]
    assert [*follower.config.cameras] == ["one", "two"]
    assert settled(follower) is None


@pytest.mark.parametrize(
    "wrong",
    [
        "cameras: {",
        text(one="nonsense://"),
        text(one="rtsp://127.0.0.1:1/one") + "unknown: 1\n",
        text(one="rtsp://127.0.0.1:1/one") + "rollout: {stages: [{name: x}]}\n",
        text(one="rtsp://127.0.0.1:1/one") + "rollout: {file: not-there.yaml}\n",
        "",
    ],
)
def test_what_is_wrong_is_refused_whole_and_said(file: Path, wrong: str, caplog: pytest.LogCaptureFixture) -> None:
    follower, good = ConfigFollower(file), file.read_text()
    file.write_text(wrong)
    assert settled(follower) is None
    assert [*follower.config.cameras] == ["one"]
    assert "what was in force stays in force" in caplog.text
    file.write_text(good)
    assert settled(follower) is None, "it is as it was"
    file.write_text(good.replace("  one:", "  won:"))
    assert settled(follower) is not None
    assert [*follower.config.cameras] == ["won"]


def test_a_file_that_is_away_for_a_moment_changes_nothing(file: Path) -> None:
    follower, good = ConfigFollower(file), file.read_text()
    file.unlink()
    assert settled(follower) is None
    file.write_text(good)
    assert settled(follower) is None


def test_an_editor_that_renames_a_file_of_the_same_length_and_time_is_seen(file: Path) -> None:
    follower, found = ConfigFollower(file), file.stat()
    other = file.with_name("other")
    other.write_text(file.read_text().replace("  one:", "  own:"))
    os.utime(other, ns=(found.st_atime_ns, found.st_mtime_ns))
    other.rename(file)
    assert settled(follower) is not None


def test_a_plan_in_a_file_of_its_own_is_followed_too(file: Path) -> None:
    file.write_text(file.read_text() + "rollout: {file: plan.yaml}\n")
    plan = file.with_name("plan.yaml")
    plan.write_text("metadata: {author: ana}\n")
    follower = ConfigFollower(file)
    plan.write_text("metadata: {author: [}\n")
    assert settled(follower) is None
    plan.write_text("metadata: {author: rosa}\n")
    assert settled(follower) is None, "the configuration itself is as it was: the plan is followed where it decides"


def test_only_the_plan_has_changed() -> None:
    camera = {"campsite": "a", "url": "rtsp://127.0.0.1:1/one"}
    tree = {
        "regions": {"r": {"timezone": "UTC"}},
        "campsites": {"a": {"region": "r"}},
        "cameras": {"one": camera},
    }
    before = Config.model_validate(tree)
    assert not but_the_plan(before, Config.model_validate({**tree, "rollout": {"metadata": {"author": "ana"}}}))
    assert but_the_plan(before, Config.model_validate({**tree, "blind_after_s": 7}))


def test_the_thread_takes_a_change_and_ends(file: Path) -> None:
    follower, stop, taken = ConfigFollower(file), threading.Event(), threading.Event()
    follower.start(stop, lambda _before, _after: taken.set())
    file.write_text(text(two="rtsp://127.0.0.1:1/two"))
    assert taken.wait(30)
    stop.set()


@contextmanager
def site(file: Path, data: Path) -> Iterator[str]:
    """A whole site over a file; yields its address."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port = listening.getsockname()[1]
    settings = ["--config", str(file), "--data", str(data), "--port", str(port), "--device", "cpu"]
    environment = {**os.environ, "BEARWATCH_ADMIN_PASSWORD": PASSWORD}
    with (data / "log").open("wb") as log:
        running = subprocess.Popen(
            [sys.executable, "-m", "bearwatch", "up", *settings], env=environment, stdout=log, stderr=log
        )
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            running.send_signal(signal.SIGINT)
            running.wait(60)


def _answer(browser: httpx.Client, path: str) -> str:
    """What a page says; nothing while its process begins again."""
    try:
        found = browser.get(path)
    except httpx.TransportError:
        return ""
    return found.text if found.status_code == 200 else ""


def _until(browser: httpx.Client, wanted: dict[str, str | None]) -> None:
    """Wait until the cameras are as wanted: None for one that nobody knows."""
    found: dict[str, str] = {}

    def as_wanted() -> bool:
        found.update({name: _answer(browser, f"/api/v1/cameras/{name}") for name in wanted})
        seeing = {name: json.loads(text)["seeing"] if text else None for name, text in found.items()}
        return seeing == wanted and _answer(browser, "/") != ""

    try:
        wait_for(as_wanted, 120)
    except AssertionError:
        raise AssertionError(f"{found} and not {wanted}") from None


@pytest.mark.long
@pytest.mark.timeout(300)
def test_a_corrected_file_is_taken_up_by_a_running_site_and_a_broken_one_is_on_the_page(
    file: Path, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    data.mkdir()
    scene = Scene("cam", width=320, height=180, fps=10, loop_s=8, visits=(walk("bear", 1, 6.5, 0.8),))
    with StagedCameras([scene], cache_dir=tmp_path / "loops") as cameras:
        wrong = cameras.url("cam").replace("/cam", "/wrong")
        file.write_text(text(cam=wrong))
        with site(file, data) as url, httpx.Client(base_url=url, timeout=30) as browser:
            wait_for(lambda: _answer(browser, "/login"), 120)
            assert browser.post("/login", data={"name": "ranger", "password": PASSWORD}).status_code == 303
            _until(browser, {"cam": "blind", "other": None})
            file.write_text(text(cam=cameras.url("cam"), other=cameras.url("cam")))
            _until(browser, {"cam": "sees", "other": "sees"})
            file.write_text("cameras: {")
            wait_for(lambda: REFUSED in _answer(browser, "/"))
            _until(browser, {"cam": "sees", "other": "sees"})
            file.write_text(text(cam=cameras.url("cam")))
            _until(browser, {"cam": "sees", "other": None})
            assert REFUSED not in _answer(browser, "/")
    log = (data / "log").read_text()
    assert "starting it again" not in log, "nothing has died: processes began again in their place"
