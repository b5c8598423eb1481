"""Export a model bundle's network, so that a machine without torch can serve it."""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from detector.engines.export import Exported


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which bundle, and where to."""
    parser.add_argument(
        "--onnx",
        type=Path,
        required=True,
        metavar="BUNDLE",
        help="the bundle's directory, which gets the graph",
    )
    parser.add_argument("--out", type=Path, default=None, help="copy the bundle to this new directory and export there")
    parser.add_argument("--json", action="store_true", help="the outcome as one JSON document on standard output")


def run(arguments: argparse.Namespace) -> int:
    """Exit status 0 when the graph was written and says what torch says, 2 otherwise."""
    if arguments.out is not None and arguments.out.exists():
        print(f"bearwatch export: {arguments.out} exists already; name a new directory", file=sys.stderr)
        return 2
    try:
        from detector.engines.export import ExportError, export_onnx
        from detector.models.backbones import BackboneError
        from detector.models.bundle import BundleError, ModelBundle
    except ImportError as error:
        print(f"bearwatch export: {error}; it needs the packages of requirements/detector.txt", file=sys.stderr)
        return 2
    try:
        directory: Path = arguments.onnx
        if arguments.out is not None:
            ModelBundle.load(directory)
            directory = Path(shutil.copytree(directory, arguments.out))
        exported = export_onnx(directory)
    except (BundleError, BackboneError, ExportError) as error:
        print(f"bearwatch export: {error}", file=sys.stderr)
        return 2
    if arguments.json:
        print(json.dumps({"bundle": str(directory), "graphs": [_as_json(each) for each in exported]}))
        return 0
    for each in exported:
        print(f"{each.path}: {each.size_bytes / 1e6:.2f} MB for {each.input_px} px, SHA-256 {each.sha256}")
        print(f"  its logits are at most {each.apart:.1g} from torch's")
    print("Where this model is registered or signed, do that again: its graphs are others now.")
    return 0


def _as_json(exported: Exported) -> dict[str, object]:
    return {
        "file": exported.path.name,
        "input_px": exported.input_px,
        "sha256": exported.sha256,
        "size_bytes": exported.size_bytes,
        "largest_difference": exported.apart,
    }
