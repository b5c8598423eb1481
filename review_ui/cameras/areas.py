"""Masks and zones as people write them: the two sections of a camera in the configuration file, read and written.

The file is the source of truth. The page helps to draw and checks what was drawn; a person pastes it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from core.config import Camera, Name, Point, Polygon

LONGEST: Final = 8000
_PLACES: Final = 3
"""Decimals of a corner: a thousandth of the picture is less than a pixel of a small stream."""


class Areas(BaseModel):
    """Where motion is ignored, and named places; corners in 0-1 coordinates from the top left."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    masks: list[Polygon] = Field(default_factory=list, max_length=40)
    zones: dict[Name, Polygon] = Field(default_factory=dict, max_length=40)

    @classmethod
    def of(cls, camera: Camera) -> Areas:
        """Those of the configuration."""
        return cls(masks=list(camera.masks), zones=dict(camera.zones))


@dataclass(frozen=True, slots=True)
class Typed:
    """What somebody wrote: the areas, or what is wrong with it."""

    text: str
    areas: Areas | None
    problems: Sequence[str] = field(default_factory=tuple)


def as_yaml(areas: Areas, indent: int = 4) -> str:
    """The lines to put under a camera in the configuration file."""
    edge = " " * indent
    lines = [f"{edge}masks:" + ("" if areas.masks else " []")]
    lines += [f"{edge}  - {_corners(polygon)}" for polygon in areas.masks]
    lines.append(f"{edge}zones:" + ("" if areas.zones else " {}"))
    lines += [f"{edge}  {name}: {_corners(polygon)}" for name, polygon in areas.zones.items()]
    return "\n".join(lines) + "\n"


def read(text: str) -> Typed:
    """Read what somebody wrote, as the configuration file would be read. Anchors and tags are refused."""
    if len(text) > LONGEST:
        return Typed(text, None, [f"That is longer than {LONGEST} characters."])
    if any(sign in text for sign in "&*!"):
        return Typed(text, None, ["Write plain lists of corners; the signs & * and ! have no place here."])
    try:
        found = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        return Typed(text, None, [f"This is not YAML: {_first_line(error)}"])
    if found is None:
        found = {}
    if not isinstance(found, Mapping):
        return Typed(text, None, ["Write the two sections `masks:` and `zones:`."])
    try:
        areas = Areas.model_validate({key: value for key, value in found.items() if value is not None})
    except ValidationError as error:
        return Typed(text, None, [_problem(each["loc"], each["msg"]) for each in error.errors()[:5]])
    return Typed(as_yaml(areas), areas)


def points(polygon: Sequence[Point]) -> str:
    """The corners as an SVG polygon in a 100 by 100 view box."""
    return " ".join(f"{100 * x:.2f},{100 * y:.2f}" for x, y in polygon)


def _corners(polygon: Sequence[Point]) -> str:
    return "[" + ", ".join(f"[{round(x, _PLACES):g}, {round(y, _PLACES):g}]" for x, y in polygon) + "]"


def _problem(place: tuple[int | str, ...], message: str) -> str:
    where = ".".join(str(part) for part in place[:3])
    return f"{where}: {message.removeprefix('Value error, ')}"[:200]


def _first_line(error: Exception) -> str:
    mark = getattr(error, "problem_mark", None)
    what = getattr(error, "problem", None) or str(error).partition("\n")[0]
    return f"{what}{f', line {mark.line + 1}' if mark else ''}"[:200]
