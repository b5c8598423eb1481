"""A stranger can walk the house: no folder, file or function is larger than one can look over."""

from __future__ import annotations

import ast
from collections import Counter
from pathlib import Path

import pytest

from tests.project.test_no_circles import ROOMS

ROOT = Path(__file__).parents[2]
MOST_FILES = 25
MOST_LINES = 400
MOST_LINES_OF_A_FUNCTION = 60
FILES = sorted(path for room in (*ROOMS, "tests") for path in (ROOT / room).rglob("*.py"))


def test_no_folder_has_more_modules_than_one_can_look_over() -> None:
    per_folder = Counter(path.parent for path in FILES if path.name != "__init__.py")
    full = {str(folder.relative_to(ROOT)): n for folder, n in per_folder.items() if n > MOST_FILES}
    assert full == {}


def test_no_file_is_longer_than_one_can_look_over() -> None:
    lines = {str(path.relative_to(ROOT)): len(path.read_text().splitlines()) for path in FILES}
    assert {name: n for name, n in lines.items() if n > MOST_LINES} == {}


@pytest.mark.parametrize("room", [*ROOMS, "tests"])
def test_no_function_is_longer_than_a_screen(room: str) -> None:
    long = {}
    for path in FILES:
        if path.relative_to(ROOT).parts[0] == room:
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                    length = (node.end_lineno or 0) - node.lineno + 1
                    if length > MOST_LINES_OF_A_FUNCTION:
                        long[f"{path.relative_to(ROOT)}: {node.name}"] = length
    assert long == {}
