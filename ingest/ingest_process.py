"""The ingest process: a thread for each camera, one that sends, one that reports."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable
from threading import Event, Lock, Thread

import redis

from core.boxes.frame_signature import BoxIdentity
from core.clock import ClockWatch, now_s
from core.config import Camera, Config
from core.config_warnings import config_warnings, rate_problem
from core.machine.life_sign import give_life_sign
from core.messages import CameraHealth, CameraStatus
from core.redis_client import connect
from core.settings import Settings
from core.telemetry import Telemetry
from ingest.allocator import keep_freed_memory
from ingest.request_answers import ReaderRequests
from ingest.sender import FrameSender
from ingest.spool import Spool
from ingest.tally import FrameCounters, counter_names
from ingest.watch import CameraWatch

log = logging.getLogger(__name__)

REPORT_EVERY_S = 1.0
CROWDED_FRAMES = 8
"""With so many frames waiting to be sent nobody sprints."""
STOP_WITHIN_S = 2.5
"""A thread that is inside a wait for a silent camera is left to end with its time-out."""


Follow = Callable[[Event, Callable[[Config, Config], None]], None]
"""Calls back with the configuration before and the one that holds from now on, until the event is set."""


def run(config: Config, settings: Settings, stop: Event, follow: Follow | None = None) -> None:
    """Watch all enabled cameras until ``stop`` is set; returns within about three seconds of that."""
    keep_freed_memory()
    ingest = Ingest(config, settings.redis, stop, box=settings.box)
    if follow is not None:
        follow(stop, ingest.take)
    ingest.run()


class Ingest:
    """Everything that one ingest process holds."""

    def __init__(
        self, config: Config, redis_url: str, stop: Event, spool: Spool | None = None, box: BoxIdentity | None = None
    ) -> None:
        self._config = config
        self._shards = _shards(config)
        """By camera, those that are gone too: what they still showed waits in the spool."""
        self._stop = stop
        self._client = connect(redis_url)
        self._box = box
        self._telemetry = Telemetry(self._client, box.name if box else None)
        self._elsewhere = self._read_elsewhere() or frozenset()
        self._counters = FrameCounters()
        self.spool = spool or Spool()
        self._guard = Lock()
        """Held while the set of cameras changes."""
        self._watches = {name: self._watch(name, config) for name in self._ours(config)}
        self._leaving: list[CameraWatch] = []
        self._gone: set[str] = set()
        self._cameras_done = Event()
        self._sender = FrameSender(self._client, self._shard_of, self.spool, self._counters, self._cameras_done, box)
        self._requests = ReaderRequests(self._client, self._watch_of, self._crowded, self._counters, stop)
        self._reporting = False
        self._running = False
        self._clock = ClockWatch()
        self._stepped: dict[str, float] = {}
        self._told_rates: set[str] = set()

    def run(self) -> None:
        """Start all threads, wait for ``stop``, and see them end.

        The sender stops last: it takes along what the cameras still had.
        """
        others = [
            Thread(target=self._sender.run, name="frame sender", daemon=True),
            Thread(target=self._report_for_ever, name="status reporter", daemon=True),
        ]
        if self._box is None:  # a box's user of Redis may hear nothing
            others += [
                Thread(target=self._requests.listen, name="reader requests", daemon=True),
                Thread(target=self._requests.answer, name="main stream answers", daemon=True),
                Thread(target=self._requests.show, name="live pictures", daemon=True),
            ]
        log.info("watching %d cameras", len(self._watches))
        _warn_of(self._config)
        with self._guard:
            for thread in (*_threads(self._watches.values()), *others):
                thread.start()
            self._running = True
        self._stop.wait()
        deadline = time.monotonic() + STOP_WITHIN_S
        with self._guard:
            watches = [*self._watches.values(), *self._leaving]
        for watch in watches:
            watch.end()
        cameras = _threads(watches)
        _join(cameras, deadline - 1.0)
        self._cameras_done.set()
        _join(others, deadline)
        if self._reporting:
            self._last_report()
        left = [thread.name for thread in (*cameras, *others) if thread.is_alive()]
        if left:
            log.warning("readers still inside a time-out are not waited for: %s", ", ".join(left))
        self._client.close()

    def take(self, _before: Config, config: Config) -> None:
        """Another configuration holds from now on: cameras come, go and change; those that stay do not notice.

        1. Who is not configured any more, or configured otherwise, ends; it is not waited for, but sends nothing more.
        2. Who is new, or configured otherwise, begins.
        """
        with self._guard:
            if self._stop.is_set():
                return
            wanted = self._ours(config)
            ending = {name for name, watch in self._watches.items() if name not in wanted or watch.differs(config)}
            leaving = [self._watches.pop(name) for name in ending]
            for watch in leaving:
                watch.end()
            self._leaving = [watch for watch in (*self._leaving, *leaving) if watch.is_alive]
            self._config = config
            self._shards = {**self._shards, **_shards(config)}
            beginning = [name for name in wanted if name not in self._watches]
            for name in beginning:
                self._watches[name] = self._watch(name, config)
                if self._running:
                    for thread in self._watches[name].threads:
                        thread.start()
            self._gone = (self._gone | ending) - set(wanted)
            self._told_rates -= ending
        log.info("cameras that have come or changed: %s; gone: %s", _names(beginning), _names(ending - set(wanted)))
        _warn_of(config)

    def _ours(self, config: Config) -> dict[str, Camera]:
        """The cameras that are read here: a box's own, or those of the site that no box reads."""
        return {name: camera for name, camera in config.enabled_cameras().items() if name not in self._elsewhere}

    def _read_elsewhere(self) -> frozenset[str] | None:
        """Cameras that boxes read; None while Redis does not say."""
        if self._box is not None:
            return frozenset()
        try:
            boxes = self._telemetry.boxes().values()
        except redis.RedisError:
            return None
        return frozenset(camera for box in boxes for camera in box.cameras)

    def _follow_boxes(self) -> None:
        """A camera that a box has taken over is left to it; one that nobody reads any more is read here again."""
        elsewhere = self._read_elsewhere()
        if elsewhere is not None and elsewhere != self._elsewhere:
            self._elsewhere = elsewhere
            self.take(self._config, self._config)

    def _watch(self, name: str, config: Config) -> CameraWatch:
        """A box does not read main streams: nobody can ask it for their pictures."""
        if self._box is not None and config.cameras[name].record_url:
            without = config.cameras[name].model_copy(update={"record_url": None})
            config = config.model_copy(update={"cameras": {**config.cameras, name: without}})
        return CameraWatch(name, config, self.spool, self._counters)

    def _watch_of(self, name: str) -> CameraWatch | None:
        return self._watches.get(name)

    def _crowded(self) -> bool:
        """Whether so many frames wait to be sent that more of them would only make others wait."""
        return self.spool.load()[0] > CROWDED_FRAMES

    def _shard_of(self, camera: str) -> int:
        return self._shards[camera]

    def _report_for_ever(self) -> None:
        while not self._stop.wait(REPORT_EVERY_S):
            give_life_sign()
            try:
                self._follow_boxes()
                self._report(now_s())
            except redis.RedisError as error:
                if self._reporting:
                    log.warning("Redis refused the status report (%s)", error)
                self._reporting = False
            except Exception:
                log.exception("a status report failed")  # the loop's edge: silence would make every camera blind

    def _last_report(self) -> None:
        """What was counted since the last report is not lost with the process."""
        try:
            self._report(now_s())
        except redis.RedisError as error:
            log.warning("the last counts did not reach Redis (%s)", error)

    def _report(self, now: float) -> None:
        """Tell Redis what every camera is worth, what was counted, and that this process lives."""
        if not self._reporting:
            for name, camera in self._config.cameras.items():
                if not camera.enabled:
                    self._telemetry.forget_camera(name)
        step = self._clock.check(now, time.monotonic())
        if step is not None:
            log.error("%s; pictures are stamped with the time that holds now", step.text)
            self._stepped = {"clock_stepped_at": step.at, "clock_step_s": round(step.by_s, 1)}
        with self._guard:
            watches, gone, self._gone = list(self._watches.values()), self._gone, set()
        for name in gone:
            self._telemetry.forget_camera(name)
        statuses = [watch.status(now) for watch in watches]
        self._tell_rates(statuses)
        self._telemetry.report_cameras(statuses)
        unreported = self._counters.unreported()
        self._telemetry.count(counter_names(unreported))
        self._counters.mark_reported(unreported)
        frames, size = self.spool.load()
        live = sum(status.health is CameraHealth.LIVE for status in statuses)
        facts = {
            "cameras": len(statuses),
            "live": live,
            "spooled_frames": frames,
            "spooled_bytes": size,
            "main_stream_bytes": sum(each.main_stream.ring.load()[1] for each in watches if each.main_stream),
            **self._stepped,
        }
        self._telemetry.beat("ingest", now, facts)
        self._reporting = True

    def _tell_rates(self, statuses: list[CameraStatus]) -> None:
        """Once of each camera whose pictures come too rarely for any alert."""
        for status in statuses:
            camera = self._config.cameras.get(status.camera)
            if camera is None:  # taken away a moment ago
                continue
            problem = rate_problem(min(status.source_fps, camera.fps), camera, self._config.detector)
            if status.health is CameraHealth.LIVE and problem is not None and status.camera not in self._told_rates:
                self._told_rates.add(status.camera)
                log.warning("camera %s: %s", status.camera, problem)


def _warn_of(config: Config) -> None:
    for warning in config_warnings(config):
        log.warning("configuration, %s: %s", ".".join(warning.key), warning.message)


def _threads(watches: Iterable[CameraWatch]) -> list[Thread]:
    return [thread for watch in watches for thread in watch.threads]


def _shards(config: Config) -> dict[str, int]:
    return {name: config.shard_of(name) for name in config.cameras}


def _names(cameras: Iterable[str]) -> str:
    return ", ".join(sorted(cameras)) or "none"


def _join(threads: list[Thread], deadline: float) -> None:
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
