"""The exported graph of a bundle that was just trained, where the tools for it are installed."""

from __future__ import annotations

import logging
from pathlib import Path

from detector.engines.equivalence import EngineFile, EngineFileError
from detector.models.bundle import ModelBundle

log = logging.getLogger(__name__)


def export_if_possible(bundle: ModelBundle) -> None:
    """The graph for machines without torch; without the tools for it the bundle is whole all the same."""
    assert bundle.directory is not None, "it was just written"
    try:
        from detector.engines.export import export_onnx
    except ImportError as error:
        log.warning("the bundle has no exported graph (%s); `bearwatch export --onnx` makes it", error)
        return
    if not _is_exported(bundle, bundle.directory):
        export_onnx(bundle.directory)


def _is_exported(bundle: ModelBundle, directory: Path) -> bool:
    try:
        found = EngineFile.read(directory)
        for graph in found.graphs.values():
            graph.read(directory)
    except EngineFileError:
        return False
    return found.model == bundle.digest
