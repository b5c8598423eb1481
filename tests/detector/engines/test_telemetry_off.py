"""ONNX Runtime is imported in one place only, where its reports to its maker have been turned off before."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]
OFF = "ORT_DISABLE_TELEMETRY"
PLACES = ("core", "db", "rollout", "ingest", "detector", "review_ui", "bearwatch", "bench", "tests", "docs")


def imports_of(source: str, package: str) -> bool:
    """Whether a module imports a package, at its top or anywhere in it."""
    for node in ast.walk(ast.parse(source)):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        if any(name.partition(".")[0] == package for name in names):
            return True
    return False


def importers() -> list[Path]:
    """The project's modules that import ONNX Runtime."""
    every = (file for place in PLACES for file in (ROOT / place).rglob("*.py"))
    return [file for file in every if imports_of(file.read_text(), "onnxruntime")]


def test_onnx_runtime_is_imported_in_one_place() -> None:
    assert [file.name for file in importers()] == ["onnx_engine.py"]


def test_another_import_would_be_found() -> None:
    assert imports_of("def f():\n    from onnxruntime.capi import x\n", "onnxruntime")
    assert imports_of("import numpy, onnxruntime as ort\n", "onnxruntime")
    assert not imports_of(
        "import onnx\nfrom onnxruntime_extensions import x\nfrom . import onnxruntime\n", "onnxruntime"
    )


def test_the_import_turns_the_reports_off_whatever_the_environment_says() -> None:
    (file,) = importers()
    module = ".".join(file.relative_to(ROOT).with_suffix("").parts)
    code = (
        "import os, sys\n"
        "class Asked:\n"
        "    def find_spec(self, name, *_):\n"
        f"        if name == 'onnxruntime': print(os.environ.get({OFF!r}))\n"
        "sys.meta_path.insert(0, Asked())\n"
        f"import {module}\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env={OFF: "0"}, cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout == "1\n"


def test_the_image_turns_them_off_for_every_process() -> None:
    assert re.search(rf"^ENV {OFF}=1$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
