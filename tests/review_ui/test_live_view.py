"""What a camera shows now, from a real camera: to those who may see it, and never as if it were newer."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import httpx
import numpy as np
import pytest
from sqlalchemy import select

from bearwatch.embedded import EmbeddedRedis
from core.config import Config
from core.redis_client import connect
from core.settings import Settings
from db.models import LedgerEntry, User, UserCampsite, Watch
from db.places import sync_places
from db.session import Database
from review_ui.app import create_app
from review_ui.auth.accounts import open_session
from review_ui.cameras.live_view import HIDDEN, TOO_MANY
from review_ui.live.live_pictures import MOST_LOOKING
from simulation.cameras.scene import Scene
from simulation.cameras.staged_server import StagedCameras
from tests.support.cast import add_user
from tests.support.ingest_run import config_of, running
from tests.support.pages import served
from tests.support.waiting import WITHIN_S, wait_for

SIERRA = {"region": "sierra"}
SUB = Scene("creek", 320, 180, 10, loop_s=40, visits=())
MAIN = Scene("creek-main", 960, 540, 10, loop_s=40, visits=())


@dataclass
class House:
    """A served page beside a camera that is read."""

    url: str
    database: Database
    app: Any
    browsers: ExitStack

    def browser(self, name: str = "day-ranger", campsite: str | None = None) -> httpx.Client:
        """Somebody who is logged in; ``campsite`` limits them to one."""
        with self.database.write() as session:
            user = session.scalar(select(User).where(User.name == name)) or add_user(session, name)
            if campsite is not None:
                session.add(UserCampsite(user_id=user.id, campsite_id=campsite))
            token = open_session(session, user, time.time()).token
        made = httpx.Client(base_url=self.url, cookies={"bearwatch": token}, timeout=WITHIN_S)
        return self.browsers.enter_context(made)

    def viewed(self) -> list[str]:
        """Who looked, as the ledger has it."""
        with self.database.read() as session:
            query = select(LedgerEntry.actor, LedgerEntry.subject).where(LedgerEntry.kind == "camera.viewed")
            return [f"{actor} {subject}" for actor, subject in session.execute(query.order_by(LedgerEntry.seq))]


@pytest.fixture
def house(redis_server: EmbeddedRedis, tmp_path: Path, sqlite_database: Database) -> Iterator[House]:
    client = connect(redis_server.url)
    client.flushall()
    client.close()
    with StagedCameras([SUB, MAIN]) as cameras:
        streams = {
            "creek": {"url": cameras.url("creek")},
            "trail": {"url": cameras.url("creek"), "record_url": cameras.url("creek-main")},
        }
        config = config_of(streams)
        config = Config.model_validate(config.model_dump() | {"campsites": {"pines": SIERRA, "oaks": SIERRA}})
        with sqlite_database.write() as session:
            sync_places(session, config)
        app = create_app(Settings(redis_url=redis_server.url, bearwatch_data=tmp_path), config, sqlite_database)
        with running(config, redis_server.url), served(app) as url, ExitStack() as browsers:
            yield House(url, sqlite_database, app, browsers)


def lines(response: httpx.Response) -> Iterator[tuple[dict[str, Any], bytes]]:
    """What a page hears, until the stream ends."""
    kept = b""
    for chunk in response.iter_raw():
        kept += chunk
        while b"\n" in kept:
            head, rest = kept.split(b"\n", 1)
            line = json.loads(head)
            if len(rest) < line["size"]:
                break
            kept = rest[line["size"] :]
            yield line, rest[: line["size"]]


def size(jpeg: bytes) -> tuple[int, ...]:
    """Of a picture."""
    picture = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    return tuple(picture.shape[:2])


def test_pictures_of_two_cameras_come_in_one_stream_with_their_age_and_who_looked_is_written_down(house: House) -> None:
    ranger = house.browser()
    pictures, says = {"creek": 0, "trail": 0}, set()
    with ranger.stream("GET", "/cameras/live?camera=creek&camera=trail&camera=creek") as response:
        assert response.status_code == 200
        assert response.headers["content-encoding"] == "identity"
        for line, jpeg in lines(response):
            if jpeg:
                assert size(jpeg) == (180, 320)
                assert 0 <= line["age_s"] < WITHIN_S
                pictures[line["camera"]] += 1
            else:
                says.add((line["camera"], line["seeing"]))
            if min(pictures.values()) >= 3:
                break
    assert {camera for camera, _ in says} == {"creek", "trail"}
    with house.database.read() as session:
        number = session.scalars(select(User.id)).one()
    assert house.viewed() == [f"user:{number} camera:creek", f"user:{number} camera:trail"]
    wait_for(lambda: not house.app.state.site.live_pictures._looking)  # the browser went away


def test_a_still_of_now_is_the_main_streams_where_there_is_one(house: House) -> None:
    ranger = house.browser()
    wait_for(lambda: ranger.get("/cameras/creek/still.jpg").status_code == 200)
    asked = time.time()
    answer = ranger.get("/cameras/creek/still.jpg")
    assert size(answer.content) == (180, 320)
    assert float(answer.headers["x-taken-at"]) >= asked - 1
    wait_for(lambda: size(ranger.get("/cameras/trail/still.jpg").content) == (540, 960))


def test_only_those_of_the_campsite_may_look(house: House) -> None:
    with httpx.Client(base_url=house.url, timeout=WITHIN_S) as stranger:
        assert stranger.get("/cameras/live?camera=creek").status_code in (303, 401)
    elsewhere = house.browser("of-the-oaks", "oaks")
    assert elsewhere.get("/cameras/live?camera=creek").status_code == 404
    assert elsewhere.get("/cameras/creek/still.jpg").status_code == 404
    ranger = house.browser()
    assert ranger.get("/cameras/live?camera=nowhere").status_code == 404
    assert ranger.get("/cameras/nowhere/still.jpg").status_code == 404
    assert ranger.get("/cameras/live").status_code == 422
    assert ranger.get("/cameras/live?" + "&".join(f"camera=c{n}" for n in range(10))).status_code == 422
    assert house.viewed() == []


def test_a_blind_watch_hides_what_the_camera_shows_and_ends_a_stream_that_was_open(house: House) -> None:
    ranger = house.browser()
    with ranger.stream("GET", "/cameras/live?camera=creek") as response:
        heard = lines(response)
        next(heard)
        with house.database.write() as session:
            session.add(
                Watch(user_id=session.scalars(select(User.id)).one(), campsite_id="pines", started_at=time.time())
            )
        last = {}
        for line, _ in heard:
            last = line
    assert last == {"end": HIDDEN, "size": 0}
    assert ranger.get("/cameras/live?camera=creek").status_code == 403
    assert ranger.get("/cameras/creek/still.jpg").status_code == 403
    assert "hidden while you are on watch" in ranger.get("/cameras/now").text
    assert 'data-live-view="creek"' not in ranger.get("/cameras/creek").text


def test_more_people_than_the_page_can_serve_are_told_so(house: House) -> None:
    pictures = house.app.state.site.live_pictures
    pictures._looking.extend([["creek"]] * MOST_LOOKING)
    try:
        with house.browser().stream("GET", "/cameras/live?camera=creek") as response:
            heard = [line for line, _ in lines(response)]
        assert heard[-1] == {"end": TOO_MANY, "size": 0}
        assert house.browser().get("/cameras/creek/still.jpg").status_code == 429
    finally:
        del pictures._looking[:MOST_LOOKING]
