"""What a configuration says correctly and can hardly mean: a camera named twice, a mask over everything. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from core.config import Camera, Config, Detector, Point
from core.visit_evidence import can_fire, least_fps, window_at

GRID = 64
"""A picture is looked at in so many columns and rows to see what its masks leave."""
LEAST_WATCHED = 0.05
"""Of the picture; with less left outside its masks, a camera watches nothing."""


@dataclass(frozen=True, slots=True)
class ConfigWarning:
    """``key`` is where it stands in the file; ``cameras`` are those that it is about."""

    key: tuple[str, ...]
    message: str
    cameras: tuple[str, ...]


def config_warnings(config: Config) -> list[ConfigWarning]:
    """All of them, in the order of the cameras."""
    return [
        *_shared_addresses(config),
        *(found for name, camera in config.enabled_cameras().items() for found in _of_camera(name, camera)),
    ]


def rate_problem(fps: float, camera: Camera, detector: Detector) -> str | None:
    """Why a camera that gives so many pictures a second can never raise an alert; None when it can."""
    window_s = window_at(camera.fps, detector.window_s, detector.unknown_hits)
    if fps <= 0 or can_fire(fps, window_s, detector.min_hits):
        return None
    return (
        f"no bear could be told of: it gives {fps:.2g} pictures a second, and `detector.min_hits: {detector.min_hits}` "
        f"needs {least_fps(window_s, detector.min_hits):.2g} at least; write the camera's real rate as `fps`, which "
        "makes the rule wait longer, or ask for fewer hits"
    )


def watched_share(masks: list[list[Point]]) -> float:
    """The share of the picture, 0 to 1, that no mask covers."""
    if not masks:
        return 1.0
    centres = [(index + 0.5) / GRID for index in range(GRID)]
    free = sum(not any(_inside(x, y, mask) for mask in masks) for x in centres for y in centres)
    return free / GRID**2


def _of_camera(name: str, camera: Camera) -> Iterator[ConfigWarning]:
    share = watched_share(camera.masks)
    if share < LEAST_WATCHED:
        message = f"its masks cover {1 - share:.0%} of the picture: no motion is ever looked at"
        yield ConfigWarning(("cameras", name, "masks"), message, (name,))


def _shared_addresses(config: Config) -> Iterator[ConfigWarning]:
    by_address: dict[str, list[str]] = defaultdict(list)
    for name, camera in config.enabled_cameras().items():
        by_address[_bare(camera.url)].append(name)
    for names in by_address.values():
        campsites = {config.cameras[name].campsite for name in names}
        if len(names) > 1:
            first, *others = names
            where = f"at {len(campsites)} campsites" if len(campsites) > 1 else "at one campsite"
            message = (
                f"the address is also that of {', '.join(others)}: one camera is watched {len(names)} times, {where}"
            )
            yield ConfigWarning(("cameras", first, "url"), message, tuple(names))


def _bare(url: str) -> str:
    """An address without its login, so that two spellings of one camera are one."""
    scheme, there, rest = url.partition("://")
    if not there:
        return url
    authority, slash, path = rest.partition("/")
    host = authority.rpartition("@")[2].lower()
    default = {"rtsp": ":554", "rtsps": ":322", "http": ":80", "https": ":443"}.get(scheme.lower(), "")
    return f"{scheme.lower()}://{host.removesuffix(default)}{slash}{path}".rstrip("/")


def _inside(x: float, y: float, polygon: list[Point]) -> bool:
    """Even-odd rule."""
    inside = False
    for (x0, y0), (x1, y1) in zip(polygon, [*polygon[1:], polygon[0]], strict=True):
        if (y0 > y) != (y1 > y) and x < x0 + (y - y0) * (x1 - x0) / (y1 - y0):
            inside = not inside
    return inside
