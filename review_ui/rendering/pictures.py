"""Pictures as a page needs them: their address, their size, and the part that decided."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from core.media import MediaStore
from core.messages import WHOLE_FRAME, Box

_HEAD_BYTES = 64 * 1024
_START_OF_FRAME = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_WITHOUT_LENGTH = frozenset(range(0xD0, 0xDA)) | {0x01}

CROP_MARGIN = 1.6
"""A crop shows this much more than the box, so that the eye has something to compare with."""
SMALLEST_CROP = 0.22
"""A crop is at least this share of the frame's height: more enlargement shows blocks, not bears."""


@dataclass(frozen=True, slots=True)
class PictureView:
    """One stored frame; sizes in pixels."""

    key: str
    width: int
    height: int

    @property
    def url(self) -> str:
        """Where the browser finds it."""
        return f"/media/{self.key}"


@dataclass(frozen=True, slots=True)
class Crop:
    """A square part of a picture, in its pixels, as an SVG view box wants it."""

    picture: PictureView
    x: float
    y: float
    side: float

    @property
    def view_box(self) -> str:
        """The ``viewBox`` that shows the crop and nothing else."""
        return f"{self.x:.1f} {self.y:.1f} {self.side:.1f} {self.side:.1f}"

    def enlarged(self, share: float) -> float:
        """How many times larger it shows things than the whole picture does, where it has ``share`` of its width."""
        return share * self.picture.width / self.side


def picture(store: MediaStore, key: str | None) -> PictureView | None:
    """The picture behind a media key, or None when there is none (any more)."""
    if key is None:
        return None
    path = store.path(key)
    try:
        size = _size(path) if path.is_file() else None
    except FileNotFoundError:  # retention was faster
        size = None
    return PictureView(key, *size) if size else None


def crop(of: PictureView, box: Box) -> Crop | None:
    """The square around ``box``, inside the picture; None when the box is the whole frame."""
    if tuple(box) == WHOLE_FRAME:
        return None
    x0, y0, x1, y1 = box[0] * of.width, box[1] * of.height, box[2] * of.width, box[3] * of.height
    side = max((x1 - x0) * CROP_MARGIN, (y1 - y0) * CROP_MARGIN, SMALLEST_CROP * of.height)
    side = min(side, of.width, of.height)
    x = min(max((x0 + x1 - side) / 2, 0.0), of.width - side)
    y = min(max((y0 + y1 - side) / 2, 0.0), of.height - side)
    return Crop(of, x, y, side)


def jpeg_size(head: bytes) -> tuple[int, int] | None:
    """Width and height from the beginning of a JPEG, without decoding it; None when it is no JPEG."""
    if head[:2] != b"\xff\xd8":
        return None
    at = 2
    while at + 9 <= len(head):
        if head[at] != 0xFF:
            return None
        marker = head[at + 1]
        if marker == 0xFF:
            at += 1
        elif marker in _WITHOUT_LENGTH:
            at += 2
        elif marker in _START_OF_FRAME:
            return int.from_bytes(head[at + 7 : at + 9]), int.from_bytes(head[at + 5 : at + 7])
        else:
            at += 2 + int.from_bytes(head[at + 2 : at + 4])
    return None


@lru_cache(maxsize=8192)
def _size(path: Path) -> tuple[int, int] | None:
    # A key names its content, so a size once read stays true.
    with path.open("rb") as file:
        return jpeg_size(file.read(_HEAD_BYTES))
