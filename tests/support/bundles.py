"""Real model bundles made from the built-in one: the same network with another bias, or with something wrong."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
from safetensors.numpy import load as load_tensors

from detector.models.bundle import BUILT_IN, DESCRIPTION, ModelBundle, write_bundle
from detector.models.model import Provenance

BIAS = "classifier.bias"


def changed_bundle(directory: Path, bear_bias: float = 0.05) -> ModelBundle:
    """The built-in model with another bias of the bear's outputs: another model, nearly the same answers."""
    before = ModelBundle.load(BUILT_IN)
    assert before.content is not None
    tensors = {name: each.astype(np.float32) for name, each in load_tensors(before.content).items()}
    of_bears = np.array(before.labels.of_output) == before.labels.names.index("bear")
    tensors[BIAS] = tensors[BIAS] + np.where(of_bears, np.float32(bear_bias), np.float32(0.0))
    lineage = Provenance(parent=before.digest, code="test")
    evaluation = json.loads((BUILT_IN / "evaluation.json").read_text(encoding="utf-8"))
    return write_bundle(directory, before.model, tensors, lineage, "# A changed model\n", evaluation, before.reference)


def nan_bundle(directory: Path) -> ModelBundle:
    """A whole bundle, with a right digest, whose network answers with no numbers."""
    return changed_bundle(directory, float("nan"))


def blind_bundle(directory: Path) -> ModelBundle:
    """A whole bundle that sees no bear anywhere."""
    return changed_bundle(directory, -40.0)


def of_another_format(directory: Path) -> Path:
    """A bundle as another version of the program would write it."""
    shutil.copytree(BUILT_IN, directory)
    described = json.loads((directory / DESCRIPTION).read_text(encoding="utf-8"))
    (directory / DESCRIPTION).write_text(json.dumps({**described, "format": 2}), encoding="utf-8")
    return directory


def of_other_weights(directory: Path) -> Path:
    """A bundle one of whose files was damaged on the way."""
    shutil.copytree(BUILT_IN, directory)
    weights = bytearray((directory / "weights.safetensors").read_bytes())
    weights[-1] ^= 0xFF
    (directory / "weights.safetensors").write_bytes(weights)
    return directory
