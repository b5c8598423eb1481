"""From a model bundle to the graph that ONNX Runtime serves. Needs torch, onnx and onnxscript; serving needs none.

1. The network is traced as it was trained, with the normalisation of its pictures in front: uint8 RGB
   (n, input_px, input_px, 3) in, logits (n, outputs) out, for any n.
2. Every tensor that the bundle's weights hold is taken out of the graph and becomes a reference into
   ``weights.safetensors``, followed by a cast to single precision. So the graph is small (0.2 MB), there is one copy
   of the weights, and their SHA-256 guards both engines.
3. Torch's logits for the reference pictures are written down beside the graph's SHA-256.
4. The hashes of the graphs, and of what describes them, are written into the bundle's description.
5. The engine that will serve is loaded and has to agree; if not, nothing is left behind.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxscript.optimizer
import torch
from numpy.typing import NDArray
from safetensors.numpy import load as load_tensors
from timm.layers.adaptive_avgmax_pool import FastAdaptiveAvgPool
from torch import Tensor, nn

from detector.engines.equivalence import (
    ENGINE_FILE,
    GRAPH,
    EngineFile,
    EngineFileError,
    Graph,
    farthest,
    reference_pictures,
)
from detector.engines.network import load_network
from detector.engines.onnx_engine import INPUT, OUTPUT, OnnxEngine
from detector.engines.torch_engine import TorchEngine
from detector.models.bundle import WEIGHTS, ModelBundle, write_file_table

_PREFIX = "network."
_HALF = ".half"


class ExportError(RuntimeError):
    """The bundle cannot be exported: it has no directory, or its network cannot be traced."""


@dataclass(frozen=True, slots=True)
class Exported:
    """One graph that was written. ``apart`` is how far a logit is from torch's, at most, on the reference pictures."""

    path: Path
    input_px: int
    sha256: str
    size_bytes: int
    apart: float


def export_onnx(directory: Path | str) -> list[Exported]:
    """Write ``engine.json`` and a graph for each size of the model's view into a bundle's directory.

    ``model.onnx`` is for the model's own input size, ``model-320.onnx`` for 320 px. Earlier ones are replaced.

    Raises:
        BundleError: the directory is no sound bundle.
        ExportError: the network cannot be traced.
        EngineFileError: a graph does not say what torch says.
    """
    bundle = ModelBundle.load(directory)
    home = bundle.directory
    if home is None or bundle.content is None:
        raise ExportError(f"{directory} takes its weights from a package; only bundles with weights can be exported")
    remove_export(home)
    sizes_px = sorted({bundle.input_px, *bundle.model.view.sizes_px})
    models = {px: bundle if px == bundle.input_px else bundle.at_size(px) for px in sizes_px}
    graphs = {px: _write_graph(model, home, bundle.input_px) for px, model in models.items()}
    made_with = {name: version(name) for name in ("torch", "onnx", "onnxscript", "onnxruntime")}
    EngineFile(bundle.digest, bundle.input_px, graphs, made_with).write(home)
    write_file_table(home, [ENGINE_FILE, *(graph.file for graph in graphs.values())])
    listed = ModelBundle.load(home)
    try:
        return [_proven(listed if px == bundle.input_px else listed.at_size(px), graphs[px], home) for px in models]
    except EngineFileError:
        remove_export(home)
        raise


def remove_export(directory: Path) -> None:
    """Remove the exported graphs of a bundle, if there are any: torch alone can run it then."""
    for path in (directory / ENGINE_FILE, *directory.glob("model*.onnx")):
        path.unlink(missing_ok=True)
    write_file_table(directory, [])


def _write_graph(bundle: ModelBundle, home: Path, own_px: int) -> Graph:
    file = GRAPH if bundle.input_px == own_px else f"model-{bundle.input_px}.onnx"
    content = _referring(_traced(bundle), bundle.content or b"").SerializeToString()
    (home / file).write_bytes(content)
    expected = TorchEngine(bundle, "cpu").infer(reference_pictures(bundle.input_px))
    return Graph(file, hashlib.sha256(content).hexdigest(), expected.tolist())


def _proven(bundle: ModelBundle, graph: Graph, home: Path) -> Exported:
    """Loading the engine that will serve compares it with torch."""
    found = OnnxEngine(bundle).infer(reference_pictures(bundle.input_px))
    apart = farthest(found, np.asarray(graph.logits, np.float32))
    path = home / graph.file
    return Exported(path, bundle.input_px, graph.sha256, path.stat().st_size, apart)


class _WithNormalisation(nn.Module):
    """The network with what happens to its pictures first."""

    def __init__(self, network: nn.Module, mean: float, std: float) -> None:
        super().__init__()
        self.network = network
        self.mean, self.std = mean, std

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.network((images.permute(0, 3, 1, 2).float() - self.mean) / self.std)
        return logits


def _traced(bundle: ModelBundle) -> onnx.ModelProto:
    network = load_network(bundle)
    for parent in list(network.modules()):
        for name, child in parent.named_children():
            # Traced as a mean, which it is; torch would trace its strides.
            if isinstance(child, nn.AdaptiveAvgPool2d) and child.output_size in (1, (1, 1)):
                setattr(parent, name, FastAdaptiveAvgPool())
    side = bundle.input_px
    try:
        program = torch.onnx.export(
            _WithNormalisation(network, bundle.mean, bundle.std).eval(),
            (torch.zeros((2, side, side, 3), dtype=torch.uint8),),
            dynamo=True,
            dynamic_shapes=({0: torch.export.Dim("batch")},),
            input_names=[INPUT],
            output_names=[OUTPUT],
            optimize=False,  # it would fold the normalisations, and the weights could not be referred to any more
            verbose=False,
        )
    except torch.onnx.errors.OnnxExporterError as error:
        raise ExportError(f"the network {bundle.architecture!r} cannot be traced: {error}") from error
    if program is None:
        raise ExportError(f"the network {bundle.architecture!r} cannot be traced")
    onnxscript.optimizer.fold_constants(program.model)
    onnxscript.optimizer.remove_unused_nodes(program.model)
    model: onnx.ModelProto = program.model_proto
    return model


def _referring(model: onnx.ModelProto, content: bytes) -> onnx.ModelProto:
    """The same graph with references into the weights file in place of its weights, and without the tracer's notes."""
    places, stored = _places(content), load_tensors(content)
    kept, casts = list[onnx.TensorProto](), list[onnx.NodeProto]()
    for tensor in model.graph.initializer:
        name = tensor.name.removeprefix(_PREFIX)
        if name not in stored or not _same(onnx.numpy_helper.to_array(tensor), stored[name]):
            kept.append(tensor)
            continue
        kept.append(_reference(tensor, *places[name]))
        casts.append(onnx.helper.make_node("Cast", [tensor.name + _HALF], [tensor.name], to=onnx.TensorProto.FLOAT))
    nodes = [*casts, *model.graph.node]
    for node in nodes:
        node.doc_string = ""
        node.ClearField("metadata_props")
    for field in ("initializer", "node", "value_info", "metadata_props"):
        model.graph.ClearField(field)
    model.ClearField("metadata_props")
    model.graph.initializer.extend(kept)
    model.graph.node.extend(nodes)
    return model


def _reference(tensor: onnx.TensorProto, offset: int, length: int) -> onnx.TensorProto:
    found = onnx.TensorProto(
        name=tensor.name + _HALF,
        dims=tensor.dims,
        data_type=onnx.TensorProto.FLOAT16,
        data_location=onnx.TensorProto.EXTERNAL,
    )
    for key, value in (("location", WEIGHTS), ("offset", str(offset)), ("length", str(length))):
        found.external_data.add(key=key, value=value)
    return found


def _same(traced: NDArray[Any], stored: NDArray[Any]) -> bool:
    return stored.dtype == np.float16 and np.array_equal(traced, stored.astype(np.float32))


def _places(content: bytes) -> dict[str, tuple[int, int]]:
    """Where each tensor lies in a safetensors file: its offset and length in bytes.

    The file is the header's length (8 bytes, little-endian), the header (JSON), and the tensors one after another.
    """
    header_length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + header_length])
    begins = 8 + header_length
    spans = {name: entry["data_offsets"] for name, entry in header.items() if name != "__metadata__"}
    return {name: (begins + first, last - first) for name, (first, last) in spans.items()}
