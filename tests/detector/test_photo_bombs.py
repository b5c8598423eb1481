"""A picture from outside may end the process that looks at it, never the watch; most are refused before they can."""

from __future__ import annotations

import os
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import cv2
import numpy as np
import pytest

from core.clock import now_s
from core.config import Detector
from core.pictures.jpeg_header import MAX_SCANS, read_jpeg_header
from core.pictures.photo_request import NoDetector, PhotoAnswer, UnreadablePhoto, ask
from core.pictures.picture_format import BadPhoto, inspect
from core.redis_client import connect
from core.streams import DETECTORS, FrameStreams
from core.telemetry import Telemetry
from detector.engines.choose import choose_engine
from detector.jpeg import UndecodableFrame, decode_jpeg
from detector.photo import decode_photo
from detector.photo_service import PhotoEndedItsProcess, PhotoProcess
from detector.tracking.mean_picture import small
from detector.worker import DetectorWorker
from tests.support.bombs import animated_webp, large_webp, mismatched_webp, scan_bomb
from tests.support.factories import frame
from tests.support.waiting import wait_for

pytestmark = pytest.mark.long


@pytest.mark.parametrize("scans", [MAX_SCANS + 1, 1000, 15_000])
def test_a_jpeg_of_too_many_scans_is_refused_unopened_wherever_one_is_decoded(scans: int) -> None:
    bomb = scan_bomb(scans)
    began = time.process_time()
    with pytest.raises(BadPhoto, match=f"{scans} scans"):
        inspect(bomb)
    with pytest.raises(UndecodableFrame, match=f"{scans} scans"):
        decode_jpeg(bomb)
    with pytest.raises(UnreadablePhoto):
        decode_photo(bomb)
    assert small(bomb) is None
    assert time.process_time() - began < 2.0


def test_a_progressive_jpeg_as_encoders_make_them_is_looked_at() -> None:
    noise = np.random.default_rng(1).integers(0, 256, (300, 400, 3)).astype(np.uint8)
    data = cv2.imencode(".jpg", noise, [cv2.IMWRITE_JPEG_PROGRESSIVE, 1, cv2.IMWRITE_JPEG_QUALITY, 95])[1].tobytes()
    header = read_jpeg_header(data)
    assert header is not None
    assert 5 <= header.scans <= 20
    assert inspect(data).name == "JPEG"
    assert decode_jpeg(data).shape == (300, 400, 3)
    assert decode_photo(scan_bomb(MAX_SCANS, side=64)).shape == (64, 64, 3)


def test_a_picture_that_moves_or_is_larger_than_it_says_is_refused() -> None:
    chunk = large_webp()[12:]
    with pytest.raises(BadPhoto, match="moves"):
        inspect(animated_webp(chunk))
    with pytest.raises(UnreadablePhoto):
        decode_photo(mismatched_webp(chunk))
    png = cv2.imencode(".png", np.zeros((32, 32, 3), np.uint8))[1].tobytes()
    at = png.index(b"IDAT") - 4
    with pytest.raises(BadPhoto, match="moves"):
        inspect(png[:at] + b"\0\0\0\x08acTL" + bytes(12) + png[at:])


def greedy(tmp_path: Path, what: str) -> tuple[str, ...]:
    """The process that looks at photos, with a decoder that a photo has got the better of."""
    file = tmp_path / "greedy.py"
    file.write_text(
        "import sys, detector.photo, detector.photo_process as p\n"
        f"def decode(_data):\n    {what}\n"
        "detector.photo.decode_photo = decode\n"
        "p.CPU_S = 1\n"
        "sys.exit(p.main(sys.argv[1]))\n"
    )
    return (sys.executable, str(file))


@pytest.mark.parametrize(
    ("what", "signal"),
    [("while True: pass", -24), ("import os; os.kill(os.getpid(), 11)", -11), ("bytes(2**40)", None)],
)
def test_a_photo_that_takes_too_much_ends_its_process_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str, signal: int | None
) -> None:
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
    process = PhotoProcess("lite2@160", greedy(tmp_path, what))
    with pytest.raises(PhotoEndedItsProcess):
        process.look(b"a photo", within_s=60.0)
    if signal is not None:
        assert process.returncode == signal


def test_it_has_no_secret_and_no_address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
    monkeypatch.setenv("DATABASE_URL", "postgresql://secret")
    monkeypatch.setenv("BEARWATCH_SECRET_KEY", "0123456789abcdef")
    what = (
        "import os; from core.pictures.photo_request import UnreadablePhoto; "
        "raise UnreadablePhoto(' '.join(sorted(os.environ)))"
    )
    process = PhotoProcess("lite2@160", greedy(tmp_path, what))
    said = process.look(b"a photo").decode()
    process.end()
    assert "PATH" in said
    assert "DATABASE" not in said
    assert "BEARWATCH" not in said


def test_the_first_photo_keeps_no_camera_waiting(redis_url: str) -> None:
    client, asking = connect(redis_url), connect(redis_url)
    streams = FrameStreams(client)
    streams.ensure_group(streams.frames, DETECTORS)
    stop = threading.Event()
    worker = DetectorWorker(choose_engine("cpu", "lite2@160", threads=1), Detector(), client, [0])
    loop = threading.Thread(target=worker.run, args=(stop,))
    loop.start()
    photo = cv2.imencode(".jpg", np.full((300, 400, 3), 90, np.uint8))[1].tobytes()
    said: list[PhotoAnswer] = []

    def hand_in() -> None:
        while not said:
            with suppress(NoDetector):  # the model is being read: try again, as the page says
                said.append(ask(asking, photo))

    asker = threading.Thread(target=hand_in)
    asker.start()
    scored = 0
    while asker.is_alive():
        streams.send_frames([frame(at=now_s(), sequence=scored)])
        scored += 1
        wait_for(lambda: client.xlen(streams.scores) >= scored, 8.0)  # noqa: B023  # waited for within the round
    asker.join()
    stop.set()
    loop.join()
    assert scored >= 3
    assert said[0].width == 400
    wait_for(lambda: Telemetry(client).counters().get("bearwatch_photos_total", 0) >= 1)
    client.close()
    asking.close()
