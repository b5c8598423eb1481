"""One camera under watch: its thread, from the reader to the spool, and what to report of it."""

from __future__ import annotations

import logging
import time
from threading import Event, Lock, Thread

from core.config import Camera, Config, Motion
from core.messages import CameraStatus
from ingest.live_view import LiveView
from ingest.main_stream.main_stream import MainStream
from ingest.scene.frames import FrameMaker
from ingest.scene.liveness import REMEMBERED, Liveness, content_of
from ingest.scene.scene_life import SceneLife
from ingest.sources.camera import CameraReader, CapturedFrame
from ingest.sources.pace import RateMeter
from ingest.sources.stream import is_file
from ingest.spool import Spool
from ingest.tally import BEHIND, MAIN_STREAM_DROPPED, SPOOL_FULL, UNDECODABLE, FrameCounters

log = logging.getLogger(__name__)

SHORTEST_READ_TIMEOUT_S = 2.0
LONGEST_READ_TIMEOUT_S = 10.0
RESTART_AFTER_S = 1.0


def read_timeout_s(blind_after_s: float) -> float:
    """How long to wait for a silent camera before opening it anew: it may then be back before it counts as blind."""
    return min(LONGEST_READ_TIMEOUT_S, max(SHORTEST_READ_TIMEOUT_S, blind_after_s / 2))


class CameraWatch:
    """Watches one camera on a thread of its own until :meth:`end`."""

    def __init__(self, name: str, config: Config, spool: Spool, counters: FrameCounters) -> None:
        camera = config.cameras[name]
        self.name = name
        self._depends_on = _depends_on(name, config)
        stop = Event()
        self._spool = spool
        self._counters = counters
        self._stop = stop
        self._lock = Lock()
        self._liveness = Liveness(
            config.blind_after_s,
            time.monotonic(),
            # A file that plays in a loop shows every picture again; only one that stands still is frozen.
            remembered=1 if is_file(camera.url) else REMEMBERED,
        )
        self._scene = None if is_file(camera.url) else SceneLife()
        self._analysed = RateMeter()
        self._reader = CameraReader(name, camera, read_timeout_s(config.blind_after_s), stop, self._lost)
        self._maker = FrameMaker(name, camera, config.motion)
        self.live = LiveView(name)
        self._counted = {UNDECODABLE: 0, BEHIND: 0}
        self.thread = Thread(target=self._run, name=f"camera {name}", daemon=True)
        timeout_s = read_timeout_s(config.blind_after_s)
        self.main_stream = MainStream(name, camera, timeout_s, stop) if camera.record_url else None

    @property
    def threads(self) -> list[Thread]:
        """Its own, and that of its main stream if it has one."""
        return [self.thread, *([self.main_stream.thread] if self.main_stream is not None else [])]

    @property
    def is_alive(self) -> bool:
        """Whether one of its threads still runs."""
        return any(thread.is_alive() for thread in self.threads)

    def sprint(self, at: float) -> bool:
        """Look at more of its pictures for a moment; false when it has just done so. ``at``: steady clock."""
        return self._reader.sprint.begin(at)

    def end(self) -> None:
        """Send nothing more, and end soon: at once, or with the time-out of whatever the thread waits for."""
        self._stop.set()

    def differs(self, config: Config) -> bool:
        """Whether this camera is to be watched otherwise."""
        return _depends_on(self.name, config) != self._depends_on

    def status(self, now: float) -> CameraStatus:
        """What to report of the camera now (wall clock)."""
        steady = time.monotonic()
        with self._lock:
            verdict = self._liveness.verdict(steady)
        sent, dropped = self._counters.of(self.name)
        facts = self._reader.facts
        return CameraStatus(
            camera=self.name,
            health=verdict.health,
            detail=verdict.detail,
            reported_at=now,
            content_at=None if verdict.content_at is None else now - (steady - verdict.content_at),
            width=facts.width,
            height=facts.height,
            source_fps=round(facts.arrivals.per_second(steady), 2),
            analysed_fps=round(self._analysed.per_second(steady), 2),
            reconnects=facts.reconnects,
            sent=sent,
            dropped=dropped,
            main_stream=None if self.main_stream is None else self.main_stream.why_away,
            notice=facts.notice,
        )

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self._watch()
            except Exception:
                # The loop's edge: whatever a camera sends, its reader comes back.
                log.exception("camera %s: its reader crashed and starts again", self.name)
                self._maker.gate.forget()
                self._lost("its reader crashed, see the log")
                self._stop.wait(RESTART_AFTER_S)

    def _watch(self) -> None:
        """Look at every picture that the reader picks.

        1. Its content says whether the camera sees.
        2. A picture that was there before is not sent again: a frozen bear would look like many agreeing frames.
        3. Any other goes through the gate, and what is worth sending into the spool.

        While somebody looks at the camera, its pictures are shown, also those that are not sent.
        """
        for captured in self._reader.captured_frames():
            if self._stop.is_set():
                return
            content = content_of(captured.picture)
            with self._lock:
                is_new = self._liveness.saw(content, captured.came_at, self._alive_at(captured))
            self._analysed.tick(time.monotonic())
            self.live.saw(captured.picture, captured.captured_at, captured.came_at)
            if is_new:
                for frame in self._maker.frames_of(captured.picture, captured.captured_at, captured.came_at):
                    for lost in self._spool.put(frame):
                        self._counters.dropped(lost.camera, SPOOL_FULL)
            self._count_reader_drops()

    def _alive_at(self, captured: CapturedFrame) -> float | None:
        """When the scene last lived. A file that plays round and round has no sensor whose life could be told."""
        return None if self._scene is None else self._scene.look(captured.picture.small, captured.came_at)

    def _lost(self, failure: str) -> None:
        with self._lock:
            self._liveness.lost(failure)
        self._count_reader_drops()

    def _count_reader_drops(self) -> None:
        facts = self._reader.facts
        if self.main_stream is not None and (overflowed := self.main_stream.ring.take_overflowed()):
            self._counters.event(MAIN_STREAM_DROPPED, self.name, "too_large", overflowed)
        for reason, total in ((UNDECODABLE, facts.undecodable), (BEHIND, facts.behind)):
            if total > self._counted[reason]:
                self._counters.dropped(self.name, reason, total - self._counted[reason])
                self._counted[reason] = total


def _depends_on(name: str, config: Config) -> tuple[Camera, Motion, float]:
    return config.cameras[name], config.motion, config.blind_after_s
