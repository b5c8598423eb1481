"""The detector process: frames in, scores out. Stateless: add workers and GPUs freely.

1. Take over what a dead worker left, one frame at a time, so that a frame that kills workers is found out.
2. Read whatever waits; when the detector is overloaded the newest frame of each camera wins.
3. Decode, cut the crops of all frames, score them in one batch.
4. Where something small moved on a camera with a main stream, hold the frame for a closer look
   (:mod:`detector.closer_look`); after the first suspicious one of a camera, ask for more of its pictures.
5. Publish the scores and acknowledge the frames in one step.
6. Every half minute, prove that a known bear is still recognised; every score says whether that was so.
7. Score with another model from the next batch on when the registry wants one and it has proved itself here
   (:mod:`detector.model_switch`); go back to the one before when the new one fails its self-test.

Frames that waited out an outage (the ``late`` stream) are taken when nothing fresh waits. Photos that somebody hands in
on the page are looked at in a process of their own (:mod:`detector.photo_service`): no picture from outside, and no
engine that has to be built for one, keeps this loop from the cameras.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import replace

import redis

from core.boxes.box_door import RefusedFrame
from core.bundles.challenger_counts import add_counts
from core.bundles.wanted_model import read_wanted
from core.clock import now_s
from core.config import Detector
from core.machine.life_sign import give_life_sign
from core.messages import Frame, FrameScores, MalformedMessage, canary_camera
from core.pictures.reader_requests import SprintRequest, ask_reader
from core.redis_client import RedisDown
from core.streams import DETECTORS, FrameStreams, StreamEntry, read_first
from core.telemetry import Telemetry, counter
from detector.batching import Waiting, choose
from detector.box_streams import BoxStreams
from detector.bundle_loader import LoadedModel
from detector.classify import (
    ScoredFrame,
    prepare_frames,
    score_frames,
    score_prepared,
)
from detector.closer_look import CloserLook
from detector.engines.engine import Engine
from detector.jpeg import UndecodableFrame, decoded_or_why
from detector.live_shadow import LiveShadow
from detector.model_switch import ModelSwitch
from detector.models.crops import crops_for
from detector.parallel_map import side_by_side
from detector.photo_service import PhotoService
from detector.self_test import SelfTest
from detector.sprints import Sprints

log = logging.getLogger(__name__)

CLAIM_AFTER_MS = 3_000
"""A frame that its worker has not finished by then is taken over: seen again well within 5 s."""
TAKE_OVER_EVERY_S = 1.0
CLAIM_COUNT = 16
MAX_TRIES = 3
READ_COUNT = 64
DRAIN_AT_MOST = 512
BLOCK_MS = 500
HELD_BLOCK_MS = 20
"""While a closer look is out, its answer is looked for this often."""
PAUSE_AFTER_ERROR_S = 1.0
FAILED_AT_MOST = 2
"""So many self-tests in a row may fail before the model gives way to the one before it."""

Token = tuple[StreamEntry, Frame]


class DetectorWorker:
    """The loop of one worker on one or more shards. Without a ``switch`` it keeps the engine that it was given, without
    ``boxes`` there are none."""

    def __init__(
        self,
        engine: Engine,
        detector: Detector,
        client: redis.Redis,
        shards: Sequence[int],
        switch: ModelSwitch | None = None,
        boxes: BoxStreams | None = None,
    ) -> None:
        self.engine = engine
        self.switch = switch
        self.live_shadow: LiveShadow | None = None
        self.detector = detector
        self.consumer = f"{socket.gethostname()}-{os.getpid()}"
        self.client = client
        self.telemetry = Telemetry(client)
        self.photos = PhotoService(engine.bundle, client)
        self.self_test = SelfTest(engine, detector.threshold)
        self.closer_look = CloserLook(client, self.consumer)
        self.sprints = Sprints()
        self.shards = list(shards)
        self.boxes = boxes or BoxStreams(client, shards)
        self.streams = [FrameStreams(client, shard) for shard in shards]
        self._start_over()
        self.counts: Counter[str] = Counter()
        self.recent: deque[tuple[float, int, float]] = deque(maxlen=200)
        self.housekeeping_at = 0.0

    def run(self, stop: threading.Event) -> None:
        """Work until ``stop`` is set. An error ends one round, never the watch."""
        photos = self.photos.start(stop)
        self._watch(stop)
        self.photos.end()
        photos.join()

    def _watch(self, stop: threading.Event) -> None:
        while not stop.is_set():
            give_life_sign()
            try:
                self._round()
            except RedisDown as error:
                log.warning("Redis is unreachable (%s); waiting for it", error)
                self._start_over()
                stop.wait(PAUSE_AFTER_ERROR_S)
            except Exception:  # the loop's edge: its frames stay pending and are taken over
                log.exception("a batch failed; its frames will be tried again one by one")
                self._start_over()
                stop.wait(PAUSE_AFTER_ERROR_S)

    def _start_over(self) -> None:
        """Forget what was read and not finished: it is still pending on the server."""
        self.waiting: dict[str, list[Waiting[Token]]] = {streams.frames: [] for streams in self.streams}
        self.closer_look.start_over()
        self.groups_ready = False

    def _round(self) -> None:
        if not self.groups_ready:
            self._ensure_groups()
        if time.monotonic() >= self.housekeeping_at:
            self._housekeep()
        ready = self.switch.take() if self.switch is not None else None
        if ready is not None:
            self._use(ready)
        looked = self._finish_closer_looks()
        fresh = sum(self._work(streams) for streams in self.streams)
        late = 0 if fresh else sum(self._work_late(streams) for streams in self.streams)
        if not fresh and not late and not looked:
            self._wait()

    def _ensure_groups(self) -> None:
        for streams in self.streams:
            streams.ensure_group(streams.frames, DETECTORS)
            streams.ensure_group(streams.late, DETECTORS)
        self.groups_ready = True

    def _work(self, streams: FrameStreams) -> bool:
        """Read, choose and score one batch of fresh frames of a shard; returns whether there was any."""
        waiting = [*self.waiting[streams.frames], *self._read_all(streams)]
        if not waiting:
            return False
        waiting = self._fill_up(streams, waiting)
        choice = choose(waiting, now_s(), self.detector.max_batch, self.detector.fresh_s)
        self.waiting[streams.frames] = choice.wait
        if choice.discard:
            streams.discard(DETECTORS, [frame.token[0] for frame in choice.discard])
            for frame in choice.discard:
                self.counts[_count_of("bearwatch_frames_dropped_total", frame.camera, "stale", reason="stale")] += 1
        self._score(streams, [frame.token for frame in choice.take])
        return True

    def _work_late(self, streams: FrameStreams) -> bool:
        entries = streams.read(streams.late, DETECTORS, self.consumer, self.detector.max_batch, None)
        self._score(streams, [token for token in map(self._unpack, entries) if token])
        return bool(entries)

    def _wait(self) -> None:
        """Sleep until a fresh frame comes, on whichever stream."""
        of_frames = [streams.frames for streams in self.streams]
        block_ms = HELD_BLOCK_MS if self.closer_look.held else BLOCK_MS
        entries = read_first(self.client, of_frames, DETECTORS, self.consumer, READ_COUNT, block_ms)
        if entries is None:
            self.groups_ready = False  # the server lost its memory: start over with the same streams
            return
        for stream in of_frames:
            self.waiting[stream] += self._queue([entry for entry in entries if entry.stream == stream])

    def _read_all(self, streams: FrameStreams) -> list[Waiting[Token]]:
        """Everything that waits on the server, so that an overload is seen for what it is."""
        found: list[Waiting[Token]] = []
        while len(found) < DRAIN_AT_MOST:
            entries = streams.read(streams.frames, DETECTORS, self.consumer, READ_COUNT, None)
            found += self._queue(entries)
            if len(entries) < READ_COUNT:
                break
        return found

    def _fill_up(self, streams: FrameStreams, waiting: list[Waiting[Token]]) -> list[Waiting[Token]]:
        """Wait a little for a fuller batch, if the configuration says that this pays (it does on a GPU)."""
        deadline = time.monotonic() + self.detector.max_wait_ms / 1000
        while sum(frame.crops for frame in waiting) < self.detector.max_batch:
            left_ms = int((deadline - time.monotonic()) * 1000)
            if left_ms <= 0:
                break
            entries = streams.read(streams.frames, DETECTORS, self.consumer, READ_COUNT, left_ms)
            waiting = [*waiting, *self._queue(entries)]
        return waiting

    def _queue(self, entries: Sequence[StreamEntry]) -> list[Waiting[Token]]:
        tokens = [token for token in map(self._unpack, entries) if token]
        return [Waiting(frame.camera, frame.captured_at, self._cost(frame), (entry, frame)) for entry, frame in tokens]

    def _cost(self, frame: Frame) -> int:
        return len(crops_for(frame.reason, frame.boxes, frame.width, frame.height, self.engine.bundle.model.crops))

    def _unpack(self, entry: StreamEntry) -> Token | None:
        try:
            self.boxes.door.check_signature(entry)
            frame = Frame.unpack(entry.fields)
            self.boxes.door.check_camera(entry, frame)
            frame.refuse_future(now_s())
            return entry, frame
        except RefusedFrame as refused:
            self._streams_of(entry).discard(DETECTORS, [entry])
            self.boxes.door.refusals.note(refused.box, refused.why)
            return None
        except MalformedMessage as error:
            self._bury(entry, str(error))
            return None

    def _score(self, streams: FrameStreams, tokens: Sequence[Token]) -> None:
        decoded = []
        images = side_by_side(decoded_or_why, [frame.jpeg for _entry, frame in tokens], self.engine.threads)
        for (entry, frame), image in zip(tokens, images, strict=True):
            if isinstance(image, UndecodableFrame):
                # Left pending on purpose: it is taken over, and buried after MAX_TRIES.
                log.warning("camera %s, frame %s: %s", frame.camera, frame.key, image)
                self.counts[_count_of("bearwatch_undecodable_frames_total", frame.camera, "undecodable")] += 1
            else:
                decoded.append((entry, frame, image))
        if not decoded:
            return
        began = time.perf_counter()
        frames = [(image, frame.boxes, frame.reason) for _entry, frame, image in decoded]
        prepared = prepare_frames(self.engine, frames)
        answers = score_prepared(self.engine, prepared, self.detector.threshold)
        self._note(len(decoded), time.perf_counter() - began)
        found = [(entry, frame, result) for (entry, frame, _image), result in zip(decoded, answers, strict=True)]
        busy = bool(self.waiting[streams.frames])
        self._ask_for_sprints([(frame, result) for _entry, frame, result in found], busy)
        ready = [each for each in found if not self.closer_look.hold(streams, *each, busy)]
        streams.publish_scores(DETECTORS, [(entry, self._scores(frame, result)) for entry, frame, result in ready])
        if self.switch is not None:
            self.switch.scored(now_s())
        if self.live_shadow is not None and not self.waiting[streams.frames]:
            seen = [(frame, one) for (_entry, frame, _image), one in zip(decoded, frames, strict=True)]
            self.live_shadow.look(seen, prepared, answers, self.engine.bundle.digest)

    def _ask_for_sprints(self, found: Sequence[tuple[Frame, ScoredFrame]], busy: bool) -> None:
        """More pictures of the cameras that show something suspicious, unless there are too many frames already."""
        for frame, result in found if self.detector.sprint else ():
            if self.sprints.due(frame, result):
                outcome = "overloaded" if busy else "asked"
                if not busy and not ask_reader(self.client, SprintRequest(frame.camera)):
                    outcome = "unheard"
                self.counts[counter("bearwatch_sprints_total", camera_name=frame.camera, reason=outcome)] += 1

    def _finish_closer_looks(self) -> bool:
        """Score what the main streams show, and let the frames that waited for it go on; whether there were any."""
        taken = self.closer_look.take()
        parts = [self.closer_look.parts_of(held, answer) for held, answer in taken]
        if not taken:
            return False
        answers = iter(score_frames(self.engine, [part for each in parts for part in each], self.detector.threshold))
        for (held, _answer), seen in zip(taken, parts, strict=True):
            result = self.closer_look.judged(held, [next(answers) for _part in seen])
            self._ask_for_sprints([(held.frame, result)], busy=bool(self.waiting[held.streams.frames]))
            held.streams.publish_scores(DETECTORS, [(held.entry, self._scores(held.frame, result))])
        return True

    def _scores(self, frame: Frame, result: ScoredFrame) -> FrameScores:
        scores = replace(result.scores(frame, self.engine.name, now_s()), self_test_ok=self.self_test.last.ok)
        self.counts[_count_of("bearwatch_frames_scored_total", frame.camera, "scored")] += 1
        if canary_camera(frame.camera) is None:
            self.counts[counter("bearwatch_frames_unknown_total", camera_name=frame.camera)] += scores.unknown
        self.counts["bearwatch_crops_scored_total"] += len(result.crops)
        return scores

    def _housekeep(self) -> None:
        """Once a second: prove that the network works if that is due, take over abandoned frames, report."""
        self.housekeeping_at = time.monotonic() + TAKE_OVER_EVERY_S
        self.self_test.run_if_due(time.monotonic())
        self._follow_registry()
        self._follow_boxes()
        for streams in self.streams:
            for stream in (streams.frames, streams.late):
                self._claim_abandoned(streams, stream)
        statuses = self.telemetry.cameras().values()
        there = {status.camera for status in statuses if status.main_stream == ""}
        self.closer_look.watch(there if self.detector.use_main_stream else ())
        counts, self.counts = self.counts, Counter()
        looks, self.closer_look.counts = self.closer_look.counts, Counter()
        self.telemetry.count(counts + looks)
        self.telemetry.beat(f"detector:{self.consumer}", now_s(), self._facts())

    def _follow_boxes(self) -> None:
        """Read the streams of boxes that have come, no longer those of boxes that have gone; tell what was refused."""
        if self.boxes.refresh():
            site = [streams for streams in self.streams if streams.box is None]
            self.streams = [*site, *self.boxes.streams]
            self.waiting = {streams.frames: self.waiting.get(streams.frames, []) for streams in self.streams}
            self._ensure_groups()
        self.counts.update(self.boxes.report(now_s()))

    def _streams_of(self, entry: StreamEntry) -> FrameStreams:
        return next(streams for streams in self.streams if entry.stream in (streams.frames, streams.late))

    def _follow_registry(self) -> None:
        """Ask which model is wanted; give way to the one before when this one does not see the known bear any more."""
        if self.switch is None:
            return
        try:
            wanted = read_wanted(self.client)
        except MalformedMessage as error:
            log.error("which model is wanted cannot be read, this one goes on: %s", error)
            return
        if wanted is not None:
            self.switch.follow(wanted)
        self._follow_challenger(self.switch)
        if self.self_test.last.failed >= FAILED_AT_MOST:
            before = self.switch.fall_back(self.self_test.last.why)
            if before is not None:
                self._use(before)

    def _follow_challenger(self, switch: ModelSwitch) -> None:
        """Let the wanted challenger look at frames beside the champion, and hand in what was counted."""
        if self.live_shadow is not None:
            add_counts(self.client, self.live_shadow.take_counts())
        loaded, now = switch.challenger(), self.live_shadow
        if loaded is None:
            self.live_shadow = None
        elif now is None or (now.digest, now.every) != (loaded.digest, switch.challenger_every):
            self.live_shadow = LiveShadow(loaded, self.detector.threshold, switch.challenger_every)

    def _use(self, loaded: LoadedModel) -> None:
        """Score with another model from here on."""
        self.engine, self.self_test = loaded.engine, loaded.self_test
        self.photos.change_model(loaded.engine.bundle)

    def _claim_abandoned(self, streams: FrameStreams, stream: str) -> None:
        mine = {frame.token[0].id for frame in self.waiting[streams.frames]} | self.closer_look.held
        abandoned = streams.claim(stream, DETECTORS, self.consumer, CLAIM_AFTER_MS, CLAIM_COUNT)
        for entry, deliveries in abandoned:
            if entry.id in mine:
                continue
            if deliveries > MAX_TRIES:
                self._bury(entry, f"not processed in {MAX_TRIES} tries")
                continue
            token = self._unpack(entry)
            if token:
                self._score(streams, [token])

    def _bury(self, entry: StreamEntry, why: str) -> None:
        log.error("%s %s moved to the dead-letter stream: %s", entry.stream, entry.id, why)
        self._streams_of(entry).dead_letter(DETECTORS, entry, why)
        self.counts[counter("bearwatch_dead_letters_total", stream="frames")] += 1

    def _note(self, frames: int, seconds: float) -> None:
        self.recent.append((time.monotonic(), frames, seconds))

    def _facts(self) -> dict[str, object]:
        since = time.monotonic() - 10
        recent = [(frames, seconds) for at, frames, seconds in self.recent if at >= since]
        frames = sum(count for count, _seconds in recent)
        return {
            "model": self.engine.name,
            "model_change": self.switch.facts() if self.switch is not None else None,
            "challenger_left_out": self.live_shadow.why if self.live_shadow is not None else "",
            "device": self.engine.device,
            "shards": self.shards,
            "boxes": len(self.boxes.streams),
            "self_test": self.self_test.last.facts(),
            "frames_per_s": round(frames / 10, 2),
            "mean_batch": round(frames / len(recent), 2) if recent else 0.0,
            "busy": round(sum(seconds for _frames, seconds in recent) / 10, 3),
        }


def _count_of(name: str, camera: str, outcome: str, **labels: str) -> str:
    """The counter of a camera's frames; those of test clips count apart: what carries them is no camera."""
    on_its_path = canary_camera(camera)
    if on_its_path is not None:
        return counter("bearwatch_test_clip_frames_total", camera_name=on_its_path, outcome=outcome)
    return counter(name, camera_name=camera, **labels)
