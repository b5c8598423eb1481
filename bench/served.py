"""The bundle that benchmarks serve: the built-in one, or the pretrained network written and exported anew."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from detector.engines.choose import DEFAULT_BACKBONE
from detector.engines.equivalence import ENGINE_FILE
from detector.engines.export import export_onnx
from detector.engines.network import load_network
from detector.models.bundle import BUILT_IN, ModelBundle, write_bundle
from detector.models.model import Provenance


@contextmanager
def served_bundle() -> Iterator[Path]:
    """The directory of a bundle with its exported graph."""
    if (BUILT_IN / ENGINE_FILE).is_file():
        yield BUILT_IN
        return
    print(f"there is no built-in model; exporting {DEFAULT_BACKBONE} …", file=sys.stderr)
    with TemporaryDirectory() as directory:
        generic = ModelBundle.generic(DEFAULT_BACKBONE)
        tensors = load_network(generic).state_dict().items()
        state = {name: each.numpy() for name, each in tensors if each.is_floating_point()}
        write_bundle(Path(directory), generic.model, state, Provenance(), "", {})
        export_onnx(directory)
        yield Path(directory)
