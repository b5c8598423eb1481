"""The light engine: a bundle's exported graph in ONNX Runtime, on the CPU. Needs no torch.

The graph holds no weights of its own: it points into the bundle's ``weights.safetensors``, whose SHA-256 the bundle's
digest covers. ONNX Runtime widens the half-precision weights, folds the batch normalisations and lays the channels out
for the processor while it loads.

A batch is cut into small chunks that run side by side, each on one thread of its own, as in
:mod:`detector.engines.torch_engine` and for the same reasons.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

# Without this before its first import, ONNX Runtime reports its use to its maker and keeps a number of this machine in
# the home directory. No other file imports it: tests/detector/engines/test_telemetry_off.py.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

import onnxruntime
from onnxruntime.capi import onnxruntime_pybind11_state as native

from detector.engines.batch_split import cpu_step, expect_pictures
from detector.engines.equivalence import TOLERANCE, EngineFile, EngineFileError, Graph, farthest, reference_pictures
from detector.models.bundle import WEIGHTS, ModelBundle

INPUT, OUTPUT = "images", "logits"
CHUNK = 4
"""Pictures to run at once on one thread. Larger chunks are no faster, and their activations leave the cache."""
_NATIVE_ERRORS = tuple(each for each in vars(native).values() if isinstance(each, type) and issubclass(each, Exception))
"""ONNX Runtime's errors have no common base of their own."""


class OnnxEngine:
    """Runs the exported graph of one model bundle. Not thread-safe: one engine per worker.

    ``threads`` is how many chunks run side by side (None: as many as this process has cores).

    Raises:
        EngineFileError: the bundle has no exported graph, it was changed, or it does not say what torch says.
    """

    device = "cpu"
    runtime = "onnx"

    def __init__(self, bundle: ModelBundle, threads: int | None = None) -> None:
        self.bundle = bundle
        self.name = bundle.short_digest
        self.input_px = bundle.input_px
        self.threads = threads or len(os.sched_getaffinity(0))
        self._pool = ThreadPoolExecutor(self.threads, "onnx-engine") if self.threads > 1 else None
        graph, self._session = _open(bundle)
        self._prove(graph)

    def infer(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Logits (n, outputs) of pictures (n, input_px, input_px, 3), uint8 RGB. n may be 0."""
        expect_pictures(images, self.input_px)
        step = cpu_step(len(images), self.threads, CHUNK)
        chunks = [images[start : start + step] for start in range(0, len(images), step)]
        done = map(self._run, chunks) if self._pool is None or len(chunks) < 2 else self._pool.map(self._run, chunks)
        return np.concatenate([np.empty((0, self.bundle.outputs), dtype=np.float32), *done])

    def _run(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        (logits,) = self._session.run([OUTPUT], {INPUT: images})
        return np.asarray(logits, dtype=np.float32)

    def _prove(self, graph: Graph) -> None:
        """The same pictures must get the same logits here as in torch where the bundle was exported."""
        try:
            apart = farthest(self.infer(reference_pictures(self.input_px)), np.asarray(graph.logits, np.float32))
        except _NATIVE_ERRORS as error:
            raise EngineFileError(f"the graph of {self.name} cannot be run: {error}") from error
        if not apart <= TOLERANCE:
            raise EngineFileError(
                f"the exported graph of {self.name} does not say what torch says: a logit is {apart:.2g} off, at most "
                f"{TOLERANCE:g} is allowed; run bearwatch export --onnx {self.bundle.directory} again, or use torch"
            )


def _open(bundle: ModelBundle) -> tuple[Graph, onnxruntime.InferenceSession]:
    """The checked graph in a session. It reads the very bytes that were checked, never a file beside them."""
    if bundle.directory is None or bundle.content is None:
        raise EngineFileError(f"{bundle.label} comes from a package and has no exported graph; use torch, or a bundle")
    graph = EngineFile.read(bundle.directory, bundle.files).graph_of(bundle)
    content = graph.read(bundle.directory)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    options.add_external_initializers_from_files_in_memory([WEIGHTS], [bundle.content], [len(bundle.content)])
    try:
        return graph, onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except _NATIVE_ERRORS as error:
        raise EngineFileError(f"ONNX Runtime cannot load the graph in {bundle.directory}: {error}") from error
