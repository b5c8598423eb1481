"""One interface for everything that turns pictures into logits, and the choice of the engine at start-up."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from detector.backbones import Backbone, backbone
from detector.bundle import ModelBundle
from detector.labels import LabelMap

log = logging.getLogger(__name__)

DEFAULT_BACKBONE = "lite2@224"
"""Chosen by ``python -m bench.backbones``: it sees bears at night that lite0 misses, and 50 crops/s take one core.
More than 224 px costs more and gains nothing on motion crops, which are small to begin with."""

Device = Literal["auto", "cpu", "cuda"]


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
    device: Device = "auto", backbone_label: str = DEFAULT_BACKBONE, threads: int | None = None
) -> Engine:
    """The engine for this machine, warmed up.

    ``device`` is ``auto`` (a usable GPU, else the CPU), ``cpu`` or ``cuda`` (the CPU with a warning if there is no
    usable GPU). ``backbone_label`` is a pretrained network such as ``lite2@224``, or the directory of a model bundle
    (anything with a ``/`` in it, or an existing directory). ``threads`` is how many cores the engine may use on the
    CPU; None: all that this process has.

    Raises:
        BackboneError: the backbone is unknown, or its weights are missing or damaged.
        BundleError: the directory is no sound model bundle.
    """
    wanted: Backbone | ModelBundle
    if "/" in backbone_label or Path(backbone_label).is_dir():
        wanted = ModelBundle.load(Path(backbone_label))
    else:
        wanted = backbone(backbone_label)
    # Imported here so that a machine with another engine needs no torch.
    from detector.torch_engine import TorchEngine

    engine = TorchEngine(wanted, device, threads)
    engine.infer(np.zeros((1, engine.input_px, engine.input_px, 3), dtype=np.uint8))
    log.info("%s runs on %s", engine.name, "a GPU" if engine.device == "cuda" else f"{engine.threads} CPU threads")
    return engine
