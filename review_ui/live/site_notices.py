"""What everybody has to know of the site itself, on every page: a full disk, a clock that was set, lines of the
configuration that can hardly be meant so, cameras whose pictures come too rarely for any alert, boxes whose frames are
refused."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, cast
from zoneinfo import ZoneInfo

import redis

from core.clock import ClockStep, ClockWatch
from core.config import Config
from core.config_warnings import config_warnings, rate_problem
from core.machine.disk_reserve import DiskReserve, DiskState
from core.machine.unwritten_alerts import UnwrittenAlert, unwritten_alerts
from core.messages import CameraHealth, CameraStatus, EncounterKind
from core.telemetry import Telemetry
from review_ui.auth.access_scope import AccessScope
from review_ui.auth.accounts import Account

SHOWN_FOR_S: Final = 3600.0
"""A clock that was set stays on the page for so long: what was written around it has a doubtful time."""
ALERT: Final = "alert"
SKEW_S: Final = 5.0
"""Between this machine's clock and that of Redis."""


@dataclass(frozen=True, slots=True)
class SiteNotice:
    """``kind`` is ``alert``, ``disk``, ``clock``, ``configuration`` or ``box``; ``cameras`` are those it is about, none
    for the site. An ``alert`` is one that could not be written down: it is hidden from whoever may not see its camera
    now.
    """

    kind: str
    text: str
    cameras: tuple[str, ...] = ()


def notices_for(
    config: Config, account: Account, notices: Sequence[SiteNotice], scope: AccessScope
) -> tuple[SiteNotice, ...]:
    """Those that somebody may read: about the site, or about cameras that are all at their campsites; of alerts only
    where what those cameras see is not hidden from them."""
    places = [{name: config.cameras[name].campsite for name in each.cameras} for each in notices]
    return tuple(
        each
        for each, at in zip(notices, places, strict=True)
        if all(account.covers(campsite) for campsite in at.values())
        and not (each.kind == ALERT and any(scope.hides_camera(*place) for place in at.items()))
    )


class SiteNotices:
    """Collects the notices; :meth:`refresh` is called about once a second, on one thread."""

    def __init__(
        self,
        config: Config,
        telemetry: Telemetry,
        reserve: DiskReserve | None = None,
        refused: Callable[[], str | None] = lambda: None,
    ) -> None:
        """``refused`` says what is wrong with the configuration's files now, None while nothing is."""
        self._config = config
        self._telemetry = telemetry
        self._reserve = reserve
        self._refused = refused
        self._clock = ClockWatch()
        self._step: tuple[float, ClockStep] | None = None
        self._fixed = tuple(
            SiteNotice("configuration", f"{'.'.join(each.key)}: {each.message}", each.cameras)
            for each in config_warnings(config)
        )
        self.disk = DiskState.OK
        self.current: tuple[SiteNotice, ...] = self._fixed

    def refresh(self, wall: float, statuses: Mapping[str, CameraStatus], ask_redis: bool = True) -> None:
        """Look again; ``statuses`` are what the cameras last reported. ``ask_redis``: for its time."""
        steady = time.monotonic()
        step = self._clock.check(wall, steady)
        if step is not None:
            self._step = (steady, step)
        self.disk = self._reserve.state() if self._reserve is not None else DiskState.OK
        disk = (SiteNotice("disk", self.disk.text),) if self.disk.text else ()
        alerts = self._unwritten(wall) if ask_redis else ()
        boxes = self._box_notices(wall) if ask_redis else ()
        now = (*alerts, *disk, *self._refused_notices(), *self._clock_notices(wall, steady, ask_redis), *boxes)
        self.current = (*now, *self._fixed, *self._slow(statuses))

    def _unwritten(self, wall: float) -> tuple[SiteNotice, ...]:
        """Alerts that the tracker cannot write down."""
        try:
            found = unwritten_alerts(self._telemetry.client, wall)
        except redis.RedisError:
            return ()  # that it is away is told elsewhere
        known = [each for each in found if each.camera in self._config.cameras]
        return tuple(SiteNotice(ALERT, self._told(each), (each.camera,)) for each in known)

    def _told(self, alert: UnwrittenAlert) -> str:
        camera = self._config.cameras[alert.camera]
        animal = "a bear" if alert.kind is EncounterKind.BEAR else "an animal that the model does not know"
        place = self._config.campsites[camera.campsite].name or camera.campsite
        zone = ZoneInfo(self._config.region_of(alert.camera).timezone)
        at = datetime.fromtimestamp(alert.captured_at, zone).strftime("%H:%M:%S")
        return (
            f"{animal} on camera {camera.name or alert.camera}, {place}, at {at}. It cannot be written down now, so "
            "nobody is warned and nothing can be decided about it: look there yourself, and free the disk or bring the "
            "database back"
        )

    def _refused_notices(self) -> tuple[SiteNotice, ...]:
        refused = self._refused()
        if refused is None:
            return ()
        first, *others = refused.splitlines()
        more = f" (and {len(others)} more)" if others else ""
        text = f"the file is not taken as it stands now, what was in force stays in force: {first}{more}"
        return (SiteNotice("configuration", text),)

    def _box_notices(self, wall: float) -> tuple[SiteNotice, ...]:
        """Boxes that lately sent what was dropped unseen: broken, wrongly set up, or in somebody else's hands."""
        try:
            refused = self._telemetry.refused()
        except redis.RedisError:
            return ()  # that it is away is told elsewhere
        return tuple(
            SiteNotice(
                "box",
                f"box {name}: {why} were refused within the last hour. If nobody is at work on it, end its access: "
                f"bearwatch box revoke {name}",
            )
            for name, (at, why) in sorted(refused.items())
            if wall - at < SHOWN_FOR_S
        )

    def _clock_notices(self, wall: float, steady: float, ask_redis: bool) -> tuple[SiteNotice, ...]:
        found = []
        if self._step is not None and steady - self._step[0] < SHOWN_FOR_S:
            found.append(SiteNotice("clock", f"{self._step[1].text}; times around that moment are not to be trusted"))
        skew_s = self._skew_s(wall) if ask_redis else None
        if skew_s is not None and abs(skew_s) > SKEW_S:
            text = f"the clocks of this machine and of Redis are {abs(skew_s):,.0f} s apart: set them by the network"
            found.append(SiteNotice("clock", text))
        return tuple(found)

    def _skew_s(self, wall: float) -> float | None:
        try:
            seconds, micros = cast(Any, self._telemetry.client.time())
        except redis.RedisError:
            return None  # that it is away is told elsewhere
        return float(seconds + micros / 1e6 - wall)

    def _slow(self, statuses: Mapping[str, CameraStatus]) -> tuple[SiteNotice, ...]:
        known = {camera for each in self._fixed for camera in each.cameras if each.text.startswith("cameras.")}
        found = []
        for name, camera in self._config.enabled_cameras().items():
            status = statuses.get(name)
            if status is None or status.health is not CameraHealth.LIVE or name in known:
                continue
            problem = rate_problem(min(status.source_fps, camera.fps), camera, self._config.detector)
            if problem is not None:
                found.append(SiteNotice("configuration", f"{camera.name or name}: {problem}", (name,)))
        return tuple(found)
