"""The command line as people and scripts use it: real processes, exit statuses, and JSON alone on standard output."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from sqlalchemy import update

from core.config import Config
from core.media import MediaStore
from db.models import LedgerEntry
from db.session import Database
from simulation.cameras.scene import Scene, StagedVisit
from simulation.cameras.staged_server import StagedCameras
from tests.support.cast import open_encounter
from tests.support.odd_footage import add_cover, clip

ROOT = Path(__file__).parents[2]


def bearwatch(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    env = {**os.environ, **environment}
    return subprocess.run(
        [sys.executable, "-m", "bearwatch", *words], cwd=ROOT, env=env, capture_output=True, text=True, check=False
    )


@pytest.fixture
def footage(tmp_path: Path) -> Path:
    """Three seconds of an empty meadow, as images."""
    folder = tmp_path / "meadow"
    folder.mkdir()
    still = cv2.GaussianBlur(np.random.default_rng(3).integers(60, 120, (180, 320, 3), dtype=np.uint8), (9, 9), 0)
    for number in range(15):
        cv2.imwrite(str(folder / f"{number}.jpg"), still)
    return folder


def test_help_lists_every_command() -> None:
    done = bearwatch("--help")
    assert done.returncode == 0
    assert all(name in done.stdout for name in ("demo", "up", "check", "replay", "camera-sim"))


def test_an_unknown_command_is_answered_with_the_known_ones() -> None:
    done = bearwatch("wacth")
    assert done.returncode == 2
    assert "unknown command 'wacth'" in done.stderr


def test_init_writes_to_standard_output_where_no_file_can_be(tmp_path: Path) -> None:
    said = bearwatch("init", "-")
    assert said.returncode == 0
    assert "cameras:" in said.stdout
    refused = bearwatch("init", str(tmp_path / "nowhere" / "bearwatch.yaml"))
    assert (refused.returncode, "bearwatch init -" in refused.stderr, "Traceback" in refused.stderr) == (1, True, False)


def test_init_writes_an_environment_with_fresh_secrets_that_is_its_owners_alone(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    assert bearwatch("init", "--env", str(file)).returncode == 0
    assert file.stat().st_mode & 0o777 == 0o600
    first, second = file.read_text(), bearwatch("init", "--env", "-").stdout
    assert first.count("PASSWORD") == second.count("PASSWORD")
    assert not {line for line in first.splitlines() if "PASSWORD_" in line} & set(second.splitlines())
    assert bearwatch("init", "--env", str(file)).returncode == 1


def test_init_writes_a_file_once_and_check_reads_it(tmp_path: Path) -> None:
    file = tmp_path / "bearwatch.yaml"
    assert bearwatch("init", str(file)).returncode == 0
    again = bearwatch("init", str(file))
    assert (again.returncode, "is there already" in again.stderr) == (1, True)
    checked = bearwatch("check", "--config", str(file), "--no-cameras", "--json", CREEK_PASSWORD="x")
    assert json.loads(checked.stdout) == {"ok": True, "problems": [], "warnings": [], "cameras": [], "outside": None}
    without = bearwatch("check", "--config", str(file), "--no-cameras", "--json")
    assert without.returncode == 2
    assert json.loads(without.stdout)["problems"][0]["key"] == "cameras.upper-creek.url"


def test_check_does_not_call_good_what_can_hardly_be_meant_so(tmp_path: Path) -> None:
    file = tmp_path / "bearwatch.yaml"
    file.write_text(
        "regions: {r: {timezone: UTC}}\ncampsites: {a: {region: r}, b: {region: r}}\ncameras:\n"
        "  one: {campsite: a, url: 'rtsp://192.0.2.10/sub'}\n  two: {campsite: b, url: 'rtsp://192.0.2.10/sub'}\n"
        "  three: {campsite: b, url: 'rtsp://192.0.2.11/sub', masks: [[[0, 0], [1, 0], [1, 1], [0, 1]]]}\n"
    )
    done = bearwatch("check", "--config", str(file), "--no-cameras")
    assert (done.returncode, ": good." in done.stdout) == (1, False)
    assert all(f"{file}:{line}: cameras.{key}: " in done.stderr for line, key in (
        (4, "one.url"), (6, "three.masks")
    ))  # fmt: skip


@pytest.mark.parametrize("url", ["rtmp://viewer:${PW}@127.0.0.1/sub", "rtsp://viewer:${PW}@127.0.0.1:x/sub"])
@pytest.mark.parametrize("password", ["Secr3t", "Secr[3t", "a/b@c#d?e"])
def test_check_never_prints_a_password(tmp_path: Path, url: str, password: str) -> None:
    file = tmp_path / "bearwatch.yaml"
    file.write_text(
        f"regions: {{r: {{timezone: UTC}}}}\ncampsites: {{a: {{region: r}}}}\ncameras:\n"
        f'  one: {{campsite: a, url: "{url}"}}\n'
    )
    for form in ((), ("--json",)):
        done = bearwatch("check", "--config", str(file), "--no-cameras", *form, PW=password)
        assert done.returncode == 2
        assert password not in done.stdout + done.stderr
        assert "cameras.one.url" in done.stdout + done.stderr


def test_check_opens_every_camera_and_says_what_it_shows(tmp_path: Path) -> None:
    scene = Scene(
        "creek", 320, 180, 10, "day", "creek", 6, visits=(StagedVisit("deer", 1, 4, ((0.2, 0.8), (0.8, 0.8)), 0.3),)
    )
    with StagedCameras([scene], cache_dir=tmp_path) as cameras:
        file = tmp_path / "bearwatch.yaml"
        file.write_text(
            "regions: {r: {timezone: UTC}}\ncampsites: {c: {region: r}}\ncameras:\n"
            f"  creek: {{campsite: c, url: '{cameras.url('creek')}'}}\n"
            f"  web: {{campsite: c, url: '{cameras.mjpeg_url('creek')}'}}\n"
            "  gone: {campsite: c, url: 'rtsp://viewer:${GONE}@127.0.0.1:9/sub'}\n"
        )
        done = bearwatch(
            "check", "--config", str(file), "--json", "--timeout", "4", "--snapshots", str(tmp_path), GONE="s3cret-word"
        )
    assert done.returncode == 1, done.stderr
    creek, web, gone = json.loads(done.stdout)["cameras"]
    assert (creek["ok"], creek["codec"], creek["width"], creek["height"]) == (True, "h264", 320, 180)
    assert creek["fps"] == pytest.approx(10, abs=2)
    snapshot = cv2.imread(creek["snapshot"])
    assert snapshot is not None
    assert snapshot.shape == (180, 320, 3)
    assert (web["ok"], web["codec"]) == (True, "mjpeg")
    assert (gone["ok"], gone["snapshot"]) == (False, None)
    assert "s3cret-word" not in done.stdout + done.stderr


def test_check_refuses_a_rule_that_no_bear_can_ever_meet(tmp_path: Path) -> None:
    file = tmp_path / "bearwatch.yaml"
    file.write_text(
        "regions: {r: {timezone: UTC}}\ncampsites: {c: {region: r}}\ncameras:\n"
        "  slow: {campsite: c, url: slow.mp4, fps: 0.5}\n"
        "  glacier: {campsite: c, url: glacier.mp4, fps: 0.02}\n"
        "  off: {campsite: c, url: off.mp4, fps: 0.01, enabled: false}\n"
    )
    refused = bearwatch("check", "--config", str(file), "--no-cameras", "--json")
    assert refused.returncode == 2
    (problem,) = json.loads(refused.stdout)["problems"]
    assert (problem["key"], problem["line"]) == ("cameras.glacier.fps", 5)
    assert "no bear ever alerts" in problem["message"]
    file.write_text(file.read_text().replace("fps: 0.02", "fps: 2"))
    done = bearwatch("check", "--config", str(file), "--no-cameras")
    assert done.returncode == 0
    assert "slow: at 0.5 frames a second, frames up to 8 s apart belong together." in done.stdout


def test_replay_prints_one_document_and_keeps_its_progress_to_itself(footage: Path, tmp_path: Path) -> None:
    done = bearwatch("replay", str(footage), "--json", "--device", "cpu", "--covers", str(tmp_path))
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert document.pop("seen") == [
        {"file": str(footage), "recording": "meadow", "pictures": 15, "broken": 0, "seconds": 2.8}
    ]
    assert document == {"encounters": [], "unknown_animals": [], "unreadable": [], "skipped": []}


def test_replay_accounts_for_every_file_of_a_card(footage: Path, tmp_path: Path) -> None:
    (footage / "3.jpg").write_bytes((footage / "3.jpg").read_bytes()[:-200])
    (footage / "._3.jpg").write_bytes(b"\0\5\x16\7" + bytes(400))
    add_cover(clip(footage / "night.mp4")).rename(footage / "NIGHT.3GP")
    done = bearwatch("replay", str(footage), "--json", "--device", "cpu", "--covers", str(tmp_path / "covers"))
    document = json.loads(done.stdout)
    assert done.returncode == 1
    assert [(row["recording"], row["pictures"], row["broken"]) for row in document["seen"]] == [
        ("meadow", 14, 1),
        ("NIGHT", 60, 0),
    ]
    assert document["unreadable"] == [
        {"file": str(footage / "3.jpg"), "why": "a JPEG that is cut off: its end is missing"}
    ]
    assert [Path(row["file"]).name for row in document["skipped"]] == ["._3.jpg"]
    assert "3.jpg: a JPEG that is cut off" in done.stderr


def test_replay_of_something_unreadable_says_so_and_goes_on(footage: Path) -> None:
    (footage.parent / "broken.mp4").write_bytes(b"not a video at all")
    done = bearwatch("replay", str(footage.parent), "--json", "--device", "cpu")
    document = json.loads(done.stdout)
    assert done.returncode == 1
    assert [Path(row["file"]).name for row in document["unreadable"]] == ["broken.mp4"]


def test_replay_of_nothing_is_an_error_in_a_sentence(tmp_path: Path) -> None:
    done = bearwatch("replay", str(tmp_path / "nowhere"))
    assert (done.returncode, "is not there" in done.stderr) == (1, True)
    assert "Traceback" not in done.stderr


def test_ledger_verify_tells_whole_from_broken(sqlite_database: Database, config: Config, tmp_path: Path) -> None:
    open_encounter(sqlite_database, config, MediaStore(tmp_path))
    url = str(sqlite_database.url)
    whole = bearwatch("ledger", "verify", "--json", DATABASE_URL=url)
    assert (whole.returncode, json.loads(whole.stdout)["broken_at"]) == (0, None)
    with sqlite_database.write() as session:
        session.execute(update(LedgerEntry).values(actor="somebody else"))
    broken = bearwatch("ledger", "verify", "--json", DATABASE_URL=url)
    assert (broken.returncode, json.loads(broken.stdout)["broken_at"]) == (1, 1)


def test_people_are_added_and_shut_out(sqlite_database: Database) -> None:
    url = str(sqlite_database.url)
    added = json.loads(bearwatch("user", "add", "night-ranger", "--role", "ranger", "--json", DATABASE_URL=url).stdout)
    assert len(added["password"]) >= 12
    assert bearwatch("user", "add", "night-ranger", DATABASE_URL=url).returncode == 1
    assert bearwatch("user", "deactivate", "night-ranger", DATABASE_URL=url).returncode == 0
    listed = json.loads(bearwatch("user", "list", "--json", DATABASE_URL=url).stdout)
    (listed_one,) = listed["users"]
    assert (listed_one["name"], listed_one["role"], listed_one["active"]) == ("night-ranger", "ranger", False)


def test_a_process_that_never_reported_is_not_alive(redis_url: str) -> None:
    done = bearwatch("alive", "detector", "--json", REDIS_URL=redis_url)
    assert (done.returncode, json.loads(done.stdout)["healthy"]) == (1, False)
