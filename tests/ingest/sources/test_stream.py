"""Addresses are opened within bounds, and failures are told without their credentials."""

from __future__ import annotations

from pathlib import Path

import av.error
import pytest

from ingest.sources.stream import StreamFailure, explain, is_file, open_stream
from tests.support.drawn_scenes import ground, write_video


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("clip.mp4", True),
        ("/footage/clip.mp4", True),
        ("file:///footage/clip.mp4", True),
        ("rtsp://camera/1", False),
        ("http://camera/mjpeg", False),
    ],
)
def test_files_are_told_from_streams(url: str, expected: bool) -> None:
    assert is_file(url) is expected


def test_a_missing_file_is_named_as_such(tmp_path: Path) -> None:
    with pytest.raises(StreamFailure, match="no such file"):
        open_stream(str(tmp_path / "nothing.mp4"), 2.0)


def test_a_file_that_is_no_video_says_so(tmp_path: Path) -> None:
    path = tmp_path / "notes.mp4"
    path.write_text("bears at the creek\n" * 50)
    with pytest.raises(StreamFailure, match="not video"):
        open_stream(str(path), 2.0)


def test_a_file_whose_name_looks_like_an_option_is_still_a_file(tmp_path: Path) -> None:
    path = write_video(tmp_path / "12:30 creek.mp4", [ground()] * 3)
    container = open_stream(str(path), 2.0)
    assert len(container.streams.video) == 1
    container.close()


def test_a_refused_connection_never_shows_the_password() -> None:
    with pytest.raises(StreamFailure) as caught:
        open_stream("rtsp://ranger:hunter2@127.0.0.1:1/creek", 2.0)
    assert "refused" in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_an_error_that_carries_the_address_is_told_without_it() -> None:
    error = av.error.OSError(5, "Input/output error", "rtsp://ranger:hunter2@camera/creek")
    assert explain(error, "no answer") == "input/output error"


def test_an_interrupted_wait_says_how_long_it_was() -> None:
    error = av.error.ExitError(1414092869, "Immediate exit requested", "rtsp://ranger:hunter2@camera/creek")
    assert explain(error, "no data for 7 s") == "no data for 7 s"
