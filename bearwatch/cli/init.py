"""Write a commented configuration file to start from, or an environment with fresh secrets for compose.yaml."""

from __future__ import annotations

import argparse
import json
import os
import secrets
import sys
from pathlib import Path

from core.settings import settings

EXAMPLE = Path(__file__).parent.parent / "example.yaml"
ENVIRONMENT = Path(__file__).parent.parent / "example.env"
FRESH = "@fresh@"
"""Where a secret belongs in the environment; each gets one of its own."""
STDOUT = Path("-")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Where to."""
    parser.add_argument("file", nargs="?", type=Path, help="- for standard output; default: the configuration, or .env")
    parser.add_argument("--env", action="store_true", help="the environment of compose.yaml, with fresh secrets")
    parser.add_argument("--force", action="store_true", help="overwrite a file that is there")
    parser.add_argument("--json", action="store_true", help="one JSON document on standard output")


def run(arguments: argparse.Namespace) -> int:
    """Write it, unless that would overwrite something."""
    text = environment_text() if arguments.env else EXAMPLE.read_text()
    file: Path = arguments.file or (Path(".env") if arguments.env else settings().bearwatch_config)
    if file == STDOUT:
        print(text, end="")
        return 0
    if file.exists() and not arguments.force:
        print(f"{file} is there already; --force overwrites it", file=sys.stderr)
        return 1
    try:
        _write(file, text)
    except OSError as error:
        print(
            f"{file} cannot be written ({error.strerror}); `bearwatch init -` writes to standard output",
            file=sys.stderr,
        )
        return 1
    if arguments.json:
        print(json.dumps({"written": str(file)}))
    elif arguments.env:
        print(
            f"Wrote {file}, with secrets that are nowhere else. Read it, keep a copy apart, then: docker compose up -d"
        )
    else:
        print(f"Wrote {file}. Put your cameras into it, then: bearwatch check --config {file}")
    return 0


def environment_text() -> str:
    """Letters and digits only: most of them become parts of addresses."""
    before, *rest = ENVIRONMENT.read_text().split(FRESH)
    return before + "".join(secrets.token_hex(20) + part for part in rest)


def _write(file: Path, text: str) -> None:
    """An environment is its owner's alone: it holds every secret of a site."""
    mode = 0o600 if text.startswith("# Secrets") else 0o666
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(descriptor, "w") as out:
        out.write(text)
