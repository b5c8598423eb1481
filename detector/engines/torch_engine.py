"""The reference engine: the network in torch, on the CPU or on a CUDA device.

On the CPU a batch is cut into chunks that run side by side, each on one thread of its own. Two measured reasons:

- Threads that share one picture meet at a barrier after every layer, and spin there when another process has taken
  a core: on two busy cores that was 30 times *slower* than one thread. Chunks never wait for one another.
- Above about 32 MB per activation the C library gives the memory back to the system after every layer and takes it
  anew; half of the time then goes into page faults. So chunks are small.

The CUDA device (:mod:`detector.engines.cuda_network`) is a convenience that may fail at any time: out of memory halves
the chunk, and when a single picture does not fit, or the device fails otherwise, the engine moves to the CPU for good
and says so. The watch never stops.
"""

from __future__ import annotations

import logging
import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from detector.engines.batch_split import cpu_step, expect_pictures
from detector.engines.cuda_network import CUDA_CHUNK, CudaNetwork
from detector.engines.engine import Device
from detector.engines.network import fast_network
from detector.models.bundle import ModelBundle

log = logging.getLogger(__name__)

_LARGEST_CPU_ACTIVATION_BYTES = 30_000_000
_WIDEST_CHANNELS = 96  # the first expansion: 96 channels of float32 on the half-sized map
_BYTES = 4


class TorchEngine:
    """Runs one model bundle. Not thread-safe: one engine per worker.

    ``name`` is the model's short digest, ``input_px`` the side of the pictures, ``device`` ``"cpu"`` or ``"cuda"``; it
    changes to ``"cpu"`` when CUDA fails. ``threads`` is how many chunks
    run side by side on the CPU (None: as many as this process has cores).
    """

    runtime = "torch"

    def __init__(self, bundle: ModelBundle, device: Device = "auto", threads: int | None = None) -> None:
        self.bundle = bundle
        self.name = bundle.short_digest
        self.input_px = bundle.input_px
        self.threads = threads or len(os.sched_getaffinity(0))
        self._pool = ThreadPoolExecutor(self.threads, "torch-engine", initializer=torch.set_num_threads, initargs=(1,))
        self._network = fast_network(bundle).to(memory_format=torch.channels_last)
        self._gpu: CudaNetwork | None = None
        self.device = "cpu"
        if device != "cpu":
            self._move_to_cuda(device)

    def infer(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Logits (n, outputs) of pictures (n, input_px, input_px, 3), uint8 RGB, C-contiguous. n may be 0."""
        expect_pictures(images, self.input_px)
        found = self._infer_on_cuda(images)
        return self._infer_on_cpu(images) if found is None else found

    def _infer_on_cpu(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        step = cpu_step(len(images), self.threads, cpu_chunk(self.input_px))
        chunks = [images[start : start + step] for start in range(0, len(images), step)]
        done = self._pool.map(self._forward, chunks)
        return np.concatenate([np.empty((0, self.bundle.outputs), dtype=np.float32), *done])

    def _infer_on_cuda(self, images: NDArray[np.uint8]) -> NDArray[np.float32] | None:
        """None when there is no GPU, or no longer. Out of memory halves the chunk; any other failure ends its use."""
        while self._gpu is not None:
            try:
                return self._gpu.run(images)
            except RuntimeError as error:  # whatever CUDA, cuDNN or the driver raises
                self._shrink_or_retreat(self._gpu.most, error)
        return None

    @torch.inference_mode()
    def _forward(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """On the CPU, as (n, 3, h, w) in channels-last order, turned by 180 degrees."""
        turned = torch.from_numpy(images).flip(1, 2).to(torch.float32)
        normalised = turned.sub_(self.bundle.mean).div_(self.bundle.std).permute(0, 3, 1, 2)
        logits: Tensor = self._network(normalised)
        return logits.numpy()

    def _move_to_cuda(self, device: Device) -> None:
        if not torch.cuda.is_available():
            if device == "cuda":
                log.warning("no CUDA device is usable; %s runs on the CPU", self.bundle.label)
            return
        self.device = "cuda"
        self._occupy(CUDA_CHUNK)

    def _occupy(self, chunk: int) -> None:
        """Put the network on the GPU, with chunks as large as there is memory for."""
        try:
            network = fast_network(self.bundle)
            of = self.bundle
            self._gpu = CudaNetwork(network, self.input_px, self.bundle.outputs, of.mean, of.std, chunk)
        except RuntimeError as error:
            self._shrink_or_retreat(chunk, error)

    def _shrink_or_retreat(self, chunk: int, error: RuntimeError) -> None:
        self._gpu = None
        if isinstance(error, torch.OutOfMemoryError) and chunk > 1:
            log.warning("the GPU is out of memory; %s continues with %d crops at a time", self.name, chunk // 2)
            torch.cuda.empty_cache()
            self._occupy(chunk // 2)
            return
        log.warning("the GPU failed (%s); %s continues on the CPU", error, self.name)
        self.device = "cpu"


def cpu_chunk(input_px: int) -> int:
    """How many pictures to run at once so that the largest activation stays small (see the module's docstring)."""
    activation_bytes = _WIDEST_CHANNELS * (input_px // 2) ** 2 * _BYTES
    return max(1, _LARGEST_CPU_ACTIVATION_BYTES // activation_bytes)
