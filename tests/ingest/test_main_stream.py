"""The main stream of a camera: kept as it comes, looked into on demand, and never in the way of the watch.

The staged main stream is the staged camera's own scene at 960x540 with a bear that crosses it; the stream that is
analysed is a smaller one of the same scene.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass, replace

import av
import cv2
import numpy as np
import pytest
import redis
from av.container import InputContainer

from bearwatch.embedded import EmbeddedRedis
from core.clock import now_s
from core.config import HardwareDecoding
from core.messages import WHOLE_FRAME, CameraStatus
from core.pictures.reader_requests import (
    ClipRequest,
    PictureRequest,
    ReaderAnswer,
    SprintRequest,
    ask_reader,
    new_id,
    wait_for_answer,
)
from core.redis_client import connect
from core.telemetry import Telemetry, counter
from ingest.request_answers import ANSWERS, SPRINTS
from ingest.sources.hardware import decoding_for, why_not
from simulation.cameras.builtin import walk
from simulation.cameras.fault_injection import CameraFault
from simulation.cameras.scene import Scene
from simulation.cameras.staged_server import StagedCameras
from tests.support.ingest_run import config_of, fresh, running, status
from tests.support.waiting import WITHIN_S, wait_for

FPS = 10
SUB = Scene(
    "creek", 320, 180, FPS, loop_s=40, visits=tuple(walk("bear", 0.5 + 4 * turn, 3.0, 0.8) for turn in range(10))
)
MAIN = replace(SUB, name="creek-main", width=960, height=540)


@dataclass
class Watched:
    """A running ingest with its camera, and a client of its Redis."""

    cameras: StagedCameras
    client: redis.Redis

    def status(self) -> CameraStatus:
        """What is reported of the camera."""
        found = status(self.client, "creek")
        assert found is not None
        return found

    def goes_on(self) -> bool:
        """Whether another frame of the analysed stream comes."""
        newest = max((frame.captured_at for frame in fresh(self.client)), default=0.0)
        wait_for(lambda: any(frame.captured_at > newest for frame in fresh(self.client)))
        return True

    def counted(self, name: str, reason: str) -> int:
        """One of its counters."""
        return Telemetry(self.client).counters().get(counter(name, camera_name="creek", reason=reason), 0)

    def picture(self, at: float, **fields: object) -> ReaderAnswer | None:
        """Ask for the whole picture and its upper left quarter."""
        asked = PictureRequest(
            new_id(), "creek", at, (WHOLE_FRAME, (0.0, 0.0, 0.5, 0.5)), f"answers:{new_id()}", now_s() + WITHIN_S
        )
        assert ask_reader(self.client, replace(asked, **fields))  # type: ignore[arg-type] # a test's shorthand
        return wait_for_answer(self.client, asked.reply_to, WITHIN_S)

    def clip(self, since: float, until: float) -> ReaderAnswer:
        """Ask for a clip."""
        asked = ClipRequest(new_id(), "creek", since, until, f"answers:{new_id()}", now_s() + WITHIN_S)
        assert ask_reader(self.client, asked)
        answer = wait_for_answer(self.client, asked.reply_to, WITHIN_S)
        assert answer is not None
        return answer


@pytest.fixture(scope="module")
def watched(redis_server: EmbeddedRedis) -> Iterator[Watched]:
    """One camera with both streams, read for a while."""
    client = connect(redis_server.url)
    client.flushall()
    with StagedCameras([SUB, MAIN]) as cameras:
        camera = {"url": cameras.url("creek"), "record_url": cameras.url("creek-main"), "hwaccel": "auto"}
        with running(config_of({"creek": camera}), redis_server.url):
            there = Watched(cameras, client)
            wait_for(lambda: (found := status(client, "creek")) is not None and found.main_stream == "")
            yield there
    client.close()


def test_the_main_stream_shows_the_moment_of_a_frame_at_full_size(watched: Watched) -> None:
    wait_for(lambda: (now := fresh(watched.client)) and now[-1].captured_at > now_s() - 2)
    frame = fresh(watched.client)[-1]
    answer = watched.picture(frame.captured_at)
    assert answer is not None
    assert not answer.why
    assert (answer.width, answer.height) == (960, 540)
    assert abs(answer.taken_at - frame.captured_at) <= 2 / FPS + 0.1
    whole, quarter = (cv2.imdecode(np.frombuffer(part, np.uint8), cv2.IMREAD_COLOR) for part in answer.parts)
    assert whole is not None
    assert quarter is not None
    assert whole.shape == (540, 960, 3)
    assert np.abs(whole[:270, :480].astype(int) - quarter).mean() < 3


def test_a_clip_plays_from_before_the_moment_and_was_not_encoded_again(watched: Watched) -> None:
    began = now_s()
    wait_for(lambda: now_s() - began > 2.5)
    answer = watched.clip(began, began + 2.0)
    assert not answer.why
    assert answer.taken_at <= began  # from the key frame before
    assert answer.taken_at + answer.seconds == pytest.approx(began + 2.0, abs=0.25)
    with av.open(io.BytesIO(answer.parts[0])) as file:
        assert isinstance(file, InputContainer)
        track = file.streams.video[0]
        assert (track.codec_context.name, track.codec_context.width) == ("h264", 960)
        assert len(list(file.decode(track))) >= 2.0 * FPS - 2
    assert answer.parts[0].find(b"moov") < answer.parts[0].find(b"mdat")  # a phone begins to play at once


def test_a_question_that_nobody_waits_for_any_more_is_counted_and_not_answered(watched: Watched) -> None:
    before = watched.counted(ANSWERS, "late")
    asked = PictureRequest(new_id(), "creek", now_s(), (WHOLE_FRAME,), "answers:nobody", now_s() - 1)
    assert ask_reader(watched.client, asked)
    wait_for(lambda: watched.counted(ANSWERS, "late") == before + 1)
    assert not watched.client.exists("answers:nobody")


def test_more_questions_than_a_reader_can_answer_are_turned_away_at_once(watched: Watched) -> None:
    reply = f"answers:{new_id()}"
    for _number in range(40):
        ask_reader(
            watched.client, PictureRequest(new_id(), "creek", now_s(), (WHOLE_FRAME,), reply, now_s() + WITHIN_S)
        )
    answers = [wait_for_answer(watched.client, reply, WITHIN_S) for _number in range(40)]
    turned_away = [answer for answer in answers if answer is not None and answer.why]
    assert turned_away
    assert "more to answer" in turned_away[0].why
    assert len(turned_away) < 40


def test_a_sprint_brings_more_pictures_for_a_moment_and_not_again_at_once(watched: Watched) -> None:
    beat = watched.status().analysed_fps
    assert beat == pytest.approx(5.0, rel=0.3)
    for _twice in range(2):
        assert ask_reader(watched.client, SprintRequest("creek"))
    wait_for(lambda: watched.counted(SPRINTS, "started") and watched.counted(SPRINTS, "too_soon"))
    wait_for(lambda: watched.status().analysed_fps > beat + 0.5)
    wait_for(lambda: watched.status().analysed_fps == pytest.approx(beat, rel=0.15))  # and then its beat again
    assert watched.counted(SPRINTS, "started") == 1


def test_what_makes_no_sense_is_passed_over(watched: Watched) -> None:
    for raw in (b"", b"{}", b'{"ask": "clip", "camera": "creek"}', b'{"ask": "sprint", "camera": "../etc"}', b"\xff"):
        watched.client.publish("readers", raw)
    assert watched.picture(now_s()) is not None


def test_a_main_stream_that_is_away_is_said_and_the_watch_goes_on(watched: Watched) -> None:
    watched.cameras.fault("creek-main", CameraFault.REFUSE)
    wait_for(lambda: watched.status().main_stream)
    wait_for(lambda: (answer := watched.picture(now_s())) and answer.why.startswith("its main stream is away: "))
    assert watched.goes_on()
    watched.cameras.fault("creek-main", CameraFault.NONE)
    wait_for(lambda: watched.status().main_stream == "")


def test_a_chip_that_is_not_there_costs_no_picture_and_is_said(watched: Watched) -> None:
    assert watched.goes_on()
    sees = watched.status()
    there = any(why_not(kind) is None for kind in ("cuda", "vaapi"))
    assert ("decoded by the processor" in sees.notice) is not there


@pytest.mark.parametrize("wanted", ["cuda", "vaapi", "auto", "none"])
def test_every_wish_for_a_chip_ends_with_something_that_decodes(wanted: HardwareDecoding) -> None:
    found = decoding_for(wanted)
    assert (found.accelerator() is None) is (found.device is None)
    assert bool(found.notice) is (found.device is None and wanted != "none")
    if found.notice:
        assert f"`hwaccel: {wanted}`" in found.notice
