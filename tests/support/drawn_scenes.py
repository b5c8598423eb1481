"""Small drawn scenes for tests of the gate: a textured ground, something that walks on it, and weather."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import cast

import av
import cv2
import numpy as np
from av.video.stream import VideoStream

from core.messages import Box
from ingest.scene.picture import Bgr, Luma

WIDTH, HEIGHT = 320, 180
FPS = 5.0


@lru_cache
def ground(seed: int = 1, width: int = WIDTH, height: int = HEIGHT) -> Luma:
    """A still scene with texture of several sizes, as grass and trunks have."""
    rng = np.random.default_rng(seed)
    picture = np.full((height, width), 105.0, np.float32)
    for cells, strength in ((6, 30.0), (30, 18.0), (90, 12.0)):
        rough = rng.normal(0.0, strength, (max(2, cells * height // width), cells)).astype(np.float32)
        picture += cv2.resize(rough, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.clip(picture, 0, 255).astype(np.uint8)


def noisy(picture: Luma, number: int, sigma: float = 2.0) -> Luma:
    """The picture as a sensor delivers it the ``number``-th time."""
    noise = np.random.default_rng([7, number]).normal(0.0, sigma, picture.shape)
    return np.clip(picture + noise, 0, 255).astype(np.uint8)


def with_animal(
    picture: Luma, left: int, top: int = 90, width: int = 40, height: int = 28, shade: float = 45.0
) -> Luma:
    """An animal (dark unless given) with some texture in front of the ground."""
    rows, columns = picture.shape
    fur = np.random.default_rng(3).normal(shade, 8.0, (height, width)).astype(np.float32)
    shape = np.zeros((height, width), np.uint8)
    cv2.ellipse(shape, (width // 2, height // 2), (width // 2 - 1, height // 2 - 1), 0, 0, 360, 1, -1)
    scene = picture.copy()
    x0, x1, y1 = max(0, left), min(columns, left + width), min(rows, top + height)
    if x1 <= x0:
        return scene
    inside = shape[: y1 - top, x0 - left : x1 - left] > 0
    scene[top:y1, x0:x1][inside] = fur[: y1 - top, x0 - left : x1 - left][inside].clip(0, 255).astype(np.uint8)
    return scene


def animal_box(left: int, top: int = 90, width: int = 40, height: int = 28) -> Box:
    """Where :func:`with_animal` drew."""
    return (left / WIDTH, top / HEIGHT, (left + width) / WIDTH, (top + height) / HEIGHT)


def walk(seconds: float, speed_px_s: float = 25.0, start: int = 20) -> Iterator[tuple[float, Luma, Box]]:
    """Time, picture and truth of an animal that crosses the scene."""
    for number in range(int(seconds * FPS)):
        at = number / FPS
        left = round(start + speed_px_s * at)
        yield at, noisy(with_animal(ground(), left), number), animal_box(left)


def overlap(a: Box, b: Box) -> float:
    """Intersection over union."""
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    if width <= 0 or height <= 0:
        return 0.0
    both = width * height
    return both / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - both)


def colour(picture: Luma) -> Bgr:
    """A grey picture with three channels."""
    return cv2.cvtColor(picture, cv2.COLOR_GRAY2BGR).astype(np.uint8, copy=False)


def write_video(
    path: Path, pictures: list[Luma], fps: int = 15, codec: str = "libx264", pixel_aspect: Fraction = Fraction(1)
) -> Path:
    """Encode pictures; the container follows from the path's suffix."""
    height, width = pictures[0].shape
    with av.open(str(path), "w") as container:
        stream = cast(VideoStream, container.add_stream(codec, rate=fps))
        stream.width, stream.height = width, height
        stream.codec_context.sample_aspect_ratio = pixel_aspect
        stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        if codec == "libx264":
            stream.options = {"preset": "ultrafast", "tune": "zerolatency", "crf": "20", "g": "15"}
        for picture in pictures:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(colour(picture), format="bgr24")))
        container.mux(stream.encode())
    return path
