"""Turns a scene's loop into H.264 once, and keeps it on disk: serving it afterwards costs next to nothing."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from fractions import Fraction
from importlib.resources import files
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt

from simulation.cameras.render import SceneRenderer
from simulation.cameras.scene import Scene

Progress = Callable[[str, float], None]
"""Called with a scene's name and the share of it that is ready, 0-1."""

SEGMENT_FRAMES = 90
"""Frames encoded in one piece of work: small enough to keep every core busy until the end."""

CONSTANT_RATE_FACTOR = 26
"""About 0.7 Mb/s at 640x360: what a camera's substream looks like, and the sensor noise survives it."""

UNUSED_DAYS = 30

PICTURE_SOURCES = ("encode.py", "render.py", "scene.py", "subjects.py")
"""Beside the painting package and the assets: what a change of the picture can come from."""


@dataclass(frozen=True)
class EncodedLoop:
    """One loop of a scene as H.264 access units in display order, every ``key_interval``-th a key frame."""

    scene: Scene
    data: bytes
    ends: tuple[int, ...]

    def unit(self, index: int) -> tuple[bytes, ...]:
        """The NAL units of frame ``index`` (any number: the loop goes round)."""
        place = index % len(self.ends)
        start = self.ends[place - 1] if place else 0
        return split_nals(self.data[start : self.ends[place]])

    def is_key(self, index: int) -> bool:
        """Whether a viewer can start at this frame."""
        return index % self.scene.key_interval == 0

    @property
    def parameter_sets(self) -> tuple[bytes, bytes]:
        """Sequence and picture parameter set."""
        by_type = {nal[0] & 31: nal for nal in self.unit(0)}
        return by_type[7], by_type[8]


class FrameEncoder:
    """H.264 for a live camera: one frame in, one access unit out, every ``gop``-th a key frame, none in disorder."""

    def __init__(self, width: int, height: int, fps: int, gop: int) -> None:
        context = av.CodecContext.create("libx264", "w")
        assert isinstance(context, av.VideoCodecContext)
        context.width, context.height, context.pix_fmt = width, height, "yuv420p"
        context.time_base, context.framerate = Fraction(1, fps), Fraction(fps)
        context.thread_count = 1
        context.options = {
            "preset": "ultrafast",
            "tune": "zerolatency",
            "crf": str(CONSTANT_RATE_FACTOR),
            "x264-params": f"keyint={gop}:min-keyint={gop}:scenecut=0:repeat-headers=1:annexb=1",
        }
        self._context = context
        self._count = 0

    def encode(self, frame: npt.NDArray[np.uint8]) -> bytes:
        """Encode one I420 frame (1.5 h, w)."""
        picture = av.VideoFrame.from_ndarray(frame, format="yuv420p")
        picture.pts = self._count
        self._count += 1
        return b"".join(bytes(packet) for packet in self._context.encode(picture))


def split_nals(unit: bytes) -> tuple[bytes, ...]:
    """Cut an access unit with start codes (Annex B) into its NAL units."""
    return tuple(nal for nal in (piece.rstrip(b"\0") for piece in unit.split(b"\0\0\1")) if nal)


def join_nals(nals: Sequence[bytes]) -> bytes:
    """The reverse of ``split_nals``."""
    return b"".join(b"\0\0\0\1" + nal for nal in nals)


def default_cache_dir() -> Path:
    """Where encoded loops are kept when nobody says otherwise."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "bearwatch" / "camera-sim"


def prepare(
    scenes: Sequence[Scene], cache_dir: Path | None = None, progress: Progress | None = None
) -> dict[str, EncodedLoop]:
    """Load every scene's loop from the cache, drawing and encoding first what is not there yet.

    1. A loop is known by a digest of its scene, of the code and pictures that draw it, and of the encoder.
    2. Missing loops are cut into pieces of about ``SEGMENT_FRAMES`` and worked on by all cores together.
    3. A finished loop is written beside its place and moved there, so that a killed run leaves no half file.

    An exception from ``progress`` ends the work early. Raises ValueError when two scenes share a name.
    """
    cache_dir = cache_dir or default_cache_dir()
    tell = progress or (lambda name, share: None)
    loops: dict[str, EncodedLoop] = {}
    missing = []
    names = [scene.name for scene in scenes]
    if len(set(names)) < len(names):
        raise ValueError(f"two scenes share a name among {', '.join(names)}; every camera needs its own")
    for scene in scenes:
        held = _load(scene, _path(scene, cache_dir))
        if held is None:
            missing.append(scene)
        else:
            loops[scene.name] = held
            tell(scene.name, 1.0)
    pool = ThreadPoolExecutor(max_workers=os.cpu_count() or 1, thread_name_prefix="camera-sim-encode")
    try:
        for scene, renderer in _painted(missing, pool):
            tell(scene.name, 0.0)
            loops[scene.name] = _encode(scene, renderer, pool, tell)
            _store(loops[scene.name], _path(scene, cache_dir))
    finally:
        pool.shutdown(cancel_futures=True)
    return {name: loops[name] for name in names}


def _painted(scenes: Sequence[Scene], pool: ThreadPoolExecutor) -> Iterator[tuple[Scene, SceneRenderer]]:
    """Renderers in order; the next one's background is painted while this one's frames are drawn."""
    ahead = pool.submit(SceneRenderer, scenes[0]) if scenes else None
    for place, scene in enumerate(scenes, start=1):
        assert ahead is not None
        renderer = ahead.result()
        ahead = pool.submit(SceneRenderer, scenes[place]) if place < len(scenes) else None
        yield scene, renderer


def _encode(scene: Scene, renderer: SceneRenderer, pool: ThreadPoolExecutor, tell: Progress) -> EncodedLoop:
    step = max(1, SEGMENT_FRAMES // scene.key_interval) * scene.key_interval
    frames = range(scene.frame_count)
    pieces = pool.map(lambda start: _segment(renderer, frames[start : start + step]), range(0, len(frames), step))
    units: list[bytes] = []
    for piece in pieces:
        units += piece
        tell(scene.name, len(units) / scene.frame_count)
    return EncodedLoop(scene, b"".join(units), tuple(np.cumsum([len(unit) for unit in units]).tolist()))


def _segment(renderer: SceneRenderer, frames: range) -> list[bytes]:
    scene = renderer.scene
    encoder = FrameEncoder(scene.width, scene.height, scene.fps, scene.key_interval)
    return [encoder.encode(renderer.frame(index)) for index in frames]


def _path(scene: Scene, cache_dir: Path) -> Path:
    return cache_dir / f"{scene.name}-{_digest(scene)}.loop"


def _digest(scene: Scene) -> str:
    digest = hashlib.sha256(json.dumps([asdict(scene), av.__version__], sort_keys=True).encode())
    here = files("simulation.cameras")
    folders = [entry for folder in ("painting", "assets") for entry in here.joinpath(folder).iterdir()]
    sources = [here.joinpath(name) for name in PICTURE_SOURCES] + [entry for entry in folders if entry.is_file()]
    for source in sorted(sources, key=lambda entry: entry.name):
        digest.update(source.read_bytes())
    return digest.hexdigest()[:20]


def _store(loop: EncodedLoop, path: Path) -> None:
    """Write the loop: one line of JSON with the ends of the access units, then the H.264 itself."""
    path.parent.mkdir(parents=True, exist_ok=True)
    _forget_old(path.parent)
    handle, scratch = tempfile.mkstemp(dir=path.parent, prefix=path.name, suffix=".part")
    try:
        with os.fdopen(handle, "wb") as out:
            out.write(json.dumps({"ends": loop.ends}).encode() + b"\n" + loop.data)
        os.replace(scratch, path)
    except BaseException:
        Path(scratch).unlink(missing_ok=True)
        raise


def _forget_old(cache_dir: Path) -> None:
    """Remove loops nobody asked for in a month: every change of the drawing code leaves some behind."""
    oldest_s = time.time() - UNUSED_DAYS * 86_400
    for held in cache_dir.glob("*.loop*"):
        with contextlib.suppress(FileNotFoundError):
            if held.stat().st_mtime < oldest_s:
                held.unlink()


def _load(scene: Scene, path: Path) -> EncodedLoop | None:
    """The cached loop; None when there is none or the file is cut short."""
    try:
        head, _, data = path.read_bytes().partition(b"\n")
        ends = tuple(json.loads(head)["ends"])
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None
    if len(ends) != scene.frame_count or ends[-1] != len(data):
        return None
    with contextlib.suppress(OSError):  # a cache that may only be read still serves
        os.utime(path)
    return EncodedLoop(scene, data, ends)
