"""Reading the fields of a message that somebody else wrote, as strictly as a form that a stranger sends.

What comes out of Redis was written by another process, perhaps on another machine, perhaps of another release, perhaps
by nobody of ours. Each function gives back a value of exactly the kind that its name says, or raises
:class:`MalformedMessage` with the field's name: nothing that is not a number, no endless one, no text that could forge
a line of a log, no list that is longer than anybody needs.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from typing import Any, Final, NoReturn

Box = tuple[float, float, float, float]

CANARY: Final = "canary:"
"""Begins the camera of a test clip's frames: no camera can be named so, and whoever does not know it drops them."""

MAX_HEADER_BYTES: Final = 256 * 1024
"""A header with as many boxes and crops as are allowed, and room."""
MAX_JPEG_BYTES: Final = 16 * 1024 * 1024
"""More than a 4K frame of the best quality."""
MAX_PARTS: Final = 1024
"""Boxes, and crops, of one frame."""
MAX_SIDE_PX: Final = 16_384
MAX_COUNT: Final = 2**53 - 1
"""The largest whole number that every database and every reader of JSON keeps exactly."""
LAST_MOMENT: Final = 4_102_444_800.0
"""The year 2100: what is later is no date that anything here can write down."""
MAX_TEXT: Final = 256
MAX_LABEL: Final = 64

_OUTSIDE: Final = 0.01
"""How far a box may reach over the frame's edge: what rounding makes of its arithmetic."""
_CAMERA: Final = re.compile(rf"(?:{CANARY})?[a-z0-9][a-z0-9_-]{{0,62}}")


class MalformedMessage(ValueError):
    """A stream entry that is not a message: it goes to the dead-letter stream."""


def header_of(raw: bytes) -> dict[str, Any]:
    """The JSON object that is a message's header."""
    if len(raw) > MAX_HEADER_BYTES:
        raise MalformedMessage(f"not a message: a header of {len(raw)} bytes; at most {MAX_HEADER_BYTES} are read")
    try:
        header = json.loads(raw, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise MalformedMessage(f"not a message: {error!r:.200}") from error
    if not isinstance(header, dict):
        raise MalformedMessage("not a message: its header is not an object")
    return header


def number(values: Mapping[str, Any], name: str, least: float = -math.inf, most: float = math.inf) -> float:
    """A finite number within bounds."""
    return number_in(_given(values, name), name, least, most)


def number_in(value: Any, name: str, least: float = -math.inf, most: float = math.inf) -> float:
    """The same of a value that is at hand."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise MalformedMessage(f"{name} is no number: {_shown(value)}")
    try:
        found = float(value)
    except OverflowError as error:
        raise MalformedMessage(f"{name} is too large a number") from error
    if not math.isfinite(found) or not least <= found <= most:
        raise MalformedMessage(f"{name} is {found!r}; it lies between {least} and {most}")
    return found


def moment(values: Mapping[str, Any], name: str) -> float:
    """Seconds since 1970, before the year 2100."""
    return number(values, name, 0.0, LAST_MOMENT)


def whole(values: Mapping[str, Any], name: str, least: int = 0, most: int = MAX_COUNT) -> int:
    """A whole number within bounds."""
    value = _given(values, name)
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise MalformedMessage(f"{name} is no whole number from {least} to {most}: {_shown(value)}")
    return value


def flag(values: Mapping[str, Any], name: str, default: bool) -> bool:
    """True or false; ``default`` where a release before did not say it."""
    return flag_in(values.get(name, default), name)


def flag_in(value: Any, name: str) -> bool:
    """The same of a value that is at hand."""
    if not isinstance(value, bool):
        raise MalformedMessage(f"{name} is neither true nor false: {_shown(value)}")
    return value


def text(values: Mapping[str, Any], name: str, most: int = MAX_TEXT) -> str:
    """Characters that can be printed on one line."""
    return text_in(_given(values, name), name, most)


def text_in(value: Any, name: str, most: int = MAX_TEXT) -> str:
    """The same of a value that is at hand."""
    if not isinstance(value, str) or len(value) > most or not value.isprintable():
        raise MalformedMessage(f"{name} is no text of at most {most} printable characters: {_shown(value)}")
    return value


def camera(values: Mapping[str, Any], name: str = "camera") -> str:
    """The name of a camera, as the configuration allows them, or of a test clip's path."""
    value = _given(values, name)
    if not isinstance(value, str) or not _CAMERA.fullmatch(value):
        raise MalformedMessage(f"{name} is no camera's name: {_shown(value)}")
    return value


def parts(values: Mapping[str, Any], name: str) -> list[Any]:
    """A list that is not too long."""
    value = _given(values, name)
    if not isinstance(value, list) or len(value) > MAX_PARTS:
        raise MalformedMessage(f"{name} is no list of at most {MAX_PARTS} parts: {_shown(value)}")
    return value


def box(value: Any) -> Box:
    """A box in 0-1 coordinates, its corners in order."""
    if not isinstance(value, list | tuple) or len(value) != 4:
        raise MalformedMessage(f"a box has four numbers, not {_shown(value)}")
    x0, y0, x1, y1 = (number_in(each, "a box's corner", -_OUTSIDE, 1.0 + _OUTSIDE) for each in value)
    if x0 > x1 or y0 > y1:
        raise MalformedMessage(f"a box's corners are out of order: {_shown(value)}")
    return (x0, y0, x1, y1)


def picture(fields: Mapping[bytes, bytes]) -> bytes:
    """The bytes of what claims to be a JPEG; whether it is one, only a decoder knows."""
    jpeg = fields.get(b"j")
    if jpeg is None:
        raise MalformedMessage("not a message: it has no picture")
    if len(jpeg) > MAX_JPEG_BYTES:
        raise MalformedMessage(f"a picture of {len(jpeg)} bytes; at most {MAX_JPEG_BYTES} are read")
    return jpeg


def _given(values: Mapping[str, Any], name: str) -> Any:
    if name not in values:
        raise MalformedMessage(f"{name} is missing")
    return values[name]


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number")


def _shown(value: Any) -> str:
    """Enough of a wrong value to recognise it, on one line."""
    return ascii(value)[:80] if not isinstance(value, list | dict) else f"a {type(value).__name__} of {len(value)}"
