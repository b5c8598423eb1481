"""The queue: how much it adds to a frame's way, how many frames it carries, and how that compares with RQ jobs."""

from __future__ import annotations

import argparse
import threading
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import redis
from rq import Queue, SimpleWorker

from bearwatch.embedded import EmbeddedRedis
from bench.tables import Row, percentile, show
from core.messages import Frame, Reason, content_digest
from core.redis_client import connect
from core.streams import DETECTORS, FrameStreams

PAYLOAD = bytes(50_000)
DIGEST = content_digest(PAYLOAD)
RATE_PER_S = 250


def frame(number: int) -> Frame:
    """A frame of 50 KB."""
    return Frame("bench", time.time(), number, DIGEST, (), Reason.MOTION, 640, 360, PAYLOAD)


def throughput(client: redis.Redis, frames: int) -> float:
    """Frames a second that one thread sends while another reads, acknowledges and deletes them."""
    client.flushall()
    streams = FrameStreams(client)
    streams.ensure_group(streams.frames, DETECTORS)

    def send() -> None:
        for start in range(0, frames, 8):
            streams.send_frames([frame(start + step) for step in range(8)])
            while client.xlen(streams.frames) > 300:
                time.sleep(0.001)

    sender = threading.Thread(target=send)
    began = time.perf_counter()
    sender.start()
    received = 0
    while received < frames:
        entries = streams.read(streams.frames, DETECTORS, "bench", 16, 1000)
        if entries:
            streams.discard(DETECTORS, entries)
            received += len(entries)
    sender.join()
    return frames / (time.perf_counter() - began)


def delays_ms(client: redis.Redis, seconds: float) -> list[float]:
    """From sending to having read, at a steady rate, in milliseconds."""
    client.flushall()
    streams = FrameStreams(client)
    streams.ensure_group(streams.frames, DETECTORS)
    count = int(RATE_PER_S * seconds)

    def send() -> None:
        began = time.perf_counter()
        for number in range(count):
            time.sleep(max(0.0, began + number / RATE_PER_S - time.perf_counter()))
            streams.send_frames([frame(number)])

    sender = threading.Thread(target=send)
    sender.start()
    delays: list[float] = []
    while len(delays) < count:
        entries = streams.read(streams.frames, DETECTORS, "bench", 16, 1000)
        arrived = time.time()
        delays += [1000 * (arrived - Frame.unpack(entry.fields).captured_at) for entry in entries]
        if entries:
            streams.discard(DETECTORS, entries)
    sender.join()
    return delays


def rq_jobs_per_s(client: redis.Redis, jobs: int) -> float:
    """Jobs a second that one RQ worker (in this process, without forking) runs."""
    client.flushall()
    queue = Queue("bench", connection=client)
    for _ in range(jobs):
        queue.enqueue(len, PAYLOAD)
    worker = SimpleWorker([queue], connection=client)
    began = time.perf_counter()
    worker.work(burst=True, logging_level="ERROR")
    return jobs / (time.perf_counter() - began)


def measure(seconds: float) -> list[Row]:
    """All of it, on an embedded server."""
    with TemporaryDirectory() as directory, EmbeddedRedis(Path(directory)) as server:
        client = connect(server.url)
        streams = max(throughput(client, 4000) for _ in range(3))
        delays = delays_ms(client, seconds)
        jobs = rq_jobs_per_s(redis.Redis.from_url(server.url), 200)
        client.close()
    return [
        {"what": "frames/s through the stream (50 KB, acknowledged, deleted)", "value": streams, "to reach": ""},
        {"what": "RQ jobs/s, one simple worker", "value": jobs, "to reach": ""},
        {"what": "ratio stream : RQ", "value": streams / jobs, "to reach": ""},
        {"what": f"added delay p50 at {RATE_PER_S}/s, ms", "value": percentile(delays, 0.5), "to reach": "≤ 2"},
        {"what": f"added delay p99 at {RATE_PER_S}/s, ms", "value": percentile(delays, 0.99), "to reach": ""},
    ]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    show("Queue", measure(arguments.seconds), arguments.json)


if __name__ == "__main__":
    main()
