"""What every engine is: one model that runs on pictures. :mod:`detector.engines.choose` picks one for this machine."""

from __future__ import annotations

from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from detector.models.bundle import ModelBundle

Device = Literal["auto", "cpu", "cuda"]
Runtime = Literal["auto", "torch", "onnx"]


class Engine(Protocol):
    """Runs a network on pictures. An engine belongs to one thread."""

    @property
    def bundle(self) -> ModelBundle:
        """The model that runs: its labels, thresholds and crop policy say what the logits mean."""
        ...

    @property
    def name(self) -> str:
        """What saw: the short digest of the model, written beside every score."""
        ...

    @property
    def input_px(self) -> int:
        """Side of the square pictures that :meth:`infer` takes."""
        ...

    @property
    def device(self) -> str:
        """Where it runs now: ``"cpu"`` or ``"cuda"``. May change when a GPU fails."""
        ...

    @property
    def threads(self) -> int:
        """How many cores it may use on the CPU, and so may whoever prepares its pictures."""
        ...

    @property
    def runtime(self) -> str:
        """What it runs in: ``"torch"`` or ``"onnx"``."""
        ...

    def infer(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Logits (n, bundle.outputs) of RGB pictures (n, input_px, input_px, 3); any n, also 0."""
        ...
