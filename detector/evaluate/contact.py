"""The worst mistakes at a glance: one picture of many thumbnails."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from detector.evaluate.manifest import LabelledPicture, read_picture

_THUMB_PX, _CAPTION_PX, _ACROSS = 180, 22, 6


def worst(pictures: Sequence[LabelledPicture], bear: NDArray[np.float64], most: int = 24) -> list[int]:
    """The places of the pictures with the largest loss: unseen bears and false bears, worst first."""
    is_bear = np.array([picture.label == "bear" for picture in pictures], dtype=bool)
    loss = np.where(is_bear, 1 - bear, bear)
    return [int(place) for place in np.argsort(-loss, kind="stable")[:most] if loss[place] > 0]


def contact_sheet(pictures: Sequence[LabelledPicture], bear: NDArray[np.float64], places: Sequence[int]) -> bytes:
    """A JPEG with a captioned thumbnail for each place; empty bytes for none."""
    cells = [_cell(pictures[place], float(bear[place])) for place in places]
    if not cells:
        return b""
    blank = np.full_like(cells[0], 255)
    cells += [blank] * (-len(cells) % _ACROSS)
    rows = [np.hstack(cells[start : start + _ACROSS]) for start in range(0, len(cells), _ACROSS)]
    ok, encoded = cv2.imencode(".jpg", np.vstack(rows), [cv2.IMWRITE_JPEG_QUALITY, 80])
    assert ok, "a sheet of thumbnails can always be encoded"
    return encoded.tobytes()


def _cell(picture: LabelledPicture, score: float) -> NDArray[np.uint8]:
    image = read_picture(picture.path)
    scale = _THUMB_PX / max(image.shape[:2])
    size = (max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale)))
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    cell = np.full((_THUMB_PX + _CAPTION_PX, _THUMB_PX, 3), 255, dtype=np.uint8)
    cell[: small.shape[0], : small.shape[1]] = small
    caption = f"{picture.label} {score:.2f}"
    place = (3, _THUMB_PX + 15)
    cv2.putText(cell, caption, place, cv2.FONT_HERSHEY_SIMPLEX, 0.45, (0, 0, 0), 1, cv2.LINE_AA)
    return cell
