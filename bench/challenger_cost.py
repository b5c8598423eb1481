"""What a challenger beside the champion costs: one worker with both, against the champion alone, on the same frames.

The cost is CPU time of this process for each frame, from Redis to published scores, decoding and cropping included; the
ratio is the median over rounds that take turns, so that a busy machine slows both.
"""

from __future__ import annotations

import argparse
import statistics
import threading
import time
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from bearwatch.embedded import EmbeddedRedis
from bench.detector_worker import BOX, picture
from bench.tables import Row, show
from core.config import Detector
from core.messages import Frame, Reason, content_digest
from core.redis_client import connect
from core.streams import DETECTORS, FrameStreams
from detector.bundle_loader import BundleLoader, LoadedModel
from detector.engines.choose import engine_for
from detector.live_shadow import LiveShadow
from detector.models.bundle import BUILT_IN, ModelBundle
from detector.worker import DetectorWorker
from rollout.models.champion import CHALLENGER_EVERY

MOST_RATIO = 1.2
BATCH, WARM_UP = 8, 2


def cpu_ms(url: str, champion: LoadedModel, challenger: LoadedModel | None, every: int, batches: int) -> float:
    """CPU milliseconds of this process for each frame."""
    client = connect(url)
    client.flushall()
    streams = FrameStreams(client)
    streams.ensure_group(streams.frames, DETECTORS)
    jpeg = picture()
    digest = content_digest(jpeg)
    worker = DetectorWorker(champion.engine, Detector(max_batch=BATCH), connect(url), [0])
    worker.self_test = champion.self_test  # it has passed; its half minute is not what is measured
    if challenger is not None:
        worker.live_shadow = LiveShadow(challenger, None, every)
    stop = threading.Event()
    thread = threading.Thread(target=worker.run, args=(stop,))
    thread.start()
    began = 0.0
    for number in range(batches + WARM_UP):
        if number == WARM_UP:
            began = time.process_time()
        sent = [
            Frame(f"c{each}", time.time(), number, digest, (BOX,), Reason.MOTION, 640, 360, jpeg)
            for each in range(BATCH)
        ]
        streams.send_frames(sent)
        while client.xlen(streams.scores) < BATCH * (number + 1):
            time.sleep(0.02)  # asking costs CPU time too
    time.sleep(0.3)  # the challenger looks after the scores are published
    spent = time.process_time() - began
    stop.set()
    thread.join()
    return 1000 * spent / (BATCH * batches)


def ratios(url: str, every: int, rounds: int, batches: int) -> tuple[float, float, float]:
    """CPU milliseconds of the champion alone and of both, and the median ratio."""
    engine_of = partial(engine_for, device="cpu", threads=1, measure=False)
    loader = BundleLoader("built-in", Path(), engine_of, None)
    champion, challenger = (
        LoadedModel(e, loader.prove(e)) for e in (engine_of(ModelBundle.load(BUILT_IN)) for _ in "ab")
    )
    alone, both = [], []
    for _round in range(rounds):
        alone.append(cpu_ms(url, champion, None, 1, batches))
        both.append(cpu_ms(url, champion, challenger, every, batches))
    ratio = statistics.median(two / one for one, two in zip(alone, both, strict=True))
    return statistics.median(alone), statistics.median(both), ratio


def main() -> int:
    """Measure and print. Exit status 1 when both together cost more than they may."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--batches", type=int, default=12, help="of eight frames, in each round")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    rows: list[Row] = []
    with TemporaryDirectory() as folder, EmbeddedRedis(Path(folder)) as server:
        for every in (1, CHALLENGER_EVERY):
            alone, both, ratio = ratios(server.url, every, arguments.rounds, arguments.batches)
            reach = f"≤ {MOST_RATIO}" if every == CHALLENGER_EVERY else ""
            rows += [
                {"what": f"champion alone, CPU-ms a frame (beside 1 in {every})", "value": alone, "to reach": ""},
                {"what": f"and a challenger at one frame in {every}", "value": both, "to reach": ""},
                {"what": f"ratio at one frame in {every}", "value": ratio, "to reach": reach},
            ]
    show("Live shadow", rows, arguments.json)
    return 0 if ratio <= MOST_RATIO else 1


if __name__ == "__main__":
    raise SystemExit(main())
