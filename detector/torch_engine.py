"""The reference engine: the pretrained network in torch, on the CPU or on a CUDA device.

On the CPU a batch is run in small chunks: above about 32 MB per activation the C library gives memory back to the
system after every layer and takes it anew, and half of the time goes into page faults.

The CUDA device is a convenience that may fail at any time: out of memory halves the chunk, and when a single picture
does not fit, or the device fails otherwise, the engine moves to the CPU for good and says so. The watch never stops.
"""

from __future__ import annotations

import logging
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from detector.backbones import Backbone
from detector.network import fast_network

log = logging.getLogger(__name__)

Device = Literal["auto", "cpu", "cuda"]
CUDA_CHUNK = 256
_LARGEST_CPU_ACTIVATION_BYTES = 30_000_000
_WIDEST_CHANNELS = 96  # the first expansion: 96 channels of float32 on the half-sized map
_BYTES = 4


class TorchEngine:
    """Runs one backbone. Not thread-safe: one engine per worker.

    ``name`` is the model's short digest, ``input_px`` the side of the pictures, ``device`` ``"cpu"`` or ``"cuda"``;
    the device changes to ``"cpu"`` when CUDA fails. ``threads`` sets how many cores torch may use in this process
    (None leaves it as it is).
    """

    def __init__(self, backbone: Backbone, device: Device = "auto", threads: int | None = None) -> None:
        if threads is not None:
            torch.set_num_threads(threads)
        self.backbone = backbone
        self.name = backbone.short_digest
        self.input_px = backbone.input_px
        self.device = "cpu" if device == "cpu" or not torch.cuda.is_available() else "cuda"
        if device == "cuda" and self.device != "cuda":
            log.warning("no CUDA device is usable; %s runs on the CPU", backbone.label)
        self._build()

    def infer(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Logits (n, 1000) of pictures (n, input_px, input_px, 3), uint8 RGB, C-contiguous. n may be 0."""
        expected = (self.input_px, self.input_px, 3)
        if images.dtype != np.uint8 or images.ndim != 4 or images.shape[1:] != expected:
            raise ValueError(f"expected uint8 pictures of shape (n, {expected}), got {images.dtype} {images.shape}")
        logits = np.empty((len(images), 1000), dtype=np.float32)
        done = 0
        while done < len(images):
            chunk = images[done : done + self._chunk]
            try:
                logits[done : done + len(chunk)] = self._forward(chunk)
            except (torch.OutOfMemoryError, torch.AcceleratorError) as error:
                self._retreat(error, len(chunk))
                continue
            done += len(chunk)
        return logits

    def _build(self) -> None:
        self._on_cuda = self.device == "cuda"
        self._dtype = torch.float16 if self._on_cuda else torch.float32
        network = fast_network(self.backbone).to(memory_format=torch.channels_last)
        self._network = network.to(device=self.device, dtype=self._dtype)
        self._chunk = CUDA_CHUNK if self._on_cuda else cpu_chunk(self.input_px)

    @torch.inference_mode()
    def _forward(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        logits: Tensor = self._network(self._prepare(torch.from_numpy(images)))
        return logits.float().cpu().numpy()

    def _prepare(self, images: Tensor) -> Tensor:
        """(n, h, w, 3) uint8 to normalised (n, 3, h, w) in channels-last order, turned by 180 degrees."""
        if self._on_cuda:
            images = images.pin_memory().to(self.device, non_blocking=True)
        turned = images.flip(1, 2).to(self._dtype)
        return turned.sub_(self.backbone.mean).div_(self.backbone.std).permute(0, 3, 1, 2)

    def _retreat(self, error: Exception, chunk: int) -> None:
        """Smaller chunks while that may help, then the CPU. On the CPU there is nothing left to give: raise."""
        if not self._on_cuda:
            raise error
        if isinstance(error, torch.OutOfMemoryError) and chunk > 1:
            self._chunk = chunk // 2
            log.warning("the GPU is out of memory; %s continues with %d crops at a time", self.name, self._chunk)
            torch.cuda.empty_cache()
            return
        log.warning("the GPU failed (%s); %s continues on the CPU", error, self.name)
        self.device = "cpu"
        self._build()


def cpu_chunk(input_px: int) -> int:
    """How many pictures to run at once so that the largest activation stays small (see the module's docstring)."""
    activation_bytes = _WIDEST_CHANNELS * (input_px // 2) ** 2 * _BYTES
    return max(1, _LARGEST_CPU_ACTIVATION_BYTES // activation_bytes)
