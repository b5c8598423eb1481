"""Which model is wanted goes through Redis and a file unchanged, and nonsense is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import redis

from core.bundles.wanted_model import (
    WANTED_MODEL_FILE,
    WANTED_MODEL_KEY,
    BundlePlace,
    WantedModel,
    keep_wanted,
    kept_wanted,
    publish_wanted,
    read_wanted,
)
from core.message_fields import MalformedMessage

A = BundlePlace("a1" * 32, "bundles/first")
WANTED = WantedModel(3, A, BundlePlace("b2" * 32, "built-in"), BundlePlace("c3" * 32, "bundles/third"), 5)


def test_what_is_wanted_is_read_as_it_was_written_and_written_only_when_it_changes(redis_client: redis.Redis) -> None:
    assert read_wanted(redis_client) is None
    assert publish_wanted(redis_client, WANTED)
    assert read_wanted(redis_client) == WANTED
    assert not publish_wanted(redis_client, WANTED)
    redis_client.flushall()
    assert publish_wanted(redis_client, WANTED), "a wiped Redis gets it again"
    assert publish_wanted(redis_client, WantedModel())
    assert read_wanted(redis_client) == WantedModel()


def test_the_file_says_the_same_after_a_restart(tmp_path: Path) -> None:
    assert kept_wanted(tmp_path) is None
    keep_wanted(tmp_path, WANTED)
    assert kept_wanted(tmp_path) == WANTED
    assert [file.name for file in tmp_path.iterdir()] == [WANTED_MODEL_FILE]


@pytest.mark.parametrize(
    "raw",
    [
        b"", b"[]", b"{}", b'{"change": -1}', b'{"change": true}', b'{"change": 1, "champion": "built-in"}',
        json.dumps({"change": 1, "champion": {"digest": "a1", "directory": "x"}}).encode(),
        json.dumps({"change": 1, "champion": {"digest": "a1" * 32}}).encode(),
        json.dumps({"change": 1, "champion": {"digest": "a1" * 32, "directory": "x\n"}}).encode(),
        json.dumps({"change": 1, "challenger_every": 0}).encode(),
    ],
)  # fmt: skip
def test_nonsense_is_refused(raw: bytes, redis_client: redis.Redis, tmp_path: Path) -> None:
    with pytest.raises(MalformedMessage):
        WantedModel.unpack(raw)
    (tmp_path / WANTED_MODEL_FILE).write_bytes(raw)
    with pytest.raises(MalformedMessage):
        kept_wanted(tmp_path)
    if raw:
        redis_client.set(WANTED_MODEL_KEY, raw)
        with pytest.raises(MalformedMessage):
            read_wanted(redis_client)
