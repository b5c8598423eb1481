"""The built-in model: whole, small, honest about itself, and the same with and without torch."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from core.messages import WHOLE_FRAME
from detector.engines.onnx_engine import OnnxEngine
from detector.engines.torch_engine import TorchEngine
from detector.models.bundle import BUILT_IN, BUILT_IN_NAME, DATASHEET, EVALUATION, ModelBundle
from detector.models.crops import cut

ASSETS = Path(__file__).parents[3] / "simulation" / "cameras" / "assets"
WITHOUT_TORCH = """
import sys, json
import cv2
for blocked in ("torch", "timm", "torchvision"):
    sys.modules[blocked] = None
from detector.models.bundle import ModelBundle
from detector.predictor import Predictor
said = Predictor(ModelBundle.open("built-in")).predict(cv2.imread(sys.argv[1]))
print(json.dumps([said.verdict, said.bear]))
"""


@pytest.fixture(scope="module")
def built_in() -> ModelBundle:
    return ModelBundle.open(BUILT_IN_NAME)


def in_a_meadow(animal: str) -> NDArray[np.uint8]:
    """A cut-out, as large as in a motion crop, on grass."""
    cutout = cv2.imread(str(ASSETS / f"{animal}.png"), cv2.IMREAD_UNCHANGED)
    assert cutout is not None
    scale = 200 / cutout.shape[0]
    small = cv2.resize(cutout, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    height, width = small.shape[0] + 60, small.shape[1] + 60
    grass = np.random.default_rng(1).normal(0, 12, (height, width, 3)) + np.array([60, 120, 90])
    alpha = small[:, :, 3:] / 255
    grass[30:-30, 30:-30] = grass[30:-30, 30:-30] * (1 - alpha) + small[:, :, :3] * alpha
    return np.asarray(cv2.GaussianBlur(grass.clip(0, 255), (3, 3), 0), dtype=np.uint8)


def test_it_is_whole_and_small(built_in: ModelBundle) -> None:
    assert built_in.directory == BUILT_IN
    assert sum(file.stat().st_size for file in BUILT_IN.iterdir()) <= 25_000_000
    assert {"bundle.json", "weights.safetensors", "model.onnx", "engine.json"} <= {f.name for f in BUILT_IN.iterdir()}


def test_its_datasheet_names_every_source_with_its_licence_and_what_is_missing(built_in: ModelBundle) -> None:
    sheet = (BUILT_IN / DATASHEET).read_text(encoding="utf-8")
    evaluation = json.loads((BUILT_IN / EVALUATION).read_text(encoding="utf-8"))
    for source in evaluation["by_source"]:
        rows = [line for line in sheet.splitlines() if line.startswith(f"| {source} |")]
        assert rows
        assert all(len(cell.strip()) > 1 for cell in rows[0].split("|")[4:5])
    for part in ("copyright is\nunknown", "## Gaps", "## What this predicts", "never trained on"):
        assert part in sheet
    assert evaluation["thresholds"] == asdict(built_in.model.thresholds)
    assert evaluation["better_than_generic"] is True


def test_both_engines_say_the_same_of_the_same_crops(built_in: ModelBundle) -> None:
    images = [in_a_meadow(animal) for animal in ("brown-bear", "doe", "boar")]
    px, lift = built_in.input_px, built_in.model.lift
    crops = np.concatenate([cut(image, [WHOLE_FRAME], px, lift) for image in images])
    apart = np.abs(OnnxEngine(built_in, 1).infer(crops) - TorchEngine(built_in, "cpu", 1).infer(crops)).max()
    assert apart < 1e-3


def test_it_knows_a_bear_from_a_doe(built_in: ModelBundle) -> None:
    engine = OnnxEngine(built_in, 1)
    px, lift = built_in.input_px, built_in.model.lift
    crops = [cut(in_a_meadow(animal), [WHOLE_FRAME], px, lift) for animal in ("brown-bear", "doe", "dog")]
    bear, doe, dog = built_in.labels.bear_scores(engine.infer(np.concatenate(crops))).tolist()
    assert bear > built_in.model.thresholds.day
    assert max(doe, dog) < built_in.model.thresholds.day


def test_it_predicts_on_a_machine_without_torch(tmp_path: Path) -> None:
    assert cv2.imwrite(str(tmp_path / "bear.png"), in_a_meadow("brown-bear"))
    command = [sys.executable, "-c", WITHOUT_TORCH, str(tmp_path / "bear.png")]
    said = subprocess.run(command, capture_output=True, text=True, check=False, cwd=Path(__file__).parents[3])
    assert said.returncode == 0, said.stderr
    verdict, bear = json.loads(said.stdout)
    assert verdict == "bear"
    assert bear > 0.5
