"""What a box may do in a real Valkey: what it needs, and nothing else."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import pytest
import redis

from bearwatch.embedded import EmbeddedRedis
from bearwatch.keys.box_files import with_login
from core.boxes.box_keeper import BoxKeeper
from core.boxes.box_list import EdgeBox, changing_boxes
from core.boxes.frame_signature import BoxIdentity
from core.boxes.new_box import new_box, revoked
from core.boxes.redis_access import MOST_HASH_BYTES, USER, user_of
from core.config import Config
from core.jobs import DELIVERIES, enqueue
from core.messages import CameraHealth, CameraStatus
from core.redis_client import connect
from core.streams import FrameStreams
from core.telemetry import BOX_PROCESSES, Telemetry, counter
from tests.support.factories import T0, frame

SENT = "bearwatch_frames_sent_total"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedRedis]:
    """Its users are this file's own."""
    with EmbeddedRedis(tmp_path_factory.mktemp("redis")) as running:
        yield running


class Centre:
    """A site with the boxes that a test adds."""

    def __init__(self, url: str, data: Path, config: Config) -> None:
        self.url, self.data = url, data
        self.client = connect(url)
        self.keeper = BoxKeeper(self.client, data, lambda: config)
        self.boxes: list[redis.Redis] = []

    def add(self, name: str, *cameras: str) -> tuple[redis.Redis, BoxIdentity]:
        """A box's own connection, and who it is."""
        made = new_box(name, cameras, T0)
        self.put(made.box)
        self.boxes.append(connect(with_login(self.url, user_of(name), made.password)))
        return self.boxes[-1], BoxIdentity(name, made.box.secret)

    def put(self, box: EdgeBox) -> None:
        with changing_boxes(self.data) as boxes:
            boxes[box.name] = box
        self.keeper.keep()

    def revoke(self, name: str) -> None:
        with changing_boxes(self.data) as boxes:
            boxes[name] = revoked(boxes[name], T0)
        self.keeper.keep()


@pytest.fixture
def centre(server: EmbeddedRedis, tmp_path: Path, config: Config) -> Iterator[Centre]:
    there = Centre(server.url, tmp_path, config)
    there.client.flushall()
    yield there
    for user in cast("list[str]", there.client.acl_users()):
        if user.startswith(USER):
            there.client.acl_deluser(user)
    for client in (there.client, *there.boxes):
        client.close()


def status(camera: str, health: CameraHealth = CameraHealth.LIVE) -> CameraStatus:
    return CameraStatus(camera, health, "", T0, T0, 640, 360, 5.0, 5.0, 0, {}, {})


def test_a_box_may_do_what_its_reader_does(centre: Centre) -> None:
    client, box = centre.add("creek", "upper-creek")
    streams, telemetry = FrameStreams(client, 0, box.name), Telemetry(client, box.name)
    assert streams.send_frames([frame(sequence=number) for number in range(3)], by=box) == 0
    assert streams.send_frames([frame()], late=True, by=box) == 0
    telemetry.report_cameras([status("upper-creek")])
    telemetry.forget_camera("upper-trail")
    telemetry.count({counter(SENT, camera_name="upper-creek", reason="motion"): 3})
    telemetry.beat("ingest", T0, {"live": 1})
    telemetry.beat("machine", T0, {"load": 0.5})
    assert telemetry.own_heartbeat("machine") == {"at": T0, "load": 0.5}
    site = Telemetry(centre.client)
    assert site.cameras() == {"upper-creek": status("upper-creek")}
    assert site.counters() == {counter(SENT, camera_name="upper-creek", reason="motion"): 3}
    assert site.heartbeats() == {
        "ingest:creek": {"at": T0, "live": 1, "shards": [0]}, "machine:creek": {"at": T0, "load": 0.5, "shards": [0]},
    }  # fmt: skip


def ask(client: redis.Redis, *words: str) -> object:
    """A command for which redis-py has no method of its own."""
    return cast(Any, client).execute_command(*words)


TRIES: dict[str, Callable[[redis.Redis], object]] = {
    "the site's own stream": lambda client: client.xadd("frames:0", {"h": "x", "j": "y"}),
    "another box's stream": lambda client: client.xadd("frames:0:trail", {"h": "x", "j": "y"}),
    "its own stream of another shard": lambda client: client.xadd("frames:7:creek", {"h": "x", "j": "y"}),
    "to empty the site's stream": lambda client: client.xtrim("frames:0", maxlen=0),
    "to read its own stream": lambda client: client.xrange("frames:0:creek"),
    "to read others' frames": lambda client: client.xrange("frames:0:trail"),
    "scores of its own making": lambda client: client.xadd("scores:0", {"h": "x", "j": "y"}),
    "a status in the site's hash": lambda client: client.hset("cameras", "upper-trail", "{}"),
    "a status in another box's hash": lambda client: client.hset("cameras:trail", "upper-trail", "{}"),
    "a heartbeat of the controller": lambda client: client.hset("heartbeats", "controller", "{}"),
    "counters of the site": lambda client: client.hincrby("counters", "x", 1),
    "to say which boxes there are": lambda client: client.hset("boxes", "creek", "{}"),
    "to hide what was refused": lambda client: client.hdel("refused_frames", "creek"),
    "another model": lambda client: client.set("wanted_model", "{}"),
    "the tracker's lease": lambda client: client.set("lease:tracker:0", "mine"),
    "a job": lambda client: enqueue(client, DELIVERIES, "sweep_outbox"),
    "a job by hand": lambda client: client.rpush("rq:queue:deliveries", "x"),
    "to wake the pages": lambda client: client.publish("bell", "1"),
    "to listen": lambda client: ask(client, "SUBSCRIBE", "bell"),
    "to empty everything": lambda client: client.flushall(),
    "the configuration": lambda client: client.config_set("dir", "/tmp"),
    "a script": lambda client: client.eval("return redis.call('set', 'x', 1)", 0),
    "all keys": lambda client: client.keys("*"),
    "who is connected": lambda client: client.client_list(),
    "more rights": lambda client: client.acl_setuser("box-creek", enabled=True, commands=["+@all"]),
    "to watch everybody": lambda client: ask(client, "MONITOR"),
    "to follow as a replica": lambda client: ask(client, "PSYNC", "?", "-1"),
}


@pytest.fixture(scope="module")
def creek(tmp_path_factory: pytest.TempPathFactory) -> Iterator[redis.Redis]:
    """A box at a server of its own: other tests end all users of theirs."""
    config = Config.model_validate(
        {
            "regions": {"sierra": {"timezone": "America/Los_Angeles"}},
            "campsites": {"pines": {"region": "sierra"}},
            "cameras": {"upper-creek": {"campsite": "pines", "url": "rtsp://127.0.0.1:1/x"}},
        }
    )
    with EmbeddedRedis(tmp_path_factory.mktemp("redis")) as server:
        there = Centre(server.url, tmp_path_factory.mktemp("data"), config)
        client, _ = there.add("creek", "upper-creek")
        yield client
        there.client.close()
        client.close()


@pytest.mark.parametrize("what", TRIES)
def test_everything_else_is_refused_by_redis_itself(creek: redis.Redis, what: str) -> None:
    with pytest.raises(redis.exceptions.NoPermissionError):
        TRIES[what](creek)


def test_what_a_box_says_of_others_is_not_heard(centre: Centre) -> None:
    client, _ = centre.add("creek", "upper-creek")
    centre.add("trail", "upper-trail")
    lying = Telemetry(client, "creek")
    lying.report_cameras([status("upper-creek"), status("upper-trail"), status("lower-meadow")])
    client.hset("cameras:creek", "upper-creek", status("lower-meadow").pack())
    lying.count({
        counter(SENT, camera_name="upper-trail", reason="motion"): 9,
        counter("bearwatch_encounters_total", kind="bear"): 9,
        'bearwatch_frames_sent_total"} 1\nbearwatch_camera_blind{camera_name="creek"} 0': 9,
    })  # fmt: skip
    client.hset("counters:creek", f'{SENT}{{camera_name="upper-creek",reason="motion"}}', "9" * 400)
    lying.beat("controller", T0, {})
    lying.beat("ingest", T0, {"shards": [5], "text": "a\nb", "deep": [[]], "far": 1e300, "live": 2})
    site = Telemetry(centre.client)
    assert (site.cameras(), site.counters()) == ({}, {})
    assert site.heartbeats() == {"ingest:creek": {"at": T0, "live": 2, "shards": [0]}}
    assert "controller" not in BOX_PROCESSES


def test_the_site_no_longer_believes_itself_of_a_camera_that_a_box_reads(centre: Centre) -> None:
    site = Telemetry(centre.client)
    site.report_cameras([status("upper-creek"), status("lower-meadow")])
    centre.add("creek", "upper-creek")
    assert set(site.cameras()) == {"lower-meadow"}


def test_a_revoked_box_loses_the_connection_that_it_has(centre: Centre) -> None:
    client, box = centre.add("creek", "upper-creek")
    other, trail = centre.add("trail", "upper-trail")
    FrameStreams(client, 0, "creek").send_frames([frame()], by=box)
    Telemetry(client, "creek").report_cameras([status("upper-creek")])
    centre.revoke("creek")
    with pytest.raises(redis.RedisError):
        FrameStreams(client, 0, "creek").send_frames([frame()], by=box)
    with pytest.raises(redis.RedisError):
        client.ping()
    assert [key for key in centre.client.keys("*") if b"creek" in key] == []
    assert set(Telemetry(centre.client).boxes()) == {"trail"}
    FrameStreams(other, 0, "trail").send_frames([frame("upper-trail")], by=trail)


def test_a_server_that_has_forgotten_its_users_is_told_again(centre: Centre) -> None:
    client, _ = centre.add("creek", "upper-creek")
    assert client.ping()
    centre.client.acl_deluser("box-creek")
    centre.client.flushall()
    centre.keeper.keep()
    assert client.ping()
    assert set(Telemetry(centre.client).boxes()) == {"creek"}


def test_a_box_that_fills_the_memory_of_all_is_emptied_and_named(centre: Centre) -> None:
    client, _ = centre.add("creek", "upper-creek")
    client.hset("cameras:creek", "upper-creek", "x" * (2 * MOST_HASH_BYTES))
    streams = FrameStreams(centre.client, 0, "creek")
    for number in range(streams.bounds[0] + 7):
        client.xadd(streams.frames, {"h": "x", "j": str(number)})
    centre.keeper.keep()
    assert not centre.client.exists("cameras:creek")
    assert streams.hold_bounds() == 7
    assert centre.client.xlen(streams.frames) == streams.bounds[0]


def test_a_site_that_may_not_keep_users_is_told_so_once(
    centre: Centre, server: EmbeddedRedis, config: Config, caplog: pytest.LogCaptureFixture
) -> None:
    ask(centre.client, "ACL", "SETUSER", "box-poor", "on", ">pw", "~*", "+@all", "-acl")
    poor = connect(with_login(server.url, "box-poor", "pw"))
    keeper = BoxKeeper(poor, centre.data, lambda: config)
    for _ in range(2):
        with pytest.raises(redis.exceptions.NoPermissionError) as refused:
            keeper.keep()
        keeper.tell(refused.value)
    assert caplog.text.count("does not let this site keep users for its boxes") == 1
    poor.close()


def test_only_hashes_of_passwords_lie_in_the_list(centre: Centre) -> None:
    made = new_box("creek", ["upper-creek"], T0)
    centre.put(made.box)
    file = centre.data / "boxes.json"
    assert made.password not in file.read_text()
    assert file.stat().st_mode & 0o777 == 0o600
    assert json.loads(file.read_text())["boxes"][0]["cameras"] == ["upper-creek"]
