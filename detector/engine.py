"""One interface for everything that turns pictures into logits, and the choice of the engine at start-up."""

from __future__ import annotations

import importlib.util
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from detector.backbones import Backbone, backbone
from detector.bundle import SHIPPED_NAME, ModelBundle
from detector.labels import LabelMap
from detector.reference import ENGINE_FILE, ChangedGraphError, EngineFileError
from detector.trial import decide, try_engine, try_torch_apart

if TYPE_CHECKING:
    from detector.onnx_engine import OnnxEngine

log = logging.getLogger(__name__)

DEFAULT_BACKBONE = "lite2@224"
"""Chosen by ``python -m bench.backbones``: it sees bears at night that lite0 misses, and 50 crops/s take one core.
More than 224 px costs more and gains nothing on motion crops, which are small to begin with."""

Device = Literal["auto", "cpu", "cuda"]
Runtime = Literal["auto", "torch", "onnx"]
_SIGNS_OF_A_GPU = ("/dev/nvidiactl", "/proc/driver/nvidia/version", "/dev/dxg", "/dev/kfd")
_WORDS = {"torch": "torch", "onnx": "ONNX Runtime"}


class EngineError(RuntimeError):
    """No engine that is installed here can run the model."""


class Engine(Protocol):
    """Runs a network on pictures. An engine belongs to one thread."""

    @property
    def name(self) -> str:
        """What saw: the short digest of the model, written beside every score."""
        ...

    @property
    def input_px(self) -> int:
        """Side of the square pictures that :meth:`infer` takes."""
        ...

    @property
    def labels(self) -> LabelMap:
        """What the outputs mean."""
        ...

    @property
    def device(self) -> str:
        """Where it runs now: ``"cpu"`` or ``"cuda"``. May change when a GPU fails."""
        ...

    def infer(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Logits (n, outputs) of RGB pictures (n, input_px, input_px, 3); any n, also 0."""
        ...


def choose_engine(
    device: Device = "auto",
    backbone_label: str = DEFAULT_BACKBONE,
    threads: int | None = None,
    runtime: Runtime = "auto",
) -> Engine:
    """The engine for this machine, warmed up.

    ``backbone_label`` is a pretrained network such as ``lite2@224``, the directory of a model bundle (anything with a
    ``/`` in it, or an existing directory), or ``shipped``: the trained bundle that comes along. For the rest see
    :func:`engine_for`.

    Raises:
        BackboneError: the backbone is unknown, or its weights are missing or damaged.
        BundleError: the directory is no sound model bundle.
        EngineError: nothing that is installed can run it.
    """
    wanted: Backbone | ModelBundle
    if backbone_label == SHIPPED_NAME or "/" in backbone_label or Path(backbone_label).is_dir():
        wanted = ModelBundle.open(backbone_label)
    else:
        wanted = backbone(backbone_label)
    return engine_for(wanted, device, threads, runtime)


def engine_for(
    wanted: Backbone | ModelBundle,
    device: Device = "auto",
    threads: int | None = None,
    runtime: Runtime = "auto",
    measure: bool = True,
) -> Engine:
    """The engine that runs this model here, warmed up.

    ``device`` is ``auto`` (a usable GPU, else the CPU), ``cpu`` or ``cuda`` (the CPU with a warning if there is no
    usable GPU). ``threads`` is how many cores the engine may use on the CPU; None: all that this process has.
    ``runtime`` is ``torch``, ``onnx`` (the exported graph on the CPU), or ``auto``:

    1. A GPU that may be used and is usable is used, with torch.
    2. Where only one of torch and the exported graph (with ONNX Runtime) is there, it is taken.
    3. Where both are, both answer the same pictures: the faster is taken, or torch if they disagree. That takes some
       seconds; without ``measure`` the graph is taken, which starts at once and needs a quarter of the memory.

    Raises:
        EngineError: nothing that is installed can run it.
        EngineFileError: the exported graph was changed; or it alone could run the model, and cannot be used.
    """
    torch_there = _installed("torch", "timm")
    if runtime != "onnx" and device != "cpu" and torch_there and _gpu_is_usable():
        return _ready(_torch(wanted, device, threads))
    if device == "cuda":
        log.warning("no CUDA device is usable; %s runs on the CPU", wanted.label)
    graph = None if runtime == "torch" else _onnx(wanted, threads, required=runtime == "onnx" or not torch_there)
    if graph is None:
        return _ready(_torch(wanted, "cpu", threads))
    if runtime == "auto" and torch_there and measure:
        chosen, why = decide(try_torch_apart(graph.bundle, threads), try_engine(graph))
        log.info("%s: %s", graph.name, why)
        if chosen == "torch":
            return _ready(_torch(wanted, "cpu", threads))
    return _ready(graph)


def _onnx(wanted: Backbone | ModelBundle, threads: int | None, required: bool) -> OnnxEngine | None:
    """The exported graph in ONNX Runtime; None when there is none, or no ONNX Runtime, and torch can do it."""
    if not isinstance(wanted, ModelBundle):
        wanted = ModelBundle.generic(wanted.label)
    if not _installed("onnxruntime"):
        if required:
            raise EngineError(f"{wanted.label} needs torch or onnxruntime, neither can be used: {_HOW_TO_INSTALL}")
        return None
    if wanted.directory is None or not (wanted.directory / ENGINE_FILE).is_file():
        if required:
            raise EngineError(f"{wanted.label} has no exported graph; export it, or run it in torch: {_HOW_TO_INSTALL}")
        return None
    # Imported here so that a machine with another engine needs no ONNX Runtime.
    from detector.onnx_engine import OnnxEngine

    try:
        return OnnxEngine(wanted, threads)
    except EngineFileError as error:
        if required or isinstance(error, ChangedGraphError):
            raise
        log.warning("%s; torch is taken", error)
        return None


_HOW_TO_INSTALL = (
    "install requirements/serve.txt and choose a model with an exported graph, or install requirements/detector.txt"
)


def _torch(wanted: Backbone | ModelBundle, device: Device, threads: int | None) -> Engine:
    if not _installed("torch", "timm"):
        raise EngineError(f"{wanted.label} is to run in torch, which is not installed: {_HOW_TO_INSTALL}")
    # Imported here so that a machine with another engine needs no torch.
    from detector.torch_engine import TorchEngine

    return TorchEngine(wanted, device, threads)


def _gpu_is_usable() -> bool:
    """Asks torch, but only where the system knows of a GPU: importing torch takes seconds."""
    if not any(Path(path).exists() for path in _SIGNS_OF_A_GPU):
        return False
    import torch

    return torch.cuda.is_available()


def _installed(*packages: str) -> bool:
    try:
        return all(importlib.util.find_spec(package) is not None for package in packages)
    except (ImportError, ValueError):
        return False


def _ready(engine: Engine) -> Engine:
    engine.infer(np.zeros((1, engine.input_px, engine.input_px, 3), dtype=np.uint8))
    where = "a GPU" if engine.device == "cuda" else f"{getattr(engine, 'threads', 1)} CPU threads"
    log.info("%s runs in %s on %s", engine.name, _word(engine), where)
    return engine


def _word(engine: Engine) -> str:
    return _WORDS.get(getattr(engine, "runtime", ""), type(engine).__name__)
