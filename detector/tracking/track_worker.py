"""The tracker process: scored frames in, encounters and alerts out.

One tracker per shard works, others stand by (a lease). It reads the scores as one fixed consumer, so that whoever
takes the lease over also gets what its predecessor had read and not finished. Entries are acknowledged after what
follows from them is durable: a tracker killed at any instant loses no encounter, and makes none twice.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import redis
from sqlalchemy.exc import (
    DataError,
    IntegrityError,
    InterfaceError,
    InternalError,
    OperationalError,
    ProgrammingError,
    SQLAlchemyError,
)
from sqlalchemy.exc import TimeoutError as PoolTimeout

from core.clock import now_s
from core.config import Config
from core.lease import Lease
from core.machine.life_sign import give_life_sign
from core.machine.unwritten_alerts import UnwrittenAlert, tell_unwritten
from core.media import MediaFull, MediaStore
from core.messages import FrameScores, MalformedMessage, Reason
from core.redis_client import RedisDown
from core.streams import TRACKER, FrameStreams, StreamEntry
from core.telemetry import Telemetry, counter
from db.ledger import lock
from db.models import Encounter
from db.session import Database
from detector.tracking.camera_hours import CameraHours
from detector.tracking.camera_thresholds import CameraThresholds
from detector.tracking.canary_results import CanaryTracks
from detector.tracking.encounter_writer import EncounterWriter
from detector.tracking.mean_picture import Scenes
from detector.tracking.tracker import AlertRule, Change, Opened, Track, Tracks, Upgraded, expire, observe
from detector.tracking.watermarks import Watermarks

log = logging.getLogger(__name__)

LEASE_S = 5.0
RENEW_EVERY_S = 1.0
READ_COUNT = 64
BLOCK_MS = 500
FLUSH_EVERY_S = 2.0
"""Camera-hours are written, and their frames acknowledged, this often; an encounter is written at once."""
PAUSE_AFTER_ERROR_S = 1.0
CONSUMER = "tracker"

ServersAway = (*RedisDown, OperationalError, InterfaceError, InternalError, ProgrammingError, PoolTimeout, OSError)
"""What no frame is to blame for: the database or Redis is away or not migrated yet, or the disk is full."""


@dataclass(frozen=True, slots=True)
class Read:
    """A stream entry with what it holds."""

    entry: StreamEntry
    scores: FrameScores
    model_threshold: float
    """The model's own; ``scores`` has the camera's."""


class TrackWorker:
    """The loop of one shard."""

    def __init__(self, config: Config, database: Database, client: redis.Redis, media: MediaStore, shard: int) -> None:
        self.config = config
        self.database = database
        self.media = media
        self.rule = AlertRule.of(config.detector)
        self.rules = {name: self.rule.for_rate(camera.fps) for name, camera in config.cameras.items()}
        self.encounter_writer = EncounterWriter(config, media, self.rule)
        self.streams = FrameStreams(client, shard)
        self.telemetry = Telemetry(client)
        self.lease = Lease(client, f"tracker:{shard}", LEASE_S)
        self.scenes = Scenes()
        self.suspicious = False
        self._start_over()

    def run(self, stop: threading.Event) -> None:
        """Work until ``stop`` is set. Errors of the servers end one round, never the loop."""
        while not stop.is_set():
            give_life_sign()
            try:
                self._round()
            except RedisDown as error:
                log.warning(
                    "Redis is unreachable (%s); waiting for it, and warnings are paused for every camera", error
                )
                self._lose_freshness()
                self._start_over()
                stop.wait(PAUSE_AFTER_ERROR_S)
            except ServersAway as error:
                # Nothing of this round was acknowledged: start over from what is durable, and read it again.
                log.error("the round could not be written, trying again: %s", error)
                self._start_over()
                stop.wait(PAUSE_AFTER_ERROR_S)
            except Exception:
                # The loop's edge: one of its frames is poison. Which one is found out when they are read again.
                log.exception("a round failed; its frames are tried again one by one")
                self._start_over()
                self.suspicious = True
                stop.wait(PAUSE_AFTER_ERROR_S)
        self._leave()

    def _start_over(self) -> None:
        self._forget()
        self.renew_at = 0.0
        self.active = False

    def _forget(self) -> None:
        self.tracks = Tracks()
        self.canaries = CanaryTracks(self.rule, self.rules)
        self.hours = CameraHours()
        self.watermarks = Watermarks(self.config.motion.keepalive_s)
        self.thresholds = CameraThresholds(self.config, self._rule)
        self.unacknowledged: list[str] = []
        self.flushed_at = time.monotonic()

    def _round(self) -> None:
        if time.monotonic() >= self.renew_at and not self._hold_leadership():
            time.sleep(RENEW_EVERY_S)
            return
        self._process(self.streams.read(self.streams.scores, TRACKER, CONSUMER, READ_COUNT, BLOCK_MS))

    def _hold_leadership(self) -> bool:
        """Take or renew the lease, and say that the tracker lives."""
        if not self.lease.hold():
            self._start_over()
            return False
        if not self.active:
            self._become_leader()
        self._beat()
        self.renew_at = time.monotonic() + RENEW_EVERY_S
        return True

    def _become_leader(self) -> None:
        """Remember what a tracker that had been here all along would remember.

        1. Open encounters come from the database.
        2. The recent frames that were already finished come from the stream, without any effect.
        3. What the predecessor had read but not finished is processed first.
        """
        self.streams.ensure_group(self.streams.scores, TRACKER)
        self._remember()
        pending = self.streams.pending(self.streams.scores, TRACKER, CONSUMER)
        self.active = True
        log.info("tracking %s, %d frames were pending", self.streams.scores, len(pending))
        if self.suspicious:
            self._sift(pending)
            self.suspicious = False
        else:
            self._process(pending)

    def _remember(self) -> None:
        with self.database.read() as session:
            self.watermarks.remember(session, self.config.cameras)
            self.thresholds.remember(session)
            for camera, visit in self.encounter_writer.open_visits(session).items():
                self.tracks.by_key[(camera, False)] = Track(visit=visit)
        for entry in self.streams.acked(self.streams.scores, TRACKER, CONSUMER, READ_COUNT * 4):
            try:
                for read in self._readable([entry]):
                    self._recall(read.scores)
            except ServersAway:
                raise
            except Exception as error:  # it was finished once: whatever is wrong with it now, the watch goes on
                log.exception("%s %s was tracked before and cannot be any more", entry.stream, entry.id)
                self._bury(entry, f"{type(error).__name__}: {error}")

    def _rule(self, camera: str) -> AlertRule:
        """The rule at a camera's frame rate."""
        return self.rules.get(camera, self.rule)

    def _recall(self, scores: FrameScores) -> None:
        rule = self._rule(scores.frame.camera)
        key = self.tracks.key_for(scores, rule)
        track = self.tracks.by_key.get(key, Track())
        seen, _changes = observe(track, scores, rule)
        self.tracks.by_key[key] = replace(seen, visit=track.visit)

    def _sift(self, entries: list[StreamEntry]) -> None:
        """Process entries one by one, each to its end, and bury those that cannot be."""
        for entry in entries:
            try:
                self._process([entry])
                self._flush()
            except ServersAway:
                raise
            except Exception as error:
                log.exception("%s %s cannot be tracked", entry.stream, entry.id)
                self._bury(entry, f"{type(error).__name__}: {error}")
                self._forget()  # whatever it has half done
                self._remember()

    def _process(self, entries: list[StreamEntry]) -> None:
        reads = list(self._readable(entries))
        try:
            news = self._track(reads)
        except (DataError, IntegrityError) as error:
            log.error("%d frames cannot be written together, trying one by one: %s", len(reads), error)
            news, reads = self._track_one_by_one(reads)
        for read in reads:
            self.hours.add(read.scores, self._thumbnail(read.scores), self._scene_gap(read.scores))
            self.watermarks.add(read.scores, now_s())
            self.thresholds.add(read.scores, read.model_threshold)
        self.unacknowledged += [read.entry.id for read in reads]
        if self.canaries.pending():
            with self.database.write() as session:
                self.canaries.write(session, now_s())
        if news:
            self.telemetry.publish_wake_up()
            self.telemetry.count(_counts(news))
        if time.monotonic() - self.flushed_at >= FLUSH_EVERY_S:
            self._flush()

    def _track(self, reads: list[Read]) -> list[Encounter]:
        """Run the frames through their tracks and write what changes; returns what has begun or turned out a bear's."""
        trial = self.tracks.trial()
        changes: list[tuple[tuple[str, bool], list[Change]]] = []
        for read in reads:
            rule = self._rule(read.scores.frame.camera)
            key = trial.key_for(read.scores, rule)
            trial.by_key[key], found = observe(trial.by_key.get(key, Track()), read.scores, rule)
            if found:
                changes.append((key, found))
        for key, track in list(trial.by_key.items()):
            trial.by_key[key], found = expire(track, now_s(), self.rule)
            if found:
                changes.append((key, found))
        news: list[Encounter] = []
        try:
            if changes:
                with self.database.write() as session:
                    lock(session)  # a predecessor that lost its lease may still be writing the same visit
                    for (camera, late), found in changes:
                        news += self.encounter_writer.write(session, camera, late, found)
        except (OperationalError, InternalError, PoolTimeout, OSError):
            self._tell_unwritten(changes)
            raise
        self.tracks.commit(trial)
        return news

    def _tell_unwritten(self, changes: Sequence[tuple[tuple[str, bool], list[Change]]]) -> None:
        """Nothing can be written now (a full disk, a database that is away): open pages hear of a new visit all the
        same, and again at each try."""
        opened = [
            UnwrittenAlert(camera, change.draft.kind, change.draft.hits[-1].frame.captured_at, now_s())
            for (camera, late), found in changes
            if not late
            for change in found
            if isinstance(change, Opened | Upgraded)
        ]
        try:
            for alert in opened:
                log.error("camera %s: an alert cannot be written, open pages are told of it", alert.camera)
                tell_unwritten(self.telemetry.client, alert)
            if opened:
                self.telemetry.publish_wake_up()
        except redis.RedisError as error:
            log.error("an alert can neither be written nor told: %s", error)

    def _track_one_by_one(self, reads: list[Read]) -> tuple[list[Encounter], list[Read]]:
        """Track frame by frame, and bury what the database refuses for ever; returns what was left."""
        news, good = list[Encounter](), []
        for read in reads:
            try:
                news += self._track([read])
                good.append(read)
            except (DataError, IntegrityError) as error:
                self._bury(read.entry, str(error.orig))
        return news, good

    def _bury(self, entry: StreamEntry, why: str) -> None:
        log.error("%s %s moved to the dead-letter stream: %s", entry.stream, entry.id, why)
        self.streams.dead_letter(TRACKER, entry, why)
        self.telemetry.count({counter("bearwatch_dead_letters_total", stream="scores"): 1})

    def _flush(self) -> None:
        if self.unacknowledged:
            with self.database.write() as session:
                self.hours.write(session)
                self.watermarks.write(session)
                self.thresholds.write(session, now_s())
            self.hours.clear()
            self.watermarks.clear()
            self.thresholds.clear()
            self.streams.acknowledge(self.streams.scores, TRACKER, self.unacknowledged)
            self.unacknowledged = []
        self.flushed_at = time.monotonic()
        if self.thresholds.review_due(now_s()):
            self._review_thresholds()

    def _review_thresholds(self) -> None:
        with self.database.write() as session:
            decided = self.thresholds.review(session, now_s())
            moved = [
                (point.camera_id, "infra-red" if point.infrared else "day", point.before, point.threshold, point.reason)
                for point in decided
                if point.threshold != point.before or point.constant
            ]
        for each in moved:
            log.info("camera %s, %s: its threshold was %.3f and is %.3f, %s", *each)

    def _lose_freshness(self) -> None:
        """Frames cannot arrive: say so at once, rather than pause warnings when the last of them grows too old."""
        self.watermarks.lose()
        if not self.watermarks.pending():
            return
        try:
            with self.database.write() as session:
                self.watermarks.write(session)
        except SQLAlchemyError as error:
            log.error("that no camera is fresh could not be written, it follows from the last pictures' age: %s", error)

    def _readable(self, entries: list[StreamEntry]) -> Iterator[Read]:
        for entry in entries:
            try:
                unpacked = FrameScores.unpack(entry.fields)
                unpacked.frame.refuse_future(now_s())
            except MalformedMessage as error:
                self._bury(entry, str(error))
                continue
            scores = self.thresholds.applied(unpacked)
            if self.canaries.add(scores):
                self.unacknowledged.append(entry.id)
                continue
            if scores.frame.camera not in self.config.cameras:
                log.warning("frames of camera %s arrive, which is not configured here", scores.frame.camera)
                self.streams.acknowledge(self.streams.scores, TRACKER, [entry.id])
                continue
            yield Read(entry, scores, unpacked.threshold)

    def _thumbnail(self, scores: FrameScores) -> str | None:
        if scores.frame.reason is not Reason.AUDIT:
            return None
        try:
            return self.media.put(scores.frame.camera, scores.frame.captured_at, scores.frame.jpeg)
        except MediaFull as error:
            log.error("camera %s: a thumbnail was not kept: %s", scores.frame.camera, error)
            return None

    def _scene_gap(self, scores: FrameScores) -> float | None:
        if scores.frame.reason is not Reason.AUDIT:
            return None
        return self.scenes.compare(scores.frame.camera, scores.infrared, scores.frame.jpeg)

    def _beat(self) -> None:
        lag, pending = self.streams.waiting(self.streams.scores, TRACKER)
        self.telemetry.beat(f"tracker:{self.streams.shard}", now_s(), {"lag": lag, "pending": pending})

    def _leave(self) -> None:
        try:
            if self.active:
                self._flush()
            self.lease.give_back()
        except (*RedisDown, SQLAlchemyError) as error:
            log.warning("stopped without acknowledging: %s; the next tracker reads those frames again", error)


def _counts(news: list[Encounter]) -> Counter[str]:
    counts: Counter[str] = Counter()
    for encounter in news:
        counts[counter("bearwatch_encounters_total", kind=encounter.kind)] += 1
        counts[counter("bearwatch_encounters_held_total", camera_name=encounter.camera_id)] += encounter.held
    return counts
