"""The choice of the engine at start-up: what this machine can run a model on, and what is fastest."""

from __future__ import annotations

import importlib.util
import logging
from pathlib import Path

import numpy as np

from detector.engines.benchmark import decide, try_engine, try_torch_apart
from detector.engines.engine import Device, Engine, Runtime
from detector.engines.equivalence import ENGINE_FILE, ChangedGraphError, EngineFileError
from detector.models.bundle import ModelBundle

log = logging.getLogger(__name__)

DEFAULT_BACKBONE = "lite2@224"
"""Chosen by ``python -m bench.backbone_speed``: it sees bears at night that lite0 misses, and 50 crops/s take one core.
More than 224 px costs more and gains nothing on motion crops, which are small to begin with."""

_SIGNS_OF_A_GPU = ("/dev/nvidiactl", "/proc/driver/nvidia/version", "/dev/dxg", "/dev/kfd")
_WORDS = {"torch": "torch", "onnx": "ONNX Runtime"}


class EngineError(RuntimeError):
    """No engine that is installed here can run the model."""


def choose_engine(
    device: Device = "auto",
    backbone_label: str = DEFAULT_BACKBONE,
    threads: int | None = None,
    runtime: Runtime = "auto",
) -> Engine:
    """The engine for this machine, warmed up.

    ``backbone_label`` is a pretrained network such as ``lite2@224``, the directory of a model bundle (anything with a
    ``/`` in it, or an existing directory), or ``built-in``: the trained model of this program. For the rest see
    :func:`engine_for`.

    Raises:
        BackboneError: the backbone is unknown, or its weights are missing or damaged.
        BundleError: the directory is no sound model bundle.
        EngineError: nothing that is installed can run it.
    """
    return engine_for(ModelBundle.open(backbone_label), device, threads, runtime)


def engine_for(
    wanted: ModelBundle,
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
        chosen, why = decide(try_torch_apart(wanted, threads), try_engine(graph))
        log.info("%s: %s", graph.name, why)
        if chosen == "torch":
            return _ready(_torch(wanted, "cpu", threads))
    return _ready(graph)


def _onnx(wanted: ModelBundle, threads: int | None, required: bool) -> Engine | None:
    """The exported graph in ONNX Runtime; None when there is none, or no ONNX Runtime, and torch can do it."""
    if not _installed("onnxruntime"):
        if required:
            raise EngineError(f"{wanted.label} needs torch or onnxruntime, neither can be used: {_HOW_TO_INSTALL}")
        return None
    if wanted.directory is None or not (wanted.directory / ENGINE_FILE).is_file():
        if required:
            raise EngineError(f"{wanted.label} has no exported graph; export it, or run it in torch: {_HOW_TO_INSTALL}")
        return None
    # Imported here so that a machine with another engine needs no ONNX Runtime.
    from detector.engines.onnx_engine import OnnxEngine

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


def _torch(wanted: ModelBundle, device: Device, threads: int | None) -> Engine:
    if not _installed("torch", "timm"):
        raise EngineError(f"{wanted.label} is to run in torch, which is not installed: {_HOW_TO_INSTALL}")
    # Imported here so that a machine with another engine needs no torch.
    from detector.engines.torch_engine import TorchEngine

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
    where = "a GPU" if engine.device == "cuda" else f"{engine.threads} CPU threads"
    log.info("%s runs in %s on %s", engine.name, _WORDS.get(engine.runtime, engine.runtime), where)
    return engine
