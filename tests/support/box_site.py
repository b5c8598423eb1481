"""A site with three cameras, one of them a clip, and what the process of a box is given."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import redis
import yaml

from bearwatch.cli import main
from core.config import Detector
from core.messages import FrameScores
from core.redis_client import connect
from core.streams import FrameStreams
from core.telemetry import Telemetry, counter
from detector.box_streams import REFUSED, BoxStreams
from detector.engines.choose import choose_engine
from detector.worker import DetectorWorker
from tests.support.drawn_scenes import ground, noisy, with_animal, write_video

ROOT = Path(__file__).parents[2]
ESSENTIAL = ("PATH", "HOME", "LANG", "LD_LIBRARY_PATH")
"""What a box's process is given of this one's environment: nothing of the site."""


def write_configuration(folder: Path) -> None:
    """``bearwatch.yaml``: creek, a clip with an animal; trail, with a password; meadow."""
    pictures = [noisy(with_animal(ground(), 10 + 2 * number), number) for number in range(60)]
    clip = write_video(folder / "clip.mp4", pictures)
    cameras = {
        "creek": {"campsite": "pines", "url": str(clip)},
        "trail": {"campsite": "pines", "url": "rtsp://127.0.0.1:1/x", "username": "viewer", "password": "${TRAIL_PW}"},
        "meadow": {"campsite": "pines", "url": "rtsp://127.0.0.1:1/y"},
    }
    written = {
        "regions": {"sierra": {"timezone": "America/Los_Angeles"}},
        "campsites": {"pines": {"region": "sierra", "notify": ["json://127.0.0.1/secret-key"]}},
        "cameras": cameras,
        "blind_after_s": 4.0,
    }
    (folder / "bearwatch.yaml").write_text(yaml.safe_dump(written))


def add(name: str, cameras: str, address: str | None = None) -> Path:
    """Add a box as its operator does, for the address under which it reaches Redis; returns its folder."""
    address = address or os.environ["REDIS_URL"]
    status = main(["box", "add", name, "--cameras", cameras, "--redis", address, "--out", f"box-{name}"])
    assert status == 0
    return Path(f"box-{name}").resolve()


def environment_of(folder: Path) -> dict[str, str]:
    """That of a box's process: what its file says, and nothing of the site's."""
    lines = [line for line in (folder / "box.env").read_text().splitlines() if line and not line.startswith("#")]
    said = dict(shlex.split(line)[0].split("=", 1) for line in lines)
    said["TRAIL_PW"] = "of-the-camera"
    essential = {name: os.environ[name] for name in ESSENTIAL if name in os.environ}
    return {**essential, **said, "PYTHONPATH": str(ROOT), "BEARWATCH_DATA": str(folder)}


@contextmanager
def detector_of_centre(address: str, data: Path) -> Iterator[None]:
    """The real detector of the centre, until the block ends."""
    client, stop = connect(address), threading.Event()
    engine = choose_engine("cpu", "built-in", threads=1, runtime="onnx")
    worker = DetectorWorker(engine, Detector(), client, [0], boxes=BoxStreams(client, [0], data))
    thread = threading.Thread(target=worker.run, args=(stop,))
    thread.start()
    yield
    stop.set()
    thread.join()
    client.close()


def reader_and_thief(honest: Path, stolen: Path) -> tuple[subprocess.Popen[bytes], subprocess.Popen[str]]:
    """The reader of one box, and whoever has stolen another one's credentials."""
    reader = subprocess.Popen(
        [sys.executable, "-m", "bearwatch", "ingest"], cwd=honest, env=environment_of(honest), stderr=subprocess.PIPE
    )
    thief = subprocess.Popen(
        [sys.executable, "-m", "tests.support.hostile_box", "trail", "creek"],
        cwd=stolen, env=environment_of(stolen), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    return reader, thief


def scored_cameras(client: redis.Redis) -> set[str]:
    """Whose frames the detector has scored."""
    streams = FrameStreams(client, 0)
    return {FrameScores.unpack(entry.fields).frame.camera for entry in streams.newest(streams.scores, 1000)}


def refusals(client: redis.Redis) -> dict[str, int]:
    """How many frames were refused, by reason, of the box trail."""
    counted = Telemetry(client).counters()
    reasons = ("unsigned", "forged", "anothers_camera")
    return {reason: counted.get(counter(REFUSED, box="trail", reason=reason), 0) for reason in reasons}
