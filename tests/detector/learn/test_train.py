"""The whole way from a handful of pictures to a bundle that predicts, and again after an interruption."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from bearwatch.cli import main
from detector.engines.onnx_engine import OnnxEngine
from detector.evaluate.manifest import read_manifest
from detector.learn import fit as fitting
from detector.learn.fit import CHECKPOINT, Run, fit
from detector.learn.recipe import Recipe
from detector.models.bundle import ModelBundle
from detector.predictor import Predictor
from tests.support.tiny_pictures import LABELS, picture, write_manifest, write_pictures

TINY = Recipe(backbone="lite0", train_px=64, input_px=64, epochs=1.0, batch=5, seed=3)
SIZES = ("--train-px", "64", "--input-px", "64", "--view", "flip@64")
WORDS = ("--backbone", "lite0", *SIZES, "--epochs", "0.2", "--batch", "4")


@pytest.fixture
def one_step_a_checkpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fitting, "STEPS_BETWEEN_CHECKPOINTS", 1)


def a_run(manifest: Path, folder: Path) -> Run:
    rows = read_manifest(manifest)
    return Run(rows, np.zeros((len(rows), 1000), dtype=np.float32), TINY, folder)


def test_an_interrupted_run_ends_where_an_undisturbed_one_ends(
    tmp_path: Path, one_step_a_checkpoint: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest = write_pictures(tmp_path / "pictures")
    undisturbed = fit(a_run(manifest, tmp_path / "one"))
    learn = fitting._Learner._learn

    def pull_the_plug(learner: fitting._Learner, pictures: torch.Tensor, numbers: torch.Tensor) -> float:
        if learner.step == 2:
            raise KeyboardInterrupt
        return learn(learner, pictures, numbers)

    with monkeypatch.context() as patch:
        patch.setattr(fitting._Learner, "_learn", pull_the_plug)
        with pytest.raises(KeyboardInterrupt):
            fit(a_run(manifest, tmp_path / "two"))
    assert (tmp_path / "two" / CHECKPOINT).is_file()
    again = fit(a_run(manifest, tmp_path / "two"))
    assert not (tmp_path / "two" / CHECKPOINT).exists()
    for name, each in undisturbed.items():
        torch.testing.assert_close(again[name], each, atol=1e-6, rtol=1e-5)


@pytest.mark.long
@pytest.mark.timeout(900)  # networks are trained
def test_the_command_writes_a_bundle_that_predicts_and_says_how_good_it_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    manifest = write_pictures(tmp_path / "pictures")
    (manifest.parent / "broken.jpg").write_bytes(b"\xff\xd8 cut off")
    with manifest.open("a") as file:
        file.write("broken.jpg,bear,creek,day,camtrap,none\n")
    out = tmp_path / "out"
    words = ["train", "--manifest", str(manifest), "--out", str(out), *WORDS, "--device", "cpu", "--jobs", "1"]
    assert main([*words, "--json"]) == 0
    said = capsys.readouterr()
    assert "broken.jpg" in said.err
    outcome = json.loads(said.out)
    bundle = ModelBundle.load(out / "bundle")
    assert outcome["model"] == bundle.short_digest
    assert Predictor(bundle).predict(picture("bear", 1)).label in bundle.labels.names
    assert set(LABELS) <= set(bundle.labels.names)
    evaluation = json.loads((out / "bundle" / "evaluation.json").read_text())
    assert evaluation["better_than_generic"] == outcome["better_than_generic"]
    assert evaluation["held_out"]["all"]["generic"]["pictures"] == 20
    sheet = (out / "bundle" / "datasheet.md").read_text()
    for part in (
        "| meadow | 10 | 2 | made for a test |",
        "1 pictures could not be decoded",
        "## Still pictures",
        "## Pictures made hard",
        "## Animals it does not know",
        "## What this predicts",
        "## Gaps",
    ):
        assert part in sheet
    assert evaluation["stills"]["all"]["generic"]["bears"] == 4
    assert str(bundle.model.view) == "flip@64"
    assert bundle.model.unknown_by == evaluation["unknown_by"] == "doubt"  # nothing was withheld that could tell
    assert OnnxEngine(bundle, 1).infer(np.zeros((1, 64, 64, 3), dtype=np.uint8)).shape == (1, bundle.outputs)
    assert bundle.provenance.recipe["seed"] == 1

    assert main([*words, "--json"]) == 0  # everything is remembered
    assert json.loads(capsys.readouterr().out)["model"] == bundle.short_digest
    assert main([*words, "--seed", "2"]) == 2
    assert "holds a training with other pictures or another recipe" in capsys.readouterr().err


def test_pictures_that_cannot_be_trained_on_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    manifest = write_pictures(tmp_path / "pictures")
    unicorn = write_manifest(tmp_path / "u.csv", [("a.jpg", "unicorn")], columns=("file", "label"))
    bearless = tmp_path / "pictures" / "bearless.csv"
    bearless.write_text("\n".join(line for line in manifest.read_text().splitlines() if "bear" not in line))
    words = ["train", "--out", str(tmp_path / "out"), *WORDS, "--manifest"]
    assert main([*words, str(unicorn)]) == 2
    assert main([*words, str(bearless)]) == 2
    said = capsys.readouterr().err
    assert "unknown labels unicorn" in said
    assert "0 of 16 readable pictures are bears" in said


@pytest.mark.long
def test_two_runs_side_by_side_train_the_same_as_one_after_the_other(tmp_path: Path) -> None:
    from detector.learn.runs import fit_all

    manifest = write_pictures(tmp_path / "pictures")
    short = replace(TINY, epochs=0.25)
    seen: set[str] = set()
    runs = [replace(a_run(manifest, tmp_path / name), recipe=short) for name in ("a", "b")]
    fit_all(runs, 2, lambda name, step, steps, loss: seen.add(name))
    alone = fit(replace(a_run(manifest, tmp_path / "c"), recipe=short))
    for name, each in fit(runs[0]).items():
        torch.testing.assert_close(each, alone[name], atol=1e-6, rtol=1e-5)
    assert seen == {"a", "b"}
