"""What a camera shows now, for people who look: only while they do, and whatever moves."""

from __future__ import annotations

from queue import Queue

import cv2
import numpy as np
import pytest

from bearwatch.embedded import EmbeddedRedis
from core.clock import now_s
from core.message_fields import MalformedMessage
from core.pictures.live_pictures import ASKED_FOR_S, LivePicture, newest_live_pictures, put_live_picture
from core.pictures.reader_requests import LiveRequest, ask_reader
from core.redis_client import connect
from ingest.live_view import EVERY_S, LiveView
from ingest.scene.picture import ImagePicture
from simulation.cameras.scene import Scene
from simulation.cameras.staged_server import StagedCameras
from tests.support.ingest_run import config_of, running
from tests.support.waiting import wait_for

STILL_MEADOW = Scene("creek", 320, 180, 10, loop_s=40, visits=())


def test_whoever_looks_sees_new_pictures_of_a_meadow_on_which_nothing_moves(redis_server: EmbeddedRedis) -> None:
    client = connect(redis_server.url)
    client.flushall()
    with (
        StagedCameras([STILL_MEADOW]) as cameras,
        running(config_of({"creek": {"url": cameras.url("creek")}}), redis_server.url),
    ):
        wait_for(lambda: ask_reader(client, LiveRequest("creek")))
        seen: dict[float, bytes] = {}

        def five() -> bool:
            ask_reader(client, LiveRequest("creek"))
            seen.update({each.taken_at: each.jpeg for each in newest_live_pictures(client, ["creek"]).values()})
            return len(seen) >= 5

        wait_for(five)
        assert all(abs(at - now_s()) < 60 for at in seen)
        shown = cv2.imdecode(np.frombuffer(next(iter(seen.values())), np.uint8), cv2.IMREAD_COLOR)
        assert shown is not None
        assert shown.shape == (180, 320, 3)
        nobody_since = now_s()
        wait_for(lambda: now_s() - nobody_since > ASKED_FOR_S + 1)
        assert all(
            each.taken_at < nobody_since + ASKED_FOR_S + 1 for each in newest_live_pictures(client, ["creek"]).values()
        )
        assert newest_live_pictures(client, ["trail"]) == {}
    client.close()


def test_while_nobody_looks_no_picture_is_made() -> None:
    view, shows = LiveView("creek"), Queue[LivePicture](2)
    picture = ImagePicture(np.zeros((36, 64, 3), np.uint8), 640, 360)
    view.saw(picture, 100.0, 1.0)
    view.ask(1.0, shows)
    for number in range(4):
        view.saw(picture, 100.0 + number, 1.1 + number * 0.2)
    view.saw(picture, 100.9, 1.1 + 3 * 0.2 + EVERY_S / 2)
    assert [shows.get_nowait().taken_at for _ in range(2)] == [100.0, 101.0], "what does not fit is let go"
    view.saw(picture, 200.0, 1.0 + ASKED_FOR_S + 0.1)
    assert shows.empty()


@pytest.mark.parametrize("raw", [b"", b"no line", b"{}\nx", b'{"camera":"creek","taken_at":"NaN"}\nx', b"x" * 2000])
def test_what_is_no_picture_is_none(raw: bytes, redis_url: str) -> None:
    with pytest.raises(MalformedMessage):
        LivePicture.unpack(raw)
    client = connect(redis_url)
    client.set("live_picture:creek", raw)
    put_live_picture(client, LivePicture("trail", 5.0, b"jpeg"))
    assert list(newest_live_pictures(client, ["creek", "trail"])) == ["trail"]
    client.close()
