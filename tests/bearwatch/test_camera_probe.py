"""A test of a camera, as the page asks for it: opened once by the jobs, and answered where the page looks."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from bearwatch.camera_probe import probe_camera
from core.redis_client import connect
from core.telemetry import Telemetry


def test_a_camera_that_cannot_be_opened_is_reported_with_the_reason(
    redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "bearwatch.yaml"
    places = {"regions": {"r": {"timezone": "UTC"}}, "campsites": {"c": {"region": "r"}}}
    cameras = {"gone": {"campsite": "c", "url": str(tmp_path / "nothing.mp4")}}
    file.write_text(yaml.safe_dump({**places, "cameras": cameras}))
    monkeypatch.setenv("BEARWATCH_CONFIG", str(file))
    monkeypatch.setenv("REDIS_URL", redis_url)
    assert not probe_camera("gone")
    assert not probe_camera("unheard-of")
    client = connect(redis_url)
    said, unknown = Telemetry(client).probe("gone"), Telemetry(client).probe("unheard-of")
    client.close()
    assert said is not None
    assert (said["ok"], bool(said["error"])) == (False, True)
    assert unknown is not None
    assert "not in this process's configuration" in unknown["error"]
