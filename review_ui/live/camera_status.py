"""What the cameras are worth now, as people need to know it.

One reader per process copies the statuses out of Redis every second; pages and events read the copy, so that no page
waits for Redis. Blindness is worked out at the moment of looking. When the copy itself is old, every camera is blind:
blind is never "no bear".
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

import redis

from core.clock import now_s
from core.config import Config
from core.machine.disk_reserve import DiskReserve
from core.messages import CameraStatus
from core.telemetry import Telemetry
from db.models import Mode
from review_ui.live.site_notices import SiteNotices
from review_ui.rendering.wording import MODE_MEANINGS, MODE_NAMES, age
from rollout.authority.freshness import StaleCamera

log = logging.getLogger(__name__)

NOTHING_STALE: Final[Mapping[str, StaleCamera]] = {}
COPY_GOOD_S: Final = 6.0
"""An older copy means that this process has stopped reading."""

AHEAD_S: Final = 5.0
"""A report from further in the future was made before a clock was set."""


class Seeing(StrEnum):
    """Whether a camera sees."""

    SEES = "sees"
    BLIND = "blind"
    OFF = "off"
    """Switched off in the configuration: nobody expects it to see."""


@dataclass(frozen=True, slots=True)
class CameraView:
    """One camera as the strip shows it. ``content_age_s`` is the age of what it last showed, None for never."""

    id: str
    name: str
    campsite_id: str
    campsite: str
    seeing: Seeing
    why: str
    content_age_s: float | None
    unwatched_s: float | None = None
    """How long nobody has looked at its pictures although campers rely on it; None: it is watched, or nobody does."""

    @property
    def text(self) -> str:
        """One line in plain words."""
        if self.unwatched_s is not None:
            return f"NOT WATCHED for {age(self.unwatched_s)}{': ' if self.why else ''}{self.why}"
        if self.seeing is Seeing.SEES:
            return f"{age(self.content_age_s or 0.0)} ago"
        if self.seeing is Seeing.OFF:
            return "switched off"
        if self.content_age_s is None:
            return self.why
        return f"{self.why}; last picture {age(self.content_age_s)} ago"


@dataclass(frozen=True, slots=True)
class ModeView:
    """What holds at one campsite: the mode that was granted, and whether any camera still sees."""

    campsite_id: str
    campsite: str
    mode: Mode
    blind: tuple[CameraView, ...]
    unwatched: tuple[CameraView, ...]
    """Cameras whose pictures do not reach the model: on their account nobody is warned now."""
    manual_watch: bool
    """No camera sees, or none is watched: whatever was granted, only people watch."""
    handover: int | None = None
    """How often somebody was paged since authority ended here; None unless nobody has taken over the watch yet."""
    switched_off: bool = False
    """An experiment has taken the model's help away for this night."""

    @property
    def name(self) -> str:
        """The mode's name."""
        return MODE_NAMES[self.mode]

    @property
    def meaning(self) -> str:
        """What the mode means for the person who reads it."""
        return MODE_MEANINGS[self.mode]


@dataclass(frozen=True, slots=True)
class _Copy:
    statuses: Mapping[str, CameraStatus]
    read_at: float
    away: bool


class CameraBoard:
    """The copy of all camera statuses, and what it means."""

    def __init__(
        self,
        config: Config,
        telemetry: Telemetry,
        clock: Callable[[], float],
        reserve: DiskReserve | None = None,
        refused: Callable[[], str | None] = lambda: None,
    ) -> None:
        self.config = config
        self.notices = SiteNotices(config, telemetry, reserve, refused)
        self.telemetry = telemetry
        self.clock = clock
        self._copy = _Copy({}, float("-inf"), away=False)

    def refresh(self) -> None:
        """Read the statuses once. Blocks for as long as Redis takes to answer or to be given up on."""
        try:
            self._copy = _Copy(self.telemetry.cameras(), self.clock(), away=False)
        except redis.RedisError as error:
            if not self._copy.away:
                log.warning("Redis is unreachable, every camera counts as blind: %s", error)
            self._copy = _Copy({}, self.clock(), away=True)
        self._tell_notices()

    def _tell_notices(self) -> None:
        """The machine's own clock is what is watched there, whatever this page takes for now."""
        self.notices.refresh(now_s(), self._copy.statuses, ask_redis=not self._copy.away)

    @property
    def redis_away(self) -> bool:
        """Whether Redis did not answer when it was last asked."""
        return self._copy.away

    def cameras(self, now: float, stale: Mapping[str, StaleCamera] = NOTHING_STALE) -> list[CameraView]:
        """All configured cameras, those of one campsite together; ``stale`` are those that are not fresh, by name."""
        copy = self._copy
        order = {campsite: index for index, campsite in enumerate(self.config.campsites)}
        views = [_unwatched(self._view(key, copy, now), stale.get(key), now) for key in self.config.cameras]
        return sorted(views, key=lambda view: order[view.campsite_id])

    def modes(
        self, authorities: Mapping[str, Mode], now: float, stale: Mapping[str, StaleCamera] = NOTHING_STALE
    ) -> list[ModeView]:
        """What holds at each campsite that has cameras, given the authority that was granted there."""
        cameras = self.cameras(now, stale)
        return [
            _mode(
                key, site.name or key, authorities.get(key, Mode.SHADOW), [c for c in cameras if c.campsite_id == key]
            )
            for key, site in self.config.campsites.items()
            if any(camera.campsite_id == key for camera in cameras)
        ]

    def _view(self, key: str, copy: _Copy, now: float) -> CameraView:
        camera = self.config.cameras[key]
        campsite = self.config.campsites[camera.campsite]
        status = copy.statuses.get(key)
        content_at = status.content_at if status else None
        if not camera.enabled:
            seeing, why = Seeing.OFF, "switched off"
        else:
            reason = self._blind_reason(status, copy, now)
            seeing, why = (Seeing.BLIND, reason) if reason else (Seeing.SEES, "")
        return CameraView(
            id=key,
            name=camera.name or key,
            campsite_id=camera.campsite,
            campsite=campsite.name or camera.campsite,
            seeing=seeing,
            why=why,
            content_age_s=None if content_at is None else max(0.0, now - content_at),
        )

    def _blind_reason(self, status: CameraStatus | None, copy: _Copy, now: float) -> str | None:
        if copy.away:
            return "Redis is unreachable"
        if now - copy.read_at > COPY_GOOD_S:
            return "this page has stopped reading camera statuses"
        if status is None:
            return "no reader has reported it yet"
        if max(status.reported_at, status.content_at or 0.0) - now > AHEAD_S:
            return "its reader's clock is ahead of this one: nobody can tell how old its pictures are"
        return status.blind_reason(now, self.config.blind_after_s)


def _mode(campsite_id: str, name: str, granted: Mode, cameras: list[CameraView]) -> ModeView:
    unwatched = tuple(camera for camera in cameras if camera.unwatched_s is not None)
    blind = tuple(camera for camera in cameras if camera.seeing is Seeing.BLIND and camera not in unwatched)
    nobody_sees = not any(camera.seeing is Seeing.SEES and camera not in unwatched for camera in cameras)
    return ModeView(campsite_id, name, granted, blind, unwatched, nobody_sees)


def _unwatched(view: CameraView, camera: StaleCamera | None, now: float) -> CameraView:
    if camera is None:
        return view
    since = camera.lost_at if camera.captured_at is None else camera.captured_at
    return replace(view, unwatched_s=max(0.0, now - since))
