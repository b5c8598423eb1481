"""Two boxes and a centre, each with a process of its own; one of the boxes is in somebody else's hands."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
import yaml

from bearwatch.cli import main
from bearwatch.embedded import EmbeddedRedis
from bearwatch.keys.box_files import with_login
from core.messages import CameraHealth
from core.redis_client import connect
from core.settings import settings
from core.telemetry import Telemetry
from db.ledger import verify
from db.models import LedgerEntry
from db.session import Database
from tests.support.box_site import (
    add,
    detector_of_centre,
    reader_and_thief,
    refusals,
    scored_cameras,
    write_configuration,
)
from tests.support.waiting import wait_for


@pytest.fixture
def site(tmp_path: Path, migrated_file: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[redis.Redis]:
    """A configured site with its own Valkey, in the working directory; its client may do everything."""
    write_configuration(tmp_path)
    shutil.copy(migrated_file, tmp_path / "bearwatch.sqlite3")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TRAIL_PW", "known-to-the-site-only")
    with EmbeddedRedis(tmp_path / "redis") as server:
        monkeypatch.setenv("REDIS_URL", server.url)
        monkeypatch.setenv("BEARWATCH_DATA", str(tmp_path))
        settings.cache_clear()
        client = connect(server.url)
        yield client
        client.close()


@pytest.fixture
def detector_at_work(site: redis.Redis, tmp_path: Path) -> Iterator[None]:
    """The real detector of the centre."""
    with detector_of_centre(os.environ["REDIS_URL"], tmp_path):
        yield


def test_a_hostile_box_reaches_nothing_but_its_own_camera_while_the_other_goes_on(
    site: redis.Redis, detector_at_work: None
) -> None:
    honest, stolen = add("creek", "creek"), add("trail", "trail")
    reader, thief = reader_and_thief(honest, stolen)
    try:
        assert thief.stdout is not None
        tried = json.loads(thief.stdout.readline())
        assert [what for what, allowed in tried.items() if allowed] == [
            "signed frame of its own camera", "signed frame of another's camera", "unsigned frame",
            "frame with another key", "broken picture", "status of another's camera",
        ]  # fmt: skip
        wait_for(lambda: refusals(site) == {"unsigned": 1, "forged": 2, "anothers_camera": 1})
        wait_for(lambda: scored_cameras(site) == {"creek", "trail"})
        wait_for(lambda: "creek" in Telemetry(site).cameras())
        wait_for(lambda: Telemetry(site).cameras()["creek"].health is CameraHealth.LIVE)
        assert Telemetry(site).cameras().keys() == {"creek"}
        assert Telemetry(site).heartbeats()["ingest:creek"]["live"] == 1
        assert set(Telemetry(site).refused()) == {"trail"}

        assert main(["box", "revoke", "trail"]) == 0
        assert thief.communicate("")[0].strip() == "false"
        before = Telemetry(site).cameras()["creek"].reported_at
        wait_for(lambda: Telemetry(site).cameras()["creek"].reported_at > before)
    finally:
        for process in (reader, thief):
            process.kill()
            process.communicate()


def test_a_box_is_given_its_own_part_of_the_configuration_and_no_secret_of_the_site(
    site: redis.Redis, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = add("trail", "trail,meadow")
    text = (folder / "bearwatch.yaml").read_text()
    said = yaml.safe_load(text)
    assert set(said) == {"regions", "campsites", "cameras", "blind_after_s"}
    assert set(said["cameras"]) == {"trail", "meadow"}
    assert said["cameras"]["trail"]["password"] == "${TRAIL_PW}"
    assert said["campsites"] == {"pines": {"region": "sierra"}}
    assert "known-to-the-site-only" not in text + (folder / "box.env").read_text()
    assert [file.stat().st_mode & 0o777 for file in sorted(folder.iterdir())] == [0o600, 0o600]
    assert folder.stat().st_mode & 0o777 == 0o700
    assert main(["box", "list", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out.splitlines()[-1])["boxes"]
    assert [(each["name"], each["cameras"]) for each in listed] == [("trail", ["trail", "meadow"])]


def test_what_is_done_with_boxes_stands_in_the_ledger(site: redis.Redis) -> None:
    add("trail", "trail")
    assert main(["box", "revoke", "trail"]) == 0
    assert main(["box", "revoke", "trail"]) == 1
    database = Database(settings().database)
    with database.read() as session:
        kinds = [row.kind for row in session.query(LedgerEntry).order_by(LedgerEntry.seq)]
        assert kinds == ["box.added", "box.revoked"]
        assert verify(session).broken_at is None
    database.close()
    add("trail-2", "trail")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["trail", "--cameras", "nowhere"], "names nowhere; known are "),
        (["trail"], "names none"),
        (["creek", "--cameras", "trail", "--out", "elsewhere"], "There is a box creek already"),
        (["trail", "--cameras", "trail,creek"], "Box creek reads creek already"),
        (["trail", "--cameras", "trail", "--redis", "redis://centre.example:6379"], "goes to centre.example in clear"),
        (["trail", "--cameras", "trail", "--out", "."], "exists already"),
    ],
)
def test_a_box_that_cannot_be_is_refused_in_words(
    site: redis.Redis, capsys: pytest.CaptureFixture[str], words: list[str], says: str
) -> None:
    add("creek", "creek")
    address = [] if "--redis" in words else ["--redis", os.environ["REDIS_URL"]]
    assert main(["box", "add", *words, *address]) == 1
    assert says in capsys.readouterr().err
    assert set(Telemetry(site).boxes()) == {"creek"}


def test_a_reader_with_an_address_in_clear_does_not_begin(
    site: redis.Redis, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("REDIS_URL", "redis://centre.example:6379/0")
    settings.cache_clear()
    assert main(["ingest"]) == 2


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("rediss://centre.example:6380/0", "rediss://box-creek:p%2Fw@centre.example:6380/0"),
        ("rediss://old:secret@centre.example", "rediss://box-creek:p%2Fw@centre.example"),
        ("unix:///run/redis.sock", "unix:///run/redis.sock?username=box-creek&password=p%2Fw"),
        ("unix:///run/redis.sock?db=1", "unix:///run/redis.sock?db=1&username=box-creek&password=p%2Fw"),
    ],
)
def test_an_address_carries_the_boxs_own_login(url: str, expected: str) -> None:
    assert with_login(url, "box-creek", "p/w") == expected
