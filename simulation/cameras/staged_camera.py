"""One staged camera: the clock that plays its loop, the trouble it is in, and the viewers it sends to."""

from __future__ import annotations

import asyncio
import logging
from typing import Protocol

from simulation.cameras.encode import EncodedLoop
from simulation.cameras.fault_injection import CameraFault, Distortion, StagedPicture, distortion, healthy
from simulation.cameras.scene import Scene, Seen, truth

log = logging.getLogger(__name__)

LATE_S = 0.5
"""A player further behind than this jumps to now: the machine slept, and a camera does not replay the past."""


class Viewer(Protocol):
    """Somebody the camera sends to."""

    def show(self, picture: StagedPicture) -> None:
        """Take one picture; must not block and must not raise."""

    def hang_up(self, reset: bool) -> None:
        """End the connection, politely or with a TCP reset."""


class StagedCamera:
    """Plays one loop from the moment ``play`` starts, for ever.

    All methods belong to the event loop's thread.
    """

    def __init__(self, loop: EncodedLoop, phase_s: float = 0.0) -> None:
        self.loop = loop
        self.fault = CameraFault.NONE
        self.viewers: set[Viewer] = set()
        self._phase_s = phase_s
        self._started_s: float | None = None
        self._next = 0
        self._distort: Distortion | None = None
        self._healing = False

    @property
    def scene(self) -> Scene:
        return self.loop.scene

    @property
    def accepts_viewers(self) -> bool:
        return self.fault is not CameraFault.REFUSE

    @property
    def ticks(self) -> int:
        """RTP time of the next picture, in 1/90000 s since the start."""
        return self._next * 90_000 // self.scene.fps

    def elapsed_s(self) -> float:
        """Seconds since the camera started to play; 0 before."""
        if self._started_s is None:
            return 0.0
        return max(0.0, asyncio.get_running_loop().time() - self._started_s)

    def truth_now(self) -> tuple[Seen, ...]:
        """Who a healthy camera would show now."""
        return truth(self.scene, self.elapsed_s())

    def set_fault(self, fault: CameraFault) -> None:
        """Begin a trouble at once. ``NONE`` heals: at the next key frame, so that viewers get whole pictures."""
        if fault is CameraFault.ABORT:
            self._hang_up(reset=True)
            fault = CameraFault.NONE
        self.fault = fault
        if fault is CameraFault.NONE:
            self._healing = True
            return
        self._healing = False
        self._distort = distortion(fault, self.loop, self._next)
        if fault is CameraFault.REFUSE:
            self._hang_up(reset=False)

    def _hang_up(self, reset: bool) -> None:
        for viewer in list(self.viewers):
            viewer.hang_up(reset)
        self.viewers.clear()

    async def play(self) -> None:
        """Send every frame when it is due, until cancelled."""
        clock = asyncio.get_running_loop()
        self._started_s = clock.time() + self._phase_s
        while True:
            due_s = self._started_s + self._next / self.scene.fps
            wait_s = due_s - clock.time()
            if wait_s > 0:
                await asyncio.sleep(wait_s)
            elif wait_s < -LATE_S:
                self._catch_up(-wait_s)
                continue
            self._send(self._next)
            self._next += 1

    def _catch_up(self, late_s: float) -> None:
        """Skip to the next key frame that is not in the past."""
        missed = int(late_s * self.scene.fps) + 1
        self._next += missed
        self._next += -self._next % self.scene.key_interval
        log.info("camera %s skipped %d frames: the machine was busy or asleep", self.scene.name, missed)
        if self._distort is not None:
            self._distort = distortion(self.fault, self.loop, self._next)

    def _send(self, index: int) -> None:
        if self._healing and self.loop.is_key(index):
            self._healing, self._distort = False, None
        if not self.viewers and self._distort is None:
            return
        picture = healthy(self.loop, index) if self._distort is None else self._distort(index)
        if picture is None:
            return
        for viewer in list(self.viewers):
            viewer.show(picture)
