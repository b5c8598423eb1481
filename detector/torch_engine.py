"""The reference engine: the pretrained network in torch, on the CPU or on a CUDA device.

On the CPU a batch is cut into chunks that run side by side, each on one thread of its own. Two measured reasons:

- Threads that share one picture meet at a barrier after every layer, and spin there when another process has taken
  a core: on two busy cores that was 30 times *slower* than one thread. Chunks never wait for one another.
- Above about 32 MB per activation the C library gives the memory back to the system after every layer and takes it
  anew; half of the time then goes into page faults. So chunks are small.

The CUDA device is a convenience that may fail at any time: out of memory halves the chunk, and when a single picture
does not fit, or the device fails otherwise, the engine moves to the CPU for good and says so. The watch never stops.
"""

from __future__ import annotations

import logging
import math
import os
from concurrent.futures import ThreadPoolExecutor
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from detector.backbones import Backbone
from detector.bundle import ModelBundle
from detector.labels import GENERIC
from detector.network import fast_network

log = logging.getLogger(__name__)

Device = Literal["auto", "cpu", "cuda"]
CUDA_CHUNK = 256
_LARGEST_CPU_ACTIVATION_BYTES = 30_000_000
_WIDEST_CHANNELS = 96  # the first expansion: 96 channels of float32 on the half-sized map
_BYTES = 4


class TorchEngine:
    """Runs one backbone or model bundle. Not thread-safe: one engine per worker.

    ``name`` is the model's short digest, ``input_px`` the side of the pictures, ``labels`` what its outputs mean,
    ``device`` ``"cpu"`` or ``"cuda"``; the device changes to ``"cpu"`` when CUDA fails. ``threads`` is how many chunks
    run side by side on the CPU (None: as many as this process has cores).
    """

    def __init__(self, backbone: Backbone | ModelBundle, device: Device = "auto", threads: int | None = None) -> None:
        self.backbone = backbone
        self.name = backbone.short_digest
        self.input_px = backbone.input_px
        self.labels = GENERIC if isinstance(backbone, Backbone) else backbone.labels
        self.device = "cpu" if device == "cpu" or not torch.cuda.is_available() else "cuda"
        if device == "cuda" and self.device != "cuda":
            log.warning("no CUDA device is usable; %s runs on the CPU", backbone.label)
        self.threads = threads or len(os.sched_getaffinity(0))
        self._pool = ThreadPoolExecutor(self.threads, "torch-engine", initializer=torch.set_num_threads, initargs=(1,))
        try:
            self._build()
        except RuntimeError as error:
            if not self._on_cuda:
                raise
            self._retreat(error)

    def infer(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Logits (n, outputs) of pictures (n, input_px, input_px, 3), uint8 RGB, C-contiguous. n may be 0."""
        expected = (self.input_px, self.input_px, 3)
        if images.dtype != np.uint8 or images.ndim != 4 or images.shape[1:] != expected:
            raise ValueError(f"expected uint8 pictures of shape (n, {expected}), got {images.dtype} {images.shape}")
        if self._on_cuda:
            return self._infer_on_cuda(images)
        return self._infer_on_cpu(images)

    def _infer_on_cpu(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        step = cpu_step(len(images), self.threads, cpu_chunk(self.input_px))
        chunks = [images[start : start + step] for start in range(0, len(images), step)]
        done = self._pool.map(self._forward, chunks)
        return np.concatenate([np.empty((0, self.labels.outputs), dtype=np.float32), *done])

    def _infer_on_cuda(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Chunk by chunk. Out of memory halves the chunk; any other failure of the GPU moves to the CPU."""
        logits = np.empty((len(images), self.labels.outputs), dtype=np.float32)
        done = 0
        while done < len(images):
            chunk = images[done : done + self._cuda_chunk]
            try:
                logits[done : done + len(chunk)] = self._forward(chunk)
            except RuntimeError as error:  # whatever CUDA, cuDNN or the driver raises
                if isinstance(error, torch.OutOfMemoryError) and len(chunk) > 1:
                    self._shrink(len(chunk) // 2)
                    continue
                self._retreat(error)
                logits[done:] = self._infer_on_cpu(images[done:])
                break
            done += len(chunk)
        return logits

    def _build(self) -> None:
        self._on_cuda = self.device == "cuda"
        self._dtype = torch.float16 if self._on_cuda else torch.float32
        network = fast_network(self.backbone).to(memory_format=torch.channels_last)
        self._network = network.to(device=self.device, dtype=self._dtype)
        self._cuda_chunk = CUDA_CHUNK

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

    def _shrink(self, chunk: int) -> None:
        self._cuda_chunk = chunk
        log.warning("the GPU is out of memory; %s continues with %d crops at a time", self.name, chunk)
        torch.cuda.empty_cache()

    def _retreat(self, error: Exception) -> None:
        log.warning("the GPU failed (%s); %s continues on the CPU", error, self.name)
        self.device = "cpu"
        self._build()


def cpu_chunk(input_px: int) -> int:
    """How many pictures to run at once so that the largest activation stays small (see the module's docstring)."""
    activation_bytes = _WIDEST_CHANNELS * (input_px // 2) ** 2 * _BYTES
    return max(1, _LARGEST_CPU_ACTIVATION_BYTES // activation_bytes)


def cpu_step(images: int, threads: int, chunk: int) -> int:
    """Pictures per chunk so that all threads get nearly the same work and no chunk exceeds ``chunk``."""
    rounds = math.ceil(images / (threads * chunk))
    return math.ceil(images / (threads * max(rounds, 1))) or 1
