"""No two modules know one another: imports inside functions and for types alone count, too."""

from __future__ import annotations

from collections.abc import Iterable
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import grimp
import pytest

ROOMS = ("core", "db", "ingest", "detector", "rollout", "review_ui", "simulation", "bearwatch", "bench")


def circles(packages: Iterable[str]) -> frozenset[frozenset[str]]:
    """The modules of each circle of imports, told one after another; the imports of every module are read, not run."""
    graph = grimp.build_graph(*packages, cache_dir=None)
    knows = {module: set(graph.find_modules_directly_imported_by(module)) for module in graph.modules}
    found = set()
    while True:
        try:
            TopologicalSorter(knows).prepare()
        except CycleError as error:
            first, *rest = error.args[1]
            found.add(frozenset(rest))
            knows[rest[0]].discard(first)
        else:
            return frozenset(found)


def test_no_module_knows_one_that_knows_it() -> None:
    assert circles(ROOMS) == set()


@pytest.mark.parametrize(
    "back",
    [
        "import {package}.one\n",
        "def late() -> None:\n    from {package} import one\n    print(one)\n",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from {package}.one import X\n",
    ],
    ids=["at the top", "inside a function", "for types alone"],
)
def test_a_circle_is_found_however_it_is_hidden(
    back: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    package = f"circle_{request.node.callspec.id.replace(' ', '_')}"
    folder = tmp_path / package
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    (folder / "one.py").write_text(f"from {package} import two\nX = two\n")
    (folder / "two.py").write_text(f"from {package} import three\n")
    (folder / "three.py").write_text(back.format(package=package))
    monkeypatch.syspath_prepend(tmp_path)
    assert circles([package]) == {frozenset({f"{package}.one", f"{package}.two", f"{package}.three"})}
