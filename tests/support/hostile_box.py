"""A box in somebody else's hands: a process that has nothing but what `bearwatch box add` wrote for it.

Called with the site's cameras that are another's, it tries what a thief would, and prints as JSON what Redis let it do.
It then stays connected until its standard input ends, and prints whether Redis still hears it.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable

import redis

from core.boxes.box_keys import frames_of
from core.boxes.frame_signature import BoxIdentity
from core.messages import CameraHealth, CameraStatus, FrameScores
from core.redis_client import connect
from core.settings import Settings
from core.streams import FrameStreams, scores_stream
from core.telemetry import Telemetry
from tests.support.factories import frame, jpeg, scored


def main() -> None:
    """Try, print, wait, try once more, print."""
    own, others = sys.argv[1], sys.argv[2]
    settings = Settings()
    client, box = connect(settings.redis), settings.box
    assert box is not None
    streams, told = FrameStreams(client, 0, box.name), Telemetry(client, box.name)
    now = time.time()
    forged = FrameScores.pack(scored(0.99, others, now))
    stranger = BoxIdentity(box.name, bytes(32))
    tries: dict[str, Callable[[], object]] = {
        "signed frame of its own camera": lambda: streams.send_frames([frame(own, time.time(), 1)], by=box),
        "signed frame of another's camera": lambda: streams.send_frames([frame(others, time.time(), 2)], by=box),
        "unsigned frame": lambda: streams.send_frames([frame(own, time.time(), 3)]),
        "frame with another key": lambda: streams.send_frames([frame(own, time.time(), 4)], by=stranger),
        "broken picture": lambda: client.xadd(streams.frames, {"h": b"{", "j": jpeg(), "s": b"x" * 32}),
        "status of another's camera": lambda: told.report_cameras([_live(others, now)]),
        "frame on the site's stream": lambda: FrameStreams(client, 0).send_frames([frame(others, now, 5)]),
        "frame on the other box's stream": lambda: client.xadd(frames_of(0, others), forged),  # type: ignore[arg-type]
        "frames of the other box read": lambda: client.xrange(frames_of(0, others)),
        "its own frames read": lambda: client.xrange(streams.frames),
        "scores": lambda: client.xadd(scores_stream(0), forged),  # type: ignore[arg-type]
        "status for the site": lambda: Telemetry(client).report_cameras([_live(others, now)]),
        "heartbeat": lambda: Telemetry(client).beat("controller", now, {}),
        "lease": lambda: client.set("lease:tracker:0", "mine", px=600_000),
        "users": lambda: client.acl_setuser(f"box-{own}", enabled=True, keys=["*"], commands=["+@all"]),
        "everything": lambda: client.flushall(),
    }
    print(json.dumps({what: _allowed(each) for what, each in tries.items()}), flush=True)
    sys.stdin.read()
    print(json.dumps(_allowed(lambda: client.ping())), flush=True)


def _allowed(each: Callable[[], object]) -> bool:
    try:
        each()
    except redis.RedisError:
        return False
    return True


def _live(camera: str, now: float) -> CameraStatus:
    return CameraStatus(camera, CameraHealth.LIVE, "", now, now + 86400, 640, 360, 5.0, 5.0, 0, {}, {})


if __name__ == "__main__":
    main()
