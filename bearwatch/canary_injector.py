"""Test clips: every so often a known bear walks through every camera's path, and somebody had better see it.

The bear is a set of pictures (:mod:`bearwatch.sprites`), laid over the camera's last picture, so that it meets the
light and the weather that the model meets. Its frames ride the real stream to the real detector and the tracker's real
rule, under a camera name that nothing but the tracker's canary knows: they raise no alert, reach nobody and are no
evidence.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
import redis
from sqlalchemy import delete, select, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from bearwatch.sprites import ASPECT, Light, Picture, bear, meadow, pad_px
from core.clock import now_s
from core.config import Config
from core.lease import Lease
from core.media import MediaStore
from core.messages import CANARY, Box, Frame, Reason, content_digest
from core.redis_client import RedisDown
from core.streams import FrameStreams
from db.models import AuthorityLease, CameraHour, CanaryRun, Mode
from db.session import Database
from detector.jpeg import UndecodableFrame, decode_jpeg
from detector.models.infrared import is_infrared
from detector.self_test import NOT_TESTED
from rollout.authority.authority import effective_mode
from rollout.breakers import collect_telemetry
from rollout.breakers.gate_metrics import CLIP_CHECK_EVERY_S, CLIP_EVERY_S, JUDGED_AFTER_S

log = logging.getLogger(__name__)

FRESH_S: Final = 30.0
"""A detector or tracker that has not reported for so long is not there."""
AT_ONCE: Final = 8
"""Cameras planted together: some four hundred in a quarter of an hour. With more live ones each waits longer."""
FRAMES: Final = 12
FPS: Final = 5.0
FRESH_BACKGROUND_S: Final = 2 * 3600.0
HEIGHT: Final = 0.36
"""The bear's share of the picture's height: near, so that a model that misses it is broken and not unlucky."""
ROW: Final = 0.82
"""Where its feet are, 0-1 from the top."""
FROM_X, TO_X = 0.30, 0.70
JPEG_QUALITY: Final = 85


@dataclass(frozen=True, slots=True)
class Clip:
    """The frames of one test clip, each with the box in which the bear is (0-1)."""

    camera: str
    pictures: tuple[Picture, ...]
    boxes: tuple[Box, ...]
    background: str


def draw(camera: str, behind: Picture | None, width: int, height: int) -> Clip:
    """Draw the clip over ``behind``, or over a painted place of ``width`` by ``height`` where there is no picture."""
    painted = behind is None
    ground = meadow(width, height) if behind is None else behind
    light: Light = "infrared" if is_infrared(ground) else "day"
    drawn = [_with_bear(ground, light, step) for step in range(FRAMES)]
    return Clip(camera, tuple(p for p, _box in drawn), tuple(b for _p, b in drawn), "painted" if painted else "camera")


def frame_of(clip: Clip, step: int, at: float) -> Frame:
    """One frame of a clip as a reader would send it, under the planted camera's name."""
    picture = clip.pictures[step]
    encoded, buffer = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    if not encoded:
        raise ValueError(f"a picture of {picture.shape} cannot be encoded as JPEG")
    jpeg = buffer.tobytes()
    rows, columns = picture.shape[:2]
    return Frame(
        camera=CANARY + clip.camera,
        captured_at=at,
        sequence=step,
        digest=content_digest(jpeg),
        boxes=(clip.boxes[step],),
        reason=Reason.MOTION,
        width=columns,
        height=rows,
        jpeg=jpeg,
    )


def due_cameras(
    session: Session, config: Config, now: float, live_every_s: float = CLIP_EVERY_S, limit: int = AT_ONCE
) -> list[str]:
    """Cameras on whose path a clip is due.

    1. First those whose last clip was missed and the one before was not: whether that was chance is known in a minute.
    2. Then those on whose path nothing was planted for ``live_every_s`` (where authority holds) or an hour, the longest
       first.
    """
    runs: dict[str, list[tuple[float, bool | None]]] = {}
    rows = session.execute(
        select(CanaryRun.camera_id, CanaryRun.planted_at, CanaryRun.seen)
        .where(CanaryRun.planted_at > now - CLIP_EVERY_S)
        .order_by(CanaryRun.planted_at)
    ).all()
    for camera, at, seen in rows:
        runs.setdefault(camera, []).append((at, seen))
    live = {
        lease.campsite_id
        for lease in session.scalars(select(AuthorityLease))
        if effective_mode(lease, now) is not Mode.SHADOW
    }
    cameras = config.enabled_cameras()
    doubtful = [name for name in sorted(cameras) if _doubtful(runs.get(name, []))]
    last = {name: runs[name][-1][0] if name in runs else now - CLIP_EVERY_S for name in cameras}
    every = {name: live_every_s if camera.campsite in live else CLIP_EVERY_S for name, camera in cameras.items()}
    due = sorted((at, name) for name, at in last.items() if now - at >= every[name] and name not in doubtful)
    return [*doubtful, *(name for _at, name in due)][:limit]


def _doubtful(runs: Sequence[tuple[float, bool | None]]) -> bool:
    missed = [seen is False for _at, seen in runs]
    return missed[-1:] == [True] and missed[-2:-1] != [True]


def judge(session: Session, now: float) -> int:
    """Write down as missed what nobody has seen in time; returns how many clips that are."""
    done = session.execute(
        update(CanaryRun)
        .where(CanaryRun.seen.is_(None), CanaryRun.planted_at < now - JUDGED_AFTER_S)
        .values(seen=False)
    )
    return int(done.rowcount)  # type: ignore[attr-defined]  # an UPDATE's result counts rows


def interrupted(session: Session, now: float) -> int:
    """Forget the clips that an earlier process sent and did not see the end of; returns how many.

    Whether their path worked nobody can say: the whole site may have been restarted under them.
    """
    done = session.execute(delete(CanaryRun).where(CanaryRun.seen.is_(None), CanaryRun.planted_at < now))
    count = int(done.rowcount)  # type: ignore[attr-defined]  # a DELETE's result counts rows
    if count:
        log.warning("%d test clips were under way when this began, and are not counted", count)
    return count


class CanaryInjector:
    """Plants clips for as long as the process lives. Among several processes one works (a lease)."""

    def __init__(
        self,
        config: Config,
        database: Database,
        client: redis.Redis,
        media: MediaStore,
        fps: float = FPS,
        live_every_s: Callable[[], float] = lambda: CLIP_EVERY_S,
    ) -> None:
        self._config = config
        self._live_every_s = live_every_s
        self._fps = fps
        self._database = database
        self._media = media
        self._streams = {shard: FrameStreams(client, shard) for shard in config.shards()}
        self._client = client
        self._began = False
        self._proven: set[str] = set()
        """Detectors that live and have proved themselves since they began."""
        self._lease = Lease(client, "canary", 4 * CLIP_CHECK_EVERY_S)

    def proven_shards(self, now: float) -> set[int]:
        """The shards whose path may be tried: a detector works there that has proved itself, and a tracker.

        A clip that is sent while they are still starting would be missed by nobody's fault. One that has proved itself
        once is tried for as long as it lives, also when it fails later. That nobody starts is noticed elsewhere, and a
        path on which no clip was sent is no path that was seen to work.
        """
        beats = collect_telemetry(self._client, self._config, now).heartbeats
        fresh = {name: facts for name, facts in beats.items() if now - float(facts.get("at", 0.0)) <= FRESH_S}
        here = {name: facts for name, facts in fresh.items() if name.startswith("detector:")}
        tests = {name: facts.get("self_test") or {} for name, facts in here.items()}
        began = {name for name, test in tests.items() if test.get("why") == NOT_TESTED.why}
        self._proven = {name for name, test in tests.items() if test.get("ok") or name in self._proven - began}
        return {
            shard
            for shard in self._streams
            if f"tracker:{shard}" in fresh and any(shard in here[name].get("shards", (shard,)) for name in self._proven)
        }

    def run(self, stop: threading.Event) -> None:
        """Work until ``stop`` is set. Without the servers it waits; that nothing is planted is noticed elsewhere."""
        while not stop.wait(CLIP_CHECK_EVERY_S):
            try:
                if self._lease.hold():
                    self.round(stop)
            except (*RedisDown, redis.RedisError, SQLAlchemyError, OSError) as error:
                log.warning("no test clips can be sent now: %s", error)

    def round(self, stop: threading.Event) -> list[str]:
        """Judge what is over and plant what is due; returns the cameras."""
        now, every_s = now_s(), self._live_every_s()
        proven = self.proven_shards(now)
        with self._database.write() as session:
            if not self._began:
                interrupted(session, now)
                self._began = True
            judge(session, now)
            due = due_cameras(session, self._config, now, every_s, limit=len(self._config.cameras))
            cameras = [name for name in due if self._config.shard_of(name) in proven][:AT_ONCE]
            backgrounds = {name: self._background(session, name, now) for name in cameras}
        clips = [
            draw(name, backgrounds[name], self._config.cameras[name].width, self._config.cameras[name].height)
            for name in cameras
        ]
        if clips:
            self.inject(clips, stop)
        return cameras

    def inject(self, clips: Sequence[Clip], stop: threading.Event) -> None:
        """Send the clips' frames in their own time, all cameras together. The rows are there before the frames."""
        began = now_s()
        with self._database.write() as session:
            for clip in clips:
                session.add(
                    CanaryRun(
                        camera_id=clip.camera, planted_at=began, frames=FRAMES, background=clip.background, seen=None,
                        seen_at=None, latency_s=None, peak_score=0.0, model=None,
                    )
                )  # fmt: skip
        steady = time.monotonic()
        for step in range(FRAMES):
            if stop.wait(max(0.0, steady + step / self._fps - time.monotonic())):
                return
            for clip in clips:
                streams = self._streams[self._config.shard_of(clip.camera)]
                streams.send_frames([frame_of(clip, step, now_s())])

    def _background(self, session: Session, camera: str, now: float) -> Picture | None:
        """The camera's last picture that was kept for the audits, if it is fresh."""
        row = session.scalar(
            select(CameraHour)
            .where(CameraHour.camera_id == camera, CameraHour.hour_at > now - FRESH_BACKGROUND_S)
            .order_by(CameraHour.hour_at.desc())
            .limit(1)
        )
        jpeg = self._media.get(row.thumbnails[-1]) if row is not None and row.thumbnails else None
        if jpeg is None:
            return None
        try:
            return decode_jpeg(jpeg)
        except UndecodableFrame as error:
            log.warning("camera %s: the clip is drawn over a painted place, its kept picture is %s", camera, error)
            return None


def _with_bear(ground: Picture, light: Light, step: int) -> tuple[Picture, Box]:
    """The picture with the bear at a moment of its walk, and the bear's box (0-1)."""
    rows, columns = ground.shape[:2]
    tall_px = max(16, round(HEIGHT * rows))
    wide = ASPECT * tall_px / columns
    centre = FROM_X + (TO_X - FROM_X) * step / (FRAMES - 1)
    left, top = round((centre - wide / 2) * columns), round(ROW * rows) - tall_px
    box = (max(0.0, centre - wide / 2), top / rows, min(1.0, centre + wide / 2), ROW)
    sprite, pad = bear(light, step, tall_px), pad_px(tall_px)
    row, column = max(0, top - pad), max(0, left - pad)
    # It stays inside: what would reach over an edge is cut off.
    sprite = sprite[row - (top - pad) : rows - (top - pad), column - (left - pad) : columns - (left - pad)]
    picture = ground.copy()
    under = picture[row : row + sprite.shape[0], column : column + sprite.shape[1]]
    under[:] = np.clip(under * (1 - sprite[..., 3:]) + sprite[..., :3] + 0.5, 0, 255).astype(np.uint8)
    return picture, box
