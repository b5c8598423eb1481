"""A centre whose roles have users of their own, and two boxes that reach it through TLS; one of them is hostile."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from bearwatch.cli import main
from core.messages import CameraHealth
from core.redis_client import connect
from core.settings import settings
from core.telemetry import Telemetry
from tests.support.box_site import (
    add,
    detector_of_centre,
    environment_of,
    reader_and_thief,
    refusals,
    scored_cameras,
    write_configuration,
)
from tests.support.services.redis_of_roles import RedisOfRoles, redis_of_roles, speaks_tls_itself
from tests.support.waiting import wait_for

THROUGH = [
    "front",
    pytest.param(
        "itself", marks=pytest.mark.skipif(not speaks_tls_itself(), reason="no server here speaks TLS itself")
    ),
]
"""A terminator before Valkey; a server that speaks TLS itself."""


@pytest.fixture(params=THROUGH)
def server(
    tmp_path: Path, migrated_file: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Iterator[RedisOfRoles]:
    """The centre's Redis; its site lies in the working directory, and is the controller there."""
    write_configuration(tmp_path)
    shutil.copy(migrated_file, tmp_path / "bearwatch.sqlite3")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TRAIL_PW", "known-to-the-site-only")
    monkeypatch.setenv("BEARWATCH_DATA", str(tmp_path))
    with redis_of_roles(tmp_path, request.param) as there:
        monkeypatch.setenv("REDIS_URL", there.url("controller"))
        settings.cache_clear()
        yield there


@pytest.fixture
def site(server: RedisOfRoles) -> Iterator[redis.Redis]:
    """What the centre's controller sees."""
    client = connect(server.url("controller"))
    yield client
    client.close()


@pytest.fixture
def detector_at_work(server: RedisOfRoles, tmp_path: Path) -> Iterator[None]:
    """The real detector of the centre, with the rights of a detector."""
    with detector_of_centre(server.url("detector"), tmp_path):
        yield


def test_a_hostile_box_pushes_its_own_frames_through_tls_and_reaches_nothing_else(
    server: RedisOfRoles, site: redis.Redis, detector_at_work: None
) -> None:
    honest, stolen = add("creek", "creek", server.secured_url()), add("trail", "trail", server.secured_url())
    assert "rediss://box-creek:" in (honest / "box.env").read_text()
    reader, thief = reader_and_thief(honest, stolen)
    try:
        assert thief.stdout is not None
        tried = json.loads(thief.stdout.readline())
        refused = {what for what, allowed in tried.items() if not allowed}
        assert refused == {
            "frame on the site's stream", "frame on the other box's stream", "frames of the other box read",
            "its own frames read", "scores", "status for the site", "heartbeat", "lease", "users", "everything",
        }  # fmt: skip
        wait_for(lambda: refusals(site) == {"unsigned": 1, "forged": 2, "anothers_camera": 1})
        wait_for(lambda: scored_cameras(site) == {"creek", "trail"})
        wait_for(lambda: Telemetry(site).cameras().get("creek") is not None)
        wait_for(lambda: Telemetry(site).cameras()["creek"].health is CameraHealth.LIVE)
        assert main(["box", "revoke", "trail"]) == 0
        assert thief.communicate("")[0].strip() == "false"
        before = Telemetry(site).cameras()["creek"].reported_at
        wait_for(lambda: Telemetry(site).cameras()["creek"].reported_at > before)
        theirs = [each for each in server.refusals() if not each.startswith("box-trail:")]
        assert theirs == [], "the centre, or the honest box, was refused what it needs"
    finally:
        for process in (reader, thief):
            process.kill()
            process.communicate()


def test_a_box_that_speaks_in_clear_or_does_not_know_the_authority_says_nothing(
    server: RedisOfRoles, tmp_path: Path
) -> None:
    folder = add("creek", "creek", server.secured_url())
    address = environment_of(folder)["REDIS_URL"]
    in_clear = connect(address.replace("rediss://", "redis://").partition("?")[0])
    unknown = connect(address.partition("?")[0])
    for client in (in_clear, unknown):
        with pytest.raises((redis.ConnectionError, redis.TimeoutError)):
            client.ping()
    known = connect(address)
    assert known.ping()
