"""Hears what is asked of the cameras that are read here, and answers (:mod:`core.pictures.reader_requests`).

A sprint is begun at once. Whoever looks at a camera gets its newest pictures for a few seconds. Pictures and clips of
the main stream are made one after another on a thread of their own, and only a few wait for each camera: whoever asks
for more is told so at once.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable
from queue import Empty, Queue, SimpleQueue
from threading import Event, Lock
from typing import Any, Final, cast

import redis

from core.clock import now_s
from core.message_fields import MalformedMessage
from core.pictures.live_pictures import LivePicture, put_live_picture
from core.pictures.reader_requests import (
    CHANNEL,
    ClipRequest,
    LiveRequest,
    PictureRequest,
    ReaderAnswer,
    SprintRequest,
    answer_request,
    unpack_request,
)
from ingest.main_stream.kept_pictures import NoPicture, clip_of, cut_jpegs, picture_of
from ingest.main_stream.main_stream import MainStream
from ingest.tally import FrameCounters
from ingest.watch import CameraWatch

log = logging.getLogger(__name__)

ANSWERS: Final = "bearwatch_main_stream_answers_total"
SPRINTS: Final = "bearwatch_sprints_total"
MOST_WAITING: Final = 3
"""Questions about one camera's main stream that wait at the same time."""
MOST_LIVE: Final = 32
"""Pictures for people who look that wait to be sent; more are let go."""
AWAY_S: Final = 1.0
"""Of a main stream that is away, a picture so long before the moment that is asked for shows another one."""
LONGEST_WHY: Final = 200
LISTEN_S: Final = 0.5
RETRY_S: Final = 1.0


class ReaderRequests:
    """Three loops: :meth:`listen`, :meth:`answer` and :meth:`show`, each on a thread of its own until ``stop`` is set.

    ``watch_of`` gives the watch of a camera that is read here; ``crowded`` says whether frames wait to be sent.
    """

    def __init__(
        self,
        client: redis.Redis,
        watch_of: Callable[[str], CameraWatch | None],
        crowded: Callable[[], bool],
        counters: FrameCounters,
        stop: Event,
    ) -> None:
        self._client = client
        self._watch_of = watch_of
        self._crowded = crowded
        self._counters = counters
        self._stop = stop
        self._lock = Lock()
        self._waiting: Counter[str] = Counter()
        self._questions: SimpleQueue[PictureRequest | ClipRequest] = SimpleQueue()
        self._live: Queue[LivePicture] = Queue(MOST_LIVE)

    def listen(self) -> None:
        """Hear questions; while Redis is away none are asked."""
        while not self._stop.is_set():
            try:
                with cast(Any, self._client).pubsub(ignore_subscribe_messages=True) as channel:
                    channel.subscribe(CHANNEL)
                    while not self._stop.is_set():
                        message = channel.get_message(timeout=LISTEN_S)
                        if message is not None:
                            self._hear(message["data"])
            except redis.RedisError:
                self._stop.wait(RETRY_S)  # whoever sends frames says that Redis is away

    def answer(self) -> None:
        """Answer one question after another."""
        while not self._stop.is_set():
            try:
                question = self._questions.get(timeout=LISTEN_S)
            except Empty:
                continue
            with self._lock:
                self._waiting[question.camera] -= 1
            try:
                self._answer(question)
            except redis.RedisError as error:
                log.warning("camera %s: an answer did not reach Redis (%s)", question.camera, error)
            except Exception:
                log.exception("camera %s: its main stream was asked for and cannot be shown", question.camera)

    def show(self) -> None:
        """Put the newest pictures of cameras at which people look where they find them."""
        while not self._stop.is_set():
            try:
                put_live_picture(self._client, self._live.get(timeout=LISTEN_S))
            except Empty:
                continue
            except redis.RedisError:
                self._stop.wait(RETRY_S)  # the pictures of that moment are not shown; the next ones are

    def _hear(self, raw: bytes) -> None:
        try:
            request = unpack_request(raw)
        except MalformedMessage as error:
            log.warning("a question to the readers makes no sense: %s", error)
            return
        watch = self._watch_of(request.camera)
        if watch is None:
            return  # another process reads that camera
        if isinstance(request, SprintRequest):
            self._sprint(watch)
        elif isinstance(request, LiveRequest):
            watch.live.ask(time.monotonic(), self._live)
        elif not self._take_in(request):
            self._reply(request, "busy", "its reader has more to answer than it can")

    def _sprint(self, watch: CameraWatch) -> None:
        outcome = "overloaded"
        if not self._crowded():
            outcome = "started" if watch.sprint(time.monotonic()) else "too_soon"
        self._counters.event(SPRINTS, watch.name, outcome)

    def _take_in(self, request: PictureRequest | ClipRequest) -> bool:
        with self._lock:
            if self._waiting[request.camera] >= MOST_WAITING:
                return False
            self._waiting[request.camera] += 1
        self._questions.put(request)
        return True

    def _answer(self, request: PictureRequest | ClipRequest) -> None:
        watch = self._watch_of(request.camera)
        main = watch.main_stream if watch is not None else None
        if now_s() > request.good_until:
            self._counters.event(ANSWERS, request.camera, "late")
            return
        if main is None:
            self._reply(request, "none", "the camera has no main stream here")
            return
        try:
            answer = _made(request, main)
        except NoPicture as error:
            outcome = "away" if main.why_away else "nothing"
            self._reply(request, outcome, str(error)[:LONGEST_WHY])
            return
        answer_request(self._client, request.reply_to, answer)
        self._counters.event(ANSWERS, request.camera, "clip" if isinstance(request, ClipRequest) else "picture")

    def _reply(self, request: PictureRequest | ClipRequest, outcome: str, why: str) -> None:
        self._counters.event(ANSWERS, request.camera, outcome)
        answer = ReaderAnswer(request.id, why, again=outcome == "busy")
        answer_request(self._client, request.reply_to, answer)


def _made(request: PictureRequest | ClipRequest, main: MainStream) -> ReaderAnswer:
    """What there is to answer. What was kept before the main stream went away is shown all the same.

    Raises :class:`ingest.main_stream.kept_pictures.NoPicture`.
    """
    if isinstance(request, ClipRequest):
        clip, began_at, seconds = clip_of(main.ring.between(request.since, request.until))
        return ReaderAnswer(request.id, "", began_at, seconds, parts=(clip,))
    packets = main.ring.up_to(request.at)
    if main.why_away and (not packets or request.at - packets[-1].arrived_at > AWAY_S):
        raise NoPicture(f"its main stream is away: {main.why_away}")
    picture, taken_at = picture_of(packets)
    height, width = picture.shape[:2]
    return ReaderAnswer(request.id, "", taken_at, 0.0, width, height, tuple(cut_jpegs(picture, request.boxes)))
