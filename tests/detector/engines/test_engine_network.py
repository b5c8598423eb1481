"""The pretrained networks in torch: the fast form says what the trained form says, and it knows a bear."""

from __future__ import annotations

import logging
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

import detector.engines.torch_engine as torch_engine
from core.messages import Reason
from detector.classify import classify
from detector.engines.batch_split import cpu_step
from detector.engines.choose import choose_engine
from detector.engines.cuda_network import CUDA_CHUNK, CudaNetwork
from detector.engines.network import load_network
from detector.engines.torch_engine import TorchEngine, cpu_chunk
from detector.models.backbones import BackboneError
from detector.models.bundle import ModelBundle
from detector.models.imagenet_labels import ImagenetLabel, bear_scores

ASSETS = Path(__file__).parents[3] / "simulation" / "cameras" / "assets"


def noise(count: int, side_px: int) -> NDArray[np.uint8]:
    random = np.random.default_rng(side_px)
    coarse = random.integers(0, 256, (count, 8, 8, 3), dtype=np.uint8)
    pictures = [cv2.resize(picture, (side_px, side_px), interpolation=cv2.INTER_CUBIC) for picture in coarse]
    return np.stack(pictures).astype(np.uint8)


def staged(name: str, grey: bool = False) -> NDArray[np.uint8]:
    """A 640x360 meadow with an animal a third of the frame high, in the middle; returns BGR."""
    cutout = cv2.imread(str(ASSETS / f"{name}.png"), cv2.IMREAD_UNCHANGED)
    assert cutout is not None
    height = 120
    cutout = cv2.resize(cutout, (cutout.shape[1] * height // cutout.shape[0], height), interpolation=cv2.INTER_AREA)
    frame = np.full((360, 640, 3), (70, 110, 95), dtype=np.float64)
    frame += np.random.default_rng(5).normal(0, 6, frame.shape)
    left, top = 320 - cutout.shape[1] // 2, 180 - height // 2
    alpha = cutout[:, :, 3:] / 255
    place = frame[top : top + height, left : left + cutout.shape[1]]
    place[:] = place * (1 - alpha) + cutout[:, :, :3] * alpha
    picture = frame.clip(0, 255).astype(np.uint8)
    return np.repeat(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)[:, :, None], 3, axis=2) if grey else picture


MIDDLE = (0.38, 0.32, 0.62, 0.68)


@pytest.fixture(scope="module")
def engine() -> TorchEngine:
    """The default network on the CPU."""
    chosen = choose_engine("cpu")
    assert isinstance(chosen, TorchEngine)
    return chosen


@pytest.mark.parametrize("label", ["lite0@224", "lite0@225", "lite2@224", "lite2@260"])
def test_the_engine_says_what_the_network_says_as_it_was_trained(label: str) -> None:
    wanted = ModelBundle.generic(label)
    pictures = noise(3, wanted.input_px)
    normalised = (torch.from_numpy(pictures).permute(0, 3, 1, 2).float() - 127) / 128
    with torch.inference_mode():
        expected = load_network(wanted)(normalised).numpy()
    found = TorchEngine(wanted, "cpu").infer(pictures)
    assert np.abs(expected).max() > 1
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_a_picture_gets_the_same_logits_alone_and_in_any_batch(engine: TorchEngine) -> None:
    pictures = noise(2 * cpu_chunk(engine.input_px) + 1, engine.input_px)
    together = engine.infer(pictures)
    alone = np.concatenate([engine.infer(picture[None]) for picture in pictures])
    np.testing.assert_allclose(together, alone, atol=1e-4)
    assert np.abs(together[0] - together[-1]).max() > 0.1


def test_no_pictures_give_no_logits(engine: TorchEngine) -> None:
    side = engine.input_px
    assert engine.infer(np.empty((0, side, side, 3), dtype=np.uint8)).shape == (0, 1000)


@pytest.mark.parametrize(
    "pictures",
    [np.zeros((1, 64, 64, 3), np.uint8), np.zeros((1, 224, 224, 3), np.float32), np.zeros((224, 224, 3), np.uint8)],
    ids=["wrong size", "wrong type", "no batch"],
)
def test_pictures_of_the_wrong_shape_are_refused(engine: TorchEngine, pictures: NDArray[np.uint8]) -> None:
    with pytest.raises(ValueError, match="expected uint8 pictures of shape"):
        engine.infer(pictures)


@pytest.mark.parametrize("grey", [False, True], ids=["by day", "in grey"])
def test_a_staged_bear_is_a_bear(engine: TorchEngine, grey: bool) -> None:
    ((crop,),) = classify(engine, [(staged("brown-bear", grey), [MIDDLE], Reason.MOTION)])
    assert crop.label == ImagenetLabel.BEAR
    assert crop.bear > 0.5


@pytest.mark.parametrize("animal", ["doe", "dog", "fox", "elk", "walker"])
def test_whoever_else_walks_by_is_no_bear(engine: TorchEngine, animal: str) -> None:
    ((crop,),) = classify(engine, [(staged(animal), [MIDDLE], Reason.MOTION)])
    assert crop.label != ImagenetLabel.BEAR
    assert crop.bear < 0.1


def test_a_still_bear_is_found_in_the_tiles(engine: TorchEngine) -> None:
    (crops,) = classify(engine, [(staged("brown-bear"), [], Reason.KEEPALIVE)])
    assert max(crop.bear for crop in crops) > 0.5


def test_the_engine_names_its_model_and_its_device(engine: TorchEngine) -> None:
    assert engine.name == engine.bundle.short_digest
    assert engine.device == "cpu"


def test_an_unknown_backbone_is_refused_before_anything_starts() -> None:
    with pytest.raises(BackboneError, match="unknown backbone"):
        choose_engine("cpu", "lite9")


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_asking_for_a_gpu_that_is_not_there_watches_on_the_cpu_and_says_so(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        engine = choose_engine("cuda", "lite0")
    assert engine.device == "cpu"
    assert "no CUDA device is usable" in caplog.text


def test_several_threads_say_what_one_says(engine: TorchEngine) -> None:
    pictures = noise(9, engine.input_px)
    for threads in (1, 3):
        found = TorchEngine(engine.bundle, "cpu", threads).infer(pictures)
        np.testing.assert_allclose(found, engine.infer(pictures), atol=1e-4)


@pytest.mark.parametrize(("images", "threads"), [(0, 2), (1, 2), (2, 2), (7, 2), (13, 2), (14, 4), (100, 3)])
def test_threads_share_the_work_evenly_in_small_chunks(images: int, threads: int) -> None:
    step = cpu_step(images, threads, chunk=6)
    chunks = [min(step, images - start) for start in range(0, images, step)]
    busiest = max((sum(chunks[thread::threads]) for thread in range(threads)), default=0)
    assert sum(chunks) == images
    assert max(chunks, default=0) <= 6
    assert busiest <= -(-images // threads) + step


class FailingGpu(CudaNetwork):
    """A device that fails whenever it is used; needs no device."""

    def __init__(self, error: RuntimeError, most: int = CUDA_CHUNK) -> None:
        self.error, self.most = error, most

    def run(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        raise self.error


@pytest.mark.skipif(torch.cuda.is_available(), reason="on a machine with a GPU it would not fail")
def test_a_gpu_without_memory_gets_smaller_batches_and_then_the_cpu_takes_over(
    engine: TorchEngine, caplog: pytest.LogCaptureFixture
) -> None:
    failing = TorchEngine(engine.bundle, "cpu")
    failing.device, failing._gpu = "cuda", FailingGpu(torch.OutOfMemoryError("CUDA out of memory"), most=8)
    pictures = noise(3, engine.input_px)
    with caplog.at_level(logging.WARNING):
        found = failing.infer(pictures)
    np.testing.assert_allclose(found, engine.infer(pictures), atol=1e-4)
    assert "continues with 4 crops at a time" in caplog.text
    assert failing.device == "cpu"


@pytest.mark.skipif(torch.cuda.is_available(), reason="on a machine with a GPU it would not fail")
def test_a_gpu_that_fails_at_work_hands_over_to_the_cpu_and_loses_no_picture(
    engine: TorchEngine, caplog: pytest.LogCaptureFixture
) -> None:
    failing = TorchEngine(engine.bundle, "cpu")
    failing.device, failing._gpu = "cuda", FailingGpu(RuntimeError("the driver is gone"))
    pictures = noise(3, engine.input_px)
    with caplog.at_level(logging.WARNING):
        found = failing.infer(pictures)
    np.testing.assert_allclose(found, engine.infer(pictures), atol=1e-4)
    assert failing.device == "cpu"
    assert "continues on the CPU" in caplog.text


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")
def test_the_gpu_agrees_with_the_cpu() -> None:
    wanted = ModelBundle.generic("lite0")
    pictures = noise(2 * CUDA_CHUNK + 9, wanted.input_px)
    on_gpu, on_cpu = TorchEngine(wanted, "cuda"), TorchEngine(wanted, "cpu")
    np.testing.assert_allclose(bear_scores(on_gpu.infer(pictures)), bear_scores(on_cpu.infer(pictures)), atol=0.01)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")
def test_a_gpu_too_small_for_the_batch_gets_smaller_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch_engine, "CUDA_CHUNK", 1 << 14)
    free_bytes, _total = torch.cuda.mem_get_info()
    engine = TorchEngine(ModelBundle.generic("lite0"), "cuda")
    torch.cuda.set_per_process_memory_fraction(min(1.0, 1e9 / free_bytes))
    try:
        logits = engine.infer(noise(2000, 224))
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    assert np.isfinite(logits).all()
