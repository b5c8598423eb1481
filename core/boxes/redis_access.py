"""What a box may do in Redis: a user of its own, whose rights are these keys and these commands.

Redis forgets its users when it begins again, unless it is told a file for them; so they are asked for again and again
(:func:`keep_access`), as the list of the boxes has them. The password is not needed for that, only its SHA-256.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, cast

import redis

from core.boxes.box_keys import BOXES_KEY, REFUSED_KEY, frames_of, hash_of, late_of
from core.boxes.box_list import EdgeBox

log = logging.getLogger(__name__)

USER: Final = "box-"
"""So begins the name of a box's user."""
SINCE_7_2: Final = "+client|setinfo"
"""A client says its name and version so, and goes on where it may not."""
HASHES: Final = ("cameras", "heartbeats", "counters")
COMMANDS: Final = (
    "-@all", "+auth", "+hello", "+ping", SINCE_7_2, "+client|setname", "+xadd", "+xtrim", "+hset", "+hdel",
    "+hincrby", "+hget",
)  # fmt: skip
"""Everything that `bearwatch ingest` asks for."""
MOST_HASH_BYTES: Final = 1_000_000
"""What a box says about itself fits many times over."""

ShardOf = Callable[[str], int | None]
"""The shard of a camera; None where no such camera is configured."""


def user_of(box: str) -> str:
    """The name of a box's user."""
    return f"{USER}{box}"


def rules(box: EdgeBox, shards: Iterable[int]) -> list[str]:
    """The rights of a box, as ``ACL SETUSER`` takes them.

    Its streams it may only write: what it has sent it cannot read again, nor anybody who takes its password.
    """
    streams = [name for shard in sorted(shards) for name in (frames_of(shard, box.name), late_of(shard, box.name))]
    return [
        "reset", "on", f"#{box.password_sha256}", *(f"%W~{name}" for name in streams),
        *(f"~{hash_of(kind, box.name)}" for kind in HASHES), *COMMANDS,
    ]  # fmt: skip


def keep_access(client: redis.Redis, boxes: Mapping[str, EdgeBox], shard_of: ShardOf, anew: bool) -> list[str]:
    """Make what Redis grants what the list says, and return whose hashes had grown beyond all bounds and were emptied.

    1. A box that is not in the list (any more) loses its user, with every connection that it has, and its keys.
    2. A box in the list has its user; ``anew``: with the rights of now, even if it has one already.
    3. Which boxes there are is written for those who read what boxes say.

    Raises redis-py's errors; ``redis.exceptions.NoPermissionError`` where this site may not change users.
    """
    known = [_text(user).removeprefix(USER) for user in _ask(client, "ACL", "USERS") if _text(user).startswith(USER)]
    for name in set(known) - set(boxes):
        end_access(client, name)
    said = {}
    for box in boxes.values():
        shards = sorted({shard for camera in box.cameras if (shard := shard_of(camera)) is not None})
        said[box.name] = json.dumps({"cameras": list(box.cameras), "shards": shards}).encode()
        if anew or box.name not in known:
            _grant(client, box, shards)
            log.info("box %s may push frames of %s", box.name, ", ".join(box.cameras))
    _publish(client, said)
    return [name for name in boxes if _hold_bounds(client, name)]


def _grant(client: redis.Redis, box: EdgeBox, shards: Iterable[int]) -> None:
    """Servers before 7.2 (Debian 12 has 7.0) do not know :data:`SINCE_7_2`, and refuse a user who may call it."""
    wanted = rules(box, shards)
    try:
        _ask(client, "ACL", "SETUSER", user_of(box.name), *wanted)
    except redis.ResponseError as error:
        if isinstance(error, redis.exceptions.NoPermissionError):
            raise
        _ask(client, "ACL", "SETUSER", user_of(box.name), *(word for word in wanted if word != SINCE_7_2))


def end_access(client: redis.Redis, box: str) -> None:
    """A box can do nothing any more: its connections end, and what it said is forgotten."""
    _ask(client, "ACL", "DELUSER", user_of(box))
    client.hdel(BOXES_KEY, box)
    client.hdel(REFUSED_KEY, box)
    streams = [key for kind in ("frames", "late") for key in client.scan_iter(f"{kind}:*:{box}")]
    client.delete(*streams, *(hash_of(kind, box) for kind in HASHES))
    log.warning("box %s may do nothing any more", box)


def _publish(client: redis.Redis, said: Mapping[str, bytes]) -> None:
    before = {_text(name): value for name, value in cast(Any, client.hgetall(BOXES_KEY)).items()}
    gone = [name for name in before if name not in said]
    if gone:
        client.hdel(BOXES_KEY, *gone)
    if said and before != said:
        client.hset(BOXES_KEY, mapping=cast(Any, said))


def _hold_bounds(client: redis.Redis, box: str) -> bool:
    """Redis has one memory for all: a box that fills it would silence every other."""
    too_large = [key for kind in HASHES if _bytes(client, key := hash_of(kind, box)) > MOST_HASH_BYTES]
    if too_large:
        client.delete(*too_large)
        log.error("box %s has written more than fits into %s; it was emptied", box, ", ".join(too_large))
    return bool(too_large)


def _bytes(client: redis.Redis, key: str) -> int:
    return int(cast(Any, client.memory_usage(key, samples=0)) or 0)


def _ask(client: redis.Redis, *words: str) -> Sequence[Any]:
    return cast("Sequence[Any]", cast(Any, client).execute_command(*words))


def _text(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else value
