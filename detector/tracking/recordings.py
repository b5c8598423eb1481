"""Keeps what a camera's main stream shows of each alert: the deciding moment at full size, and a clip with the seconds
before it, as it came from the camera.

The reader of the camera keeps its main stream for some seconds only. So this works beside the tracker's loop, on a
thread and a connection of its own, and finds out from the database what is missing: an encounter that was written a
moment before a crash gets its clip from whoever comes next. The alert never waits for it.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from threading import Event
from typing import Final

import redis
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from core.clock import now_s
from core.config import Config
from core.media import MediaFull, MediaKind, MediaStore
from core.messages import WHOLE_FRAME, MalformedMessage
from core.pictures.reader_requests import (
    ClipRequest,
    PictureRequest,
    ReaderAnswer,
    ask_reader,
    new_id,
    wait_for_answer,
)
from core.telemetry import Telemetry, counter
from db.models import Alert, Encounter, Recording
from db.session import Database

log = logging.getLogger(__name__)

RECORDED: Final = "bearwatch_recordings_total"
BEFORE_S: Final = 5.0
"""A clip begins so long before the first agreeing frame, and a little earlier: at a key frame."""
AFTER_S: Final = 4.0
"""And ends so long after the frame that decided."""
LOOK_EVERY_S: Final = 0.5
ANSWER_WITHIN_S: Final = 5.0
GIVE_UP_S: Final = 25.0
"""After the deciding frame: the reader has forgotten by then, and the reason is written down."""
AT_ONCE: Final = 8


class Recordings:
    """The loop for the cameras of one configuration that have a ``record_url``; with none there is nothing to do."""

    def __init__(
        self,
        config: Config,
        database: Database,
        client: redis.Redis,
        media: MediaStore,
        clock: Callable[[], float] = now_s,
    ) -> None:
        self._cameras = [name for name, camera in config.enabled_cameras().items() if camera.record_url]
        self._database = database
        self._client = client
        self._media = media
        self._clock = clock

    def run(self, stop: Event) -> None:
        """Work until ``stop`` is set."""
        while self._cameras and not stop.wait(LOOK_EVERY_S):
            try:
                self.keep_missing()
            except (redis.RedisError, SQLAlchemyError, OSError) as error:
                log.warning("what the main streams show was not kept, it is tried again: %s", error)
            except Exception:
                log.exception("what the main streams show was not kept")  # the loop's edge: alerts go on without

    def keep_missing(self) -> int:
        """Ask for what newly raised alerts lack, once their clip is over; returns how many were settled."""
        now = self._clock()
        query = (
            select(Encounter.id, Encounter.camera_id, Encounter.first_at, Encounter.decided_at)
            .join(Alert, Alert.encounter_id == Encounter.id)
            .outerjoin(Recording, Recording.encounter_id == Encounter.id)
            .where(
                Encounter.camera_id.in_(self._cameras),
                Encounter.late.is_(False),
                Encounter.decided_at > now - 2 * GIVE_UP_S,
                Encounter.decided_at <= now - AFTER_S,
                Recording.id.is_(None),
            )
            .order_by(Encounter.decided_at)
            .limit(AT_ONCE)
        )
        with self._database.read() as session:
            missing = [(row.id, row.camera_id, row.first_at, row.decided_at) for row in session.execute(query)]
        return sum(self._keep(*each) for each in missing)

    def _keep(self, encounter_id: int, camera: str, first_at: float, decided_at: float) -> bool:
        """Keep what the reader has of one encounter; false while it may still answer."""
        reply_to, until = f"recording:{new_id()}", self._clock() + ANSWER_WITHIN_S
        still = self._ask(PictureRequest(new_id(), camera, decided_at, (WHOLE_FRAME,), reply_to, until))
        since = max(first_at - BEFORE_S, decided_at - GIVE_UP_S)
        clip = self._ask(ClipRequest(new_id(), camera, since, decided_at + AFTER_S, reply_to, until))
        better_later = any(each is None or each.again for each in (still, clip))
        if better_later and self._clock() < decided_at + GIVE_UP_S:
            return False
        recording = Recording(
            encounter_id=encounter_id,
            created_at=self._clock(),
            still=self._put(camera, still, "jpg"),
            still_at=still.taken_at if still and still.parts else None,
            clip=self._put(camera, clip, "mp4"),
            clip_at=clip.taken_at if clip and clip.parts else None,
            clip_s=clip.seconds if clip and clip.parts else None,
            why="",
        )
        recording.why = self._missing(still, clip, recording)
        with self._database.write() as session:
            session.add(recording)
        outcome = "kept" if not recording.why else "partly" if recording.still or recording.clip else "missing"
        Telemetry(self._client).count({counter(RECORDED, camera_name=camera, reason=outcome): 1})
        return True

    def _ask(self, request: PictureRequest | ClipRequest) -> ReaderAnswer | None:
        """The reader's answer; None when it gives none in time. Late answers to earlier questions are passed over."""
        if not ask_reader(self._client, request):
            return None
        deadline = time.monotonic() + ANSWER_WITHIN_S
        while (left_s := deadline - time.monotonic()) > 0:
            try:
                answer = wait_for_answer(self._client, request.reply_to, max(0.1, min(1.0, left_s)))
            except MalformedMessage as error:
                log.warning("camera %s: %s", request.camera, error)
                return None
            if answer is not None and answer.id == request.id:
                return answer
        return None

    def _put(self, camera: str, answer: ReaderAnswer | None, kind: MediaKind) -> str | None:
        if answer is None or len(answer.parts) != 1:
            return None
        try:
            return self._media.put(camera, answer.taken_at, answer.parts[0], kind)
        except MediaFull as error:
            log.error("camera %s: what its main stream showed was not kept: %s", camera, error)
            return None

    @staticmethod
    def _missing(still: ReaderAnswer | None, clip: ReaderAnswer | None, kept: Recording) -> str:
        if kept.still and kept.clip:
            return ""
        said = next((each.why for each in (still, clip) if each is not None and each.why), "")
        if said:
            return said
        return "nobody who reads this camera answered" if still is None or clip is None else "the disk is full"
