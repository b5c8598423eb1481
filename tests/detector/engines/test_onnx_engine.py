"""The exported graph says what torch says, or it is not used; and whoever serves it needs no torch."""

from __future__ import annotations

import json
import logging
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

import detector.engines.benchmark
from bearwatch.cli import main
from core.messages import WHOLE_FRAME
from detector.engines.batch_split import cpu_step
from detector.engines.benchmark import Trial, decide
from detector.engines.choose import EngineError, choose_engine, engine_for
from detector.engines.equivalence import (
    ENGINE_FILE,
    GRAPH,
    PICTURES,
    TOLERANCE,
    ChangedGraphError,
    EngineFileError,
    reference_pictures,
)
from detector.engines.onnx_engine import CHUNK, OnnxEngine
from detector.engines.torch_engine import TorchEngine
from detector.learn.student import start, student_labels
from detector.models.bundle import BUILT_IN, WEIGHTS, BundleError, ModelBundle, write_bundle, write_file_table
from detector.models.crops import cut
from detector.models.model import Model, Provenance, Thresholds
from detector.models.view import View

PX = 64
ROOT = Path(__file__).parents[3]
ASSETS = ROOT / "simulation" / "cameras" / "assets"


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle of the small network with its exported graph."""
    folder = tmp_path_factory.mktemp("exported") / "bundle"
    state = {name: each.numpy() for name, each in start("lite0").state.items() if not name.endswith("tracked")}
    model = Model(
        name="tiny",
        architecture="tf_efficientnet_lite0",
        input_px=PX,
        mean=127.0,
        std=128.0,
        labels=student_labels(),
        weights={"file": "", "sha256": ""},
        thresholds=Thresholds(0.3, 0.2),
        view=View("whole"),
    )
    write_bundle(folder, model, state, Provenance(), "# Sheet\n", {})
    assert main(["export", "--onnx", str(folder), "--json"]) == 0
    return folder


@pytest.fixture
def copied(exported: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(exported, tmp_path / "copy"))


def staged_crops(side_px: int = PX) -> NDArray[np.uint8]:
    """Every cut-out animal on grass: (n, side, side, 3) RGB."""
    crops = []
    for file in sorted(ASSETS.glob("*.png")):
        cutout = cv2.imread(str(file), cv2.IMREAD_UNCHANGED)
        if cutout is None or cutout.ndim < 3 or cutout.shape[2] < 4:
            continue
        alpha = cutout[:, :, 3:] / 255
        image = (cutout[:, :, :3] * alpha + np.array([70, 110, 95]) * (1 - alpha)).astype(np.uint8)
        crops.append(cut(image, [WHOLE_FRAME], side_px)[0])
    return np.stack(crops)


def changed_description(folder: Path, **changes: Any) -> None:
    """Make another, sound, model of a bundle by changing what decides."""
    found = json.loads((folder / "bundle.json").read_text())
    model = Model.from_json(found["decides"] | changes)
    (folder / "bundle.json").write_text(json.dumps(found | {"decides": model.to_json(), "digest": model.digest}))


def test_both_engines_say_the_same_of_staged_animals_in_any_batch(exported: Path) -> None:
    bundle = ModelBundle.load(exported)
    crops = staged_crops()
    assert len(crops) > 2 * CHUNK
    expected = TorchEngine(bundle, "cpu").infer(crops)
    assert np.ptp(expected) > 5
    for threads in (1, 2):
        engine = OnnxEngine(bundle, threads)
        for count in (0, 1, CHUNK + 1, len(crops)):
            found = engine.infer(crops[:count])
            assert found.shape == (count, bundle.outputs)
            np.testing.assert_allclose(found, expected[:count], atol=TOLERANCE)


def test_the_graph_is_small_because_it_refers_to_the_weights(exported: Path) -> None:
    graph = (exported / GRAPH).read_bytes()
    assert len(graph) < 300_000
    assert graph.count(WEIGHTS.encode()) > 100
    assert str(ROOT).encode() not in graph


def test_the_model_is_the_same_with_or_without_its_graph(exported: Path, copied: Path) -> None:
    for name in (GRAPH, ENGINE_FILE):
        (copied / name).unlink()
    assert ModelBundle.load(copied).digest == ModelBundle.load(exported).digest


def test_a_tampered_graph_is_never_run_not_even_where_torch_could_step_in(copied: Path) -> None:
    content = bytearray((copied / GRAPH).read_bytes())
    content[len(content) // 2] ^= 1
    (copied / GRAPH).write_bytes(content)
    with pytest.raises(ChangedGraphError, match=r"model\.onnx was changed or damaged"):
        choose_engine("cpu", str(copied))


def test_tampered_weights_are_never_run(copied: Path) -> None:
    content = bytearray((copied / WEIGHTS).read_bytes())
    content[-1] ^= 1
    (copied / WEIGHTS).write_bytes(content)
    with pytest.raises(BundleError, match=r"weights\.safetensors was changed or damaged"):
        choose_engine("cpu", str(copied), runtime="onnx")


def test_a_graph_that_says_something_else_than_torch_gives_way_to_torch(
    copied: Path, caplog: pytest.LogCaptureFixture
) -> None:
    found = json.loads((copied / ENGINE_FILE).read_text())
    found["graphs"][str(PX)]["logits"][1][7] += 2 * TOLERANCE
    (copied / ENGINE_FILE).write_text(json.dumps(found))
    write_file_table(copied, [ENGINE_FILE, GRAPH])
    with pytest.raises(EngineFileError, match="does not say what torch says"):
        choose_engine("cpu", str(copied), runtime="onnx")
    with caplog.at_level(logging.WARNING):
        engine = choose_engine("cpu", str(copied))
    assert isinstance(engine, TorchEngine)
    assert "torch is taken" in caplog.text


def test_the_graph_of_another_model_is_refused(copied: Path) -> None:
    changed_description(copied, name="other")
    with pytest.raises(EngineFileError, match="not of other@64"):
        OnnxEngine(ModelBundle.load(copied))


def test_a_size_that_was_not_exported_is_run_by_torch(exported: Path) -> None:
    larger = ModelBundle.load(exported).at_size(96)
    with pytest.raises(EngineFileError, match="exported for 64 px, not for 96 px"):
        OnnxEngine(larger)
    assert isinstance(engine_for(larger, "cpu"), TorchEngine)


@pytest.mark.parametrize("text", ["{", "[]", '{"format": 7}', '{"format": 1}'])
def test_anything_else_is_no_engine_file(copied: Path, text: str) -> None:
    (copied / ENGINE_FILE).write_text(text)
    write_file_table(copied, [ENGINE_FILE, GRAPH])
    with pytest.raises(EngineFileError, match=r"engine\.json cannot be read.*run: bearwatch export"):
        OnnxEngine(ModelBundle.load(copied))


def test_a_bundle_that_was_never_exported_says_how_to(copied: Path) -> None:
    (copied / ENGINE_FILE).unlink()
    with pytest.raises(EngineError, match="has no exported graph"):
        choose_engine("cpu", str(copied), runtime="onnx")
    assert isinstance(choose_engine("cpu", str(copied)), TorchEngine)


def test_the_engine_is_chosen_by_measurement(
    exported: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(detector.engines.benchmark, "PATIENCE_S", 900.0)  # a busy machine takes minutes to import torch
    with caplog.at_level(logging.INFO):
        engine = choose_engine("auto", str(exported), threads=1)
    assert "chosen by measurement" in caplog.text
    assert engine.name == ModelBundle.load(exported).short_digest


def trial(cpu_ms: float, logit: float = 1.0) -> Trial:
    return Trial(cpu_ms, np.full((PICTURES, 3), logit, dtype=np.float32))


@pytest.mark.parametrize(
    ("torch", "graph", "chosen"),
    [
        (trial(20), trial(10), "onnx"),
        (trial(10), trial(20), "torch"),
        (None, trial(20), "onnx"),
        (trial(20), trial(10, logit=1.0 + TOLERANCE / 2), "onnx"),
        (trial(20), trial(10, logit=1.0 + 2 * TOLERANCE), "torch"),
        (trial(20), trial(10, logit=float("nan")), "torch"),
    ],
    ids=["graph faster", "torch faster", "torch untried", "nearly equal", "they differ", "no number"],
)
def test_the_faster_engine_is_taken_unless_it_differs_from_torch(
    torch: Trial | None, graph: Trial, chosen: str
) -> None:
    assert decide(torch, graph)[0] == chosen


def test_reference_pictures_are_the_same_everywhere() -> None:
    pictures = reference_pictures(PX)
    assert pictures.shape == (PICTURES, PX, PX, 3)
    assert pictures.dtype == np.uint8
    assert [int(picture.astype(np.int64).sum()) for picture in pictures] == [1614182, 2167067, 2484029, 2672850]
    assert min(picture.std() for picture in pictures) > 20


def test_no_chunk_is_larger_than_it_may_be() -> None:
    assert cpu_step(9, threads=2, chunk=CHUNK) == 3
    assert cpu_step(1, threads=2, chunk=CHUNK) == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [(["--onnx", "nowhere/"], "is not a model bundle"), (["--onnx", "nowhere/", "--out", "."], "exists already")],
)
def test_export_says_what_is_wrong(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", *arguments]) == 2
    assert message in capsys.readouterr().err


WITHOUT_TORCH = """
import sys

class NotHere:
    names = {"torch", "torchvision", "timm", "scipy", "onnx", "onnxscript", "sympy", "pandas"}
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in self.names:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, NotHere())
"""


def run_without_torch(code: str, *arguments: str) -> str:
    """Run code in a process that cannot import torch; returns what it prints."""
    command = [sys.executable, "-c", WITHOUT_TORCH + code, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_machine_without_torch_serves_the_exported_graph(exported: Path) -> None:
    said = run_without_torch(
        """
from detector.engines.choose import choose_engine
from detector.engines.equivalence import reference_pictures
engine = choose_engine("auto", sys.argv[1])
print(engine.runtime, engine.infer(reference_pictures(engine.input_px)).sum())
""",
        str(exported),
    )
    runtime, total = said.split()
    expected = TorchEngine(ModelBundle.load(exported), "cpu").infer(reference_pictures(PX)).sum()
    assert runtime == "onnx"
    assert float(total) == pytest.approx(float(expected), abs=1.0)


def test_a_machine_without_torch_says_what_to_install_for_a_pretrained_network() -> None:
    said = run_without_torch(
        """
from detector.engines.choose import EngineError, choose_engine
try:
    choose_engine("auto", "lite2@224")
except EngineError as error:
    print(error)
"""
    )
    assert "requirements/detector.txt" in said


def test_every_process_of_a_site_starts_without_torch() -> None:
    said = run_without_torch(
        """
from importlib import import_module
from bearwatch.cli import module_of
from bearwatch.local_site import SERVICES
for name in [*SERVICES, "demo", "up", "check", "replay", "migrate"]:
    import_module(module_of(name))
shared = "detector.worker detector.tracking.track_worker detector.engines.onnx_engine"
for name in [*shared.split(), "ingest.ingest_process", "review_ui.app"]:
    import_module(name)
print(sorted(NotHere.names & set(sys.modules)))
"""
    )
    assert said.strip() == "[]"


@pytest.mark.parametrize("name", ["demo", "serve", "site", "ingest"])
def test_the_light_requirement_sets_bring_no_torch(name: str) -> None:
    lines = (ROOT / "requirements" / f"{name}.txt").read_text().splitlines()
    pinned = {line.partition("==")[0] for line in lines if "==" in line and not line.startswith((" ", "#"))}
    assert not pinned & {"torch", "torchvision", "timm", "triton", "onnx", "onnxscript", "sympy", "pandas"}
    assert not any(package.startswith(("nvidia-", "efficientnet-")) for package in pinned)
    assert ("onnxruntime" in pinned) == (name != "ingest")


@pytest.mark.parametrize(
    ("device", "exported", "wanted"), [("cuda", True, "detector"), ("cpu", True, "demo"), ("cpu", False, "detector")]
)
def test_the_demo_installs_torch_only_where_it_needs_it(
    tmp_path: Path, device: str, exported: bool, wanted: str
) -> None:
    (tmp_path / "scripts").mkdir()
    script = shutil.copy(ROOT / "scripts" / "which-set", tmp_path / "scripts")
    if exported:
        engine_file = tmp_path / BUILT_IN.relative_to(ROOT) / ENGINE_FILE
        engine_file.parent.mkdir(parents=True)
        engine_file.touch()
    done = subprocess.run([script, device], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == wanted
