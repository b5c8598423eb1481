"""Which streams a detector reads beside the site's, and what it says of frames that it refused."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
import redis

from core.boxes.box_door import WORDS, RefusalReason
from core.boxes.box_keys import BOXES_KEY
from core.boxes.box_list import changing_boxes
from core.boxes.new_box import new_box, revoked
from core.telemetry import Telemetry, counter
from detector.box_streams import REFUSED, SETTLES_WITHIN_S, BoxStreams
from tests.support.factories import T0


def known(client: redis.Redis, data: Path, shards: Mapping[str, int]) -> None:
    """These boxes, each with one camera of its own name."""
    with changing_boxes(data) as boxes:
        for name in boxes.keys() - shards.keys():
            boxes[name] = revoked(boxes[name], T0)
        for name in shards.keys() - boxes.keys():
            boxes[name] = new_box(name, [name], T0).box
    client.delete(BOXES_KEY)
    for name, shard in shards.items():
        client.hset(BOXES_KEY, name, f'{{"cameras": ["{name}"], "shards": [{shard}]}}')


def test_it_follows_boxes_that_come_and_go_on_its_own_shards(redis_client: redis.Redis, tmp_path: Path) -> None:
    streams = BoxStreams(redis_client, [0, 1], tmp_path)
    assert not streams.refresh()
    known(redis_client, tmp_path, {"creek": 0, "trail": 1, "far": 7})
    assert streams.refresh()
    assert [each.frames for each in streams.streams] == ["frames:0:creek", "frames:1:trail"]
    assert not streams.refresh()
    known(redis_client, tmp_path, {"trail": 1})
    assert streams.refresh()
    assert [each.late for each in streams.streams] == ["late:1:trail"]


def test_a_box_of_which_there_is_no_key_is_not_read(redis_client: redis.Redis, tmp_path: Path) -> None:
    streams = BoxStreams(redis_client, [0], tmp_path)
    redis_client.hset(BOXES_KEY, "made-up", '{"cameras": ["creek"], "shards": [0]}')
    redis_client.hset(BOXES_KEY, "broken", "[")
    assert not streams.refresh()
    assert streams.streams == []


def test_with_a_damaged_list_the_boxes_of_before_stay_and_that_is_said_once(
    redis_client: redis.Redis, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    streams = BoxStreams(redis_client, [0], tmp_path)
    known(redis_client, tmp_path, {"creek": 0})
    streams.refresh()
    (tmp_path / "boxes.json").write_text("{")
    for _ in range(3):
        assert not streams.refresh()
    assert len(streams.streams) == 1
    assert caplog.text.count("those of before stay") == 1


def test_what_was_refused_is_counted_and_named_but_not_what_the_site_sent_a_moment_before(
    redis_client: redis.Redis, tmp_path: Path
) -> None:
    streams, telemetry = BoxStreams(redis_client, [0], tmp_path), Telemetry(redis_client)
    known(redis_client, tmp_path, {"creek": 0, "trail": 0})
    streams.refresh()
    streams.door.refusals.note("creek", RefusalReason.FORGED, 3)
    streams.door.refusals.note("trail", RefusalReason.SITES_STREAM, 2)
    counted = streams.report(T0 + 1)
    assert counted == {
        counter(REFUSED, box="creek", reason="forged"): 3, counter(REFUSED, box="trail", reason="sites_stream"): 2,
    }  # fmt: skip
    assert telemetry.refused() == {"creek": (T0 + 1, WORDS[RefusalReason.FORGED])}
    assert not streams.report(T0 + 2)
    streams.door.refusals.note("trail", RefusalReason.SITES_STREAM)
    later = T0 + SETTLES_WITHIN_S + 1
    streams.report(later)
    assert telemetry.refused()["trail"] == (later, WORDS[RefusalReason.SITES_STREAM])
