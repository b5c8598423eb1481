"""The network on a CUDA device: half precision, channels-last, replayed as CUDA graphs, fed through two buffers.

While the device works on one chunk, the next is copied into the other buffer on a stream of its own. A CUDA graph is
recorded for each batch size that is a power of two; a smaller batch is replayed in the next larger graph, and the rows
that nobody asked for are ignored. Launching the network's kernels one by one takes the processor longer than the
device needs for small batches; replaying a graph is one launch.
"""

from __future__ import annotations

import logging
from collections import deque
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

log = logging.getLogger(__name__)

CUDA_CHUNK = 256
"""Most pictures in one chunk; a power of two."""
_BUFFERS = 2
_WARM_UPS = 3  # cuDNN chooses its algorithms, which must not happen while a graph is recorded


@dataclass
class _Slot:
    """The buffers of one chunk on its way: pictures in page-locked memory and on the device, logits the same way back.

    ``arrived`` and ``done`` are events on the device; ``graphs`` are those recorded for these buffers, by batch size.
    """

    pinned: Tensor
    pictures: Tensor
    logits: Tensor
    answer: Tensor
    arrived: torch.cuda.Event
    done: torch.cuda.Event
    graphs: dict[int, torch.cuda.CUDAGraph] = field(default_factory=dict)


class CudaNetwork:
    """Runs a network for pictures turned by 180 degrees (:func:`detector.engines.network.fast_network`) on a CUDA
    device.

    ``most`` is the largest chunk, a power of two. Any failure of the device is a RuntimeError, of which
    ``torch.OutOfMemoryError`` is one kind; whoever catches it throws this object away.
    """

    def __init__(
        self, network: nn.Module, input_px: int, outputs: int, mean: float, std: float, most: int = CUDA_CHUNK
    ) -> None:
        torch.backends.cudnn.benchmark = True
        self.most = most
        self._network = network.to(memory_format=torch.channels_last).to("cuda", torch.float16)
        self._mean, self._std, self._outputs = mean, std, outputs
        self._copying, self._computing = _stream(), _stream()
        self._memory = torch.cuda.graph_pool_handle()
        self._graphs_work = True
        self._slots = [_slot(most, input_px, outputs) for _ in range(_BUFFERS)]

    @torch.inference_mode()
    def run(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Logits (n, outputs) of pictures (n, input_px, input_px, 3), uint8 RGB."""
        logits = np.empty((len(images), self._outputs), dtype=np.float32)
        under_way: deque[tuple[_Slot, int, int]] = deque()
        for number, start in enumerate(range(0, len(images), self.most)):
            if len(under_way) == _BUFFERS:
                _collect(*under_way.popleft(), logits)
            slot, chunk = self._slots[number % _BUFFERS], images[start : start + self.most]
            self._send(slot, chunk)
            under_way.append((slot, start, len(chunk)))
        while under_way:
            _collect(*under_way.popleft(), logits)
        return logits

    def _send(self, slot: _Slot, chunk: NDArray[np.uint8]) -> None:
        """Start one chunk. The slot's earlier chunk has been collected, so nothing reads its buffers any more."""
        count = len(chunk)
        slot.pinned[:count].copy_(torch.from_numpy(chunk))
        with torch.cuda.stream(self._copying):
            slot.pictures[:count].copy_(slot.pinned[:count], non_blocking=True)
            slot.arrived.record(self._copying)
        self._computing.wait_event(slot.arrived)
        self._compute(slot, min(self.most, 1 << (count - 1).bit_length()))
        with torch.cuda.stream(self._computing):
            slot.answer[:count].copy_(slot.logits[:count], non_blocking=True)
            slot.done.record(self._computing)

    def _compute(self, slot: _Slot, count: int) -> None:
        if self._graphs_work and count not in slot.graphs:
            self._record(slot, count)
        with torch.cuda.stream(self._computing):
            if self._graphs_work:
                slot.graphs[count].replay()
            else:
                self._forward(slot, count)

    def _record(self, slot: _Slot, count: int) -> None:
        with torch.cuda.stream(self._computing):
            for _ in range(_WARM_UPS):
                self._forward(slot, count)
        self._computing.synchronize()
        graph = torch.cuda.CUDAGraph()
        try:
            # The graphs share their scratch memory: one stream replays them one after another, and what comes out is
            # copied into the slot's own buffer by the graph itself. Other threads may use the device meanwhile.
            with torch.cuda.graph(graph, self._memory, self._computing, capture_error_mode="thread_local"):
                self._forward(slot, count)
        except torch.OutOfMemoryError:
            raise
        except RuntimeError as error:
            log.warning("no CUDA graphs here (%s); the network runs without them", error)
            self._graphs_work = False
            torch.cuda.synchronize()
            return
        slot.graphs[count] = graph

    def _forward(self, slot: _Slot, count: int) -> None:
        turned = slot.pictures[:count].flip(1, 2).to(torch.float16)
        slot.logits[:count].copy_(self._network(turned.sub_(self._mean).div_(self._std).permute(0, 3, 1, 2)))


def _collect(slot: _Slot, start: int, count: int, logits: NDArray[np.float32]) -> None:
    slot.done.synchronize()
    logits[start : start + count] = slot.answer[:count].numpy()


def _stream() -> torch.cuda.Stream:
    return torch.cuda.Stream()  # type: ignore[no-untyped-call] # torch leaves it without types


def _event() -> torch.cuda.Event:
    return torch.cuda.Event()  # type: ignore[no-untyped-call] # torch leaves it without types


def _slot(most: int, input_px: int, outputs: int) -> _Slot:
    shape = (most, input_px, input_px, 3)
    return _Slot(
        pinned=torch.zeros(shape, dtype=torch.uint8).pin_memory(),
        pictures=torch.zeros(shape, dtype=torch.uint8, device="cuda"),
        logits=torch.zeros((most, outputs), dtype=torch.float32, device="cuda"),
        answer=torch.zeros((most, outputs), dtype=torch.float32).pin_memory(),
        arrived=_event(),
        done=_event(),
    )
