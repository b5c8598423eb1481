"""When a photograph was taken, by its own EXIF data: copying files changes their dates, so those are not asked."""

from __future__ import annotations

import struct
from datetime import datetime
from pathlib import Path

from PIL import Image, UnidentifiedImageError

_DATE_TIME, _EXIF = 0x0132, 0x8769
_TAKEN, _DIGITISED = 0x9003, 0x9004
_BROKEN = (OSError, UnidentifiedImageError, SyntaxError, ValueError, struct.error, Image.DecompressionBombError)


def captured_at(path: Path) -> datetime | None:
    """The camera's own clock when the photograph was taken, without a zone (cameras have none); None if unknown.

    A camera whose battery was changed says 0000 or 1970: what lies before the first digital trail cameras is unknown
    too.
    """
    try:
        # Only the head of the file is read: no pixels, whatever size it claims.
        with Image.open(path) as image:
            exif = image.getexif()
            inner = exif.get_ifd(_EXIF)
    except _BROKEN:
        return None
    for said in (inner.get(_TAKEN), inner.get(_DIGITISED), exif.get(_DATE_TIME)):
        found = _parsed(said)
        if found is not None:
            return found
    return None


def _parsed(said: object) -> datetime | None:
    if not isinstance(said, str):
        return None
    try:
        found = datetime.strptime(said.strip().strip("\0"), "%Y:%m:%d %H:%M:%S")
    except ValueError:
        return None
    return found if found.year >= 1990 else None
