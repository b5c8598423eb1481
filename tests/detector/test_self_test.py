"""A detector that has stopped recognising bears says so itself: by two known pictures through the real network."""

from __future__ import annotations

import time

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from bearwatch.canary_injector import draw
from core.config import Detector
from core.redis_client import connect
from core.telemetry import Telemetry
from detector.classify import decode_jpeg
from detector.engines.choose import choose_engine
from detector.engines.engine import Engine
from detector.self_test import AGAIN_AFTER_S, BEAR_BOX, EVERY_S, PICTURES, SelfTest
from detector.worker import DetectorWorker
from simulation.cameras.painting.landscape import by_day, paint_place


@pytest.fixture(scope="module")
def engine() -> Engine:
    """The built-in model."""
    return choose_engine("cpu", "built-in", threads=1, runtime="onnx")


class Broken:
    """The same network with something done to its answers."""

    def __init__(self, engine: Engine, answer: float | None = None) -> None:
        self.engine, self.answer = engine, answer
        self.name, self.device, self.input_px = engine.name, engine.device, engine.input_px
        self.bundle, self.threads, self.runtime = engine.bundle, engine.threads, engine.runtime

    def infer(self, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Real answers, or always the same."""
        logits = self.engine.infer(crops)
        return logits if self.answer is None else np.full_like(logits, self.answer)


def test_the_known_pictures_are_the_staged_cameras_own() -> None:
    empty = by_day(paint_place("meadow", 320, 180, 11))
    clip = draw("any", empty, 320, 180)
    assert clip.boxes[5] == pytest.approx(BEAR_BOX, abs=0.001)
    for name, picture in (("bear", clip.pictures[5]), ("empty", empty)):
        built_in = decode_jpeg((PICTURES / f"{name}.jpg").read_bytes())
        assert cv2.PSNR(built_in, picture) > 28, "drawn anew it looks the same"


def test_the_trained_network_proves_itself_for_a_thousandth_of_a_processor(engine: Engine) -> None:
    self_test = SelfTest(engine, None)
    assert self_test.run_if_due(0.0).ok
    began = time.process_time()
    assert self_test.run_if_due(EVERY_S).ok
    assert (time.process_time() - began) / EVERY_S < 0.01
    assert self_test.last.bear > 0.9 > 0.2 > self_test.last.empty


@pytest.mark.parametrize("answer", [0.0, 7.0, float("nan")])
def test_a_network_that_always_answers_the_same_is_found_out_and_then_tried_sooner(
    engine: Engine, answer: float
) -> None:
    broken = Broken(engine)
    self_test = SelfTest(broken, None)
    assert self_test.run_if_due(0.0).ok
    broken.answer = answer
    assert self_test.run_if_due(EVERY_S - 1).ok, "not tried again yet"
    assert [self_test.run_if_due(EVERY_S + n * AGAIN_AFTER_S).failed for n in range(3)] == [1, 2, 3]
    assert self_test.last.why
    assert "NaN" not in str(self_test.last.facts())
    broken.answer = None
    assert self_test.run_if_due(EVERY_S + 3 * AGAIN_AFTER_S).ok


def test_a_network_that_raises_has_failed_and_the_watch_goes_on(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = Broken(engine)
    monkeypatch.setattr(broken, "infer", lambda crops: 1 / 0)
    assert "cannot be scored" in SelfTest(broken, None).run_if_due(0.0).why


def test_the_heartbeat_tells_of_it(engine: Engine, redis_url: str) -> None:
    client = connect(redis_url)
    worker = DetectorWorker(Broken(engine, 0.0), Detector(), client, [0])
    worker._round()
    (facts,) = Telemetry(client).heartbeats().values()
    assert facts["shards"] == [0]
    assert (facts["self_test"]["ok"], facts["self_test"]["failed"]) == (False, 1)
    client.close()
