"""Write a commented configuration file to start from."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from core.settings import settings

EXAMPLE = Path(__file__).parent.parent / "example.yaml"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Where to."""
    parser.add_argument("file", nargs="?", type=Path, default=settings().bearwatch_config)
    parser.add_argument("--force", action="store_true", help="overwrite a file that is there")
    parser.add_argument("--json", action="store_true", help="one JSON document on standard output")


def run(arguments: argparse.Namespace) -> int:
    """Write it, unless that would overwrite something."""
    file: Path = arguments.file
    if file.exists() and not arguments.force:
        print(f"{file} is there already; --force overwrites it", file=sys.stderr)
        return 1
    file.write_text(EXAMPLE.read_text())
    if arguments.json:
        print(json.dumps({"written": str(file)}))
    else:
        print(f"Wrote {file}. Put your cameras into it, then: bearwatch check --config {file}")
    return 0
