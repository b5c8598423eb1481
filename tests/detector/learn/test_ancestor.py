"""Averaged with an earlier bundle: only with one of the same kind, and judged where neither has been."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load as load_tensors

from detector.evaluate.manifest import LabelledPicture
from detector.learn.ancestor import Ancestor
from detector.learn.intake import TrainingError
from detector.learn.student import Start, start, student_labels
from detector.models.bundle import EVALUATION, ModelBundle, write_bundle
from detector.models.model import Model, Provenance, Thresholds

PARENT = "of the pretrained weights"


@pytest.fixture(scope="module")
def beginning() -> Start:
    return start("lite0")


@pytest.fixture(scope="module")
def earlier(beginning: Start, tmp_path_factory: pytest.TempPathFactory) -> ModelBundle:
    """A bundle whose weights are the pretrained ones and one more, trained on a meadow."""
    model = Model(
        name="earlier",
        architecture=beginning.architecture,
        input_px=64,
        mean=127.0,
        std=128.0,
        labels=student_labels(),
        weights={"file": "", "sha256": ""},
        thresholds=Thresholds(0.3, 0.3),
    )
    state = {n: each.numpy() + 1 for n, each in beginning.state.items() if each.is_floating_point()}
    folder = tmp_path_factory.mktemp("earlier")
    return write_bundle(folder, model, state, Provenance(PARENT), "sheet", {"sources": ["meadow (day camera)"]})


def row(label: str, source: str) -> LabelledPicture:
    return LabelledPicture("x.jpg", Path("x.jpg"), label, {"source": source})


def test_the_weights_are_averaged_by_share(beginning: Start, earlier: ModelBundle) -> None:
    ancestor = Ancestor(earlier, 0.25)
    ancestor.check(beginning, PARENT)
    assert earlier.content is not None
    stored = load_tensors(earlier.content)
    mixed = ancestor.averaged({name: each.float() for name, each in beginning.state.items()})
    assert set(mixed) == set(beginning.state)
    for name in list(stored)[:5]:
        expected = 0.75 * beginning.state[name].float() + 0.25 * torch.from_numpy(stored[name].astype(np.float32))
        torch.testing.assert_close(mixed[name], expected, atol=1e-3, rtol=1e-3)


def test_a_bundle_of_another_kind_is_refused(beginning: Start, earlier: ModelBundle) -> None:
    with pytest.raises(TrainingError, match="do not come from the same pretrained tf_efficientnet_lite0"):
        Ancestor(earlier, 0.5).check(beginning, "of other weights")
    with pytest.raises(TrainingError, match="same pretrained mobilenet"):
        Ancestor(earlier, 0.5).check(replace(beginning, architecture="mobilenet"), PARENT)
    with pytest.raises(TrainingError, match="cannot be averaged with"):
        Ancestor(ModelBundle.generic("lite0"), 0.5).check(beginning, PARENT)


def test_only_sources_that_neither_has_seen_are_judged(earlier: ModelBundle) -> None:
    rows = [row("bear", "meadow (night camera)"), row("bear", "creek"), row("deer", "creek"), row("deer", "meadow")]
    assert Ancestor(earlier, 0.5).unseen(rows).tolist() == [False, True, True, False]
    with pytest.raises(TrainingError, match="nothing is held out"):
        Ancestor(earlier, 0.5).unseen([row("bear", "meadow"), row("deer", "creek")])


def test_an_older_bundle_says_what_it_has_seen_by_what_was_judged(earlier: ModelBundle) -> None:
    assert earlier.directory is not None
    path = earlier.directory / EVALUATION
    before = path.read_text()
    try:
        path.write_text(json.dumps({"by_source": {"creek": {}}}))
        rows = [row("bear", "meadow"), row("deer", "meadow"), row("bear", "creek")]
        assert Ancestor(earlier, 0.5).unseen(rows).tolist() == [True, True, False]
        path.write_text("{}")
        with pytest.raises(TrainingError, match="does not say on which sources"):
            Ancestor(earlier, 0.5).unseen(rows)
    finally:
        path.write_text(before)
