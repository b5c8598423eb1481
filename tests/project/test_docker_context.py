"""What the Dockerfile copies is there, passes .dockerignore, and is all that the product needs."""

from __future__ import annotations

import json
import os
import shlex
import tomllib
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path, PurePosixPath

import pytest
import yaml
from docker.utils.build import Pattern
from dockerfile_parse import DockerfileParser

ROOT = Path(__file__).parents[2]
DOCKERFILES = sorted((*ROOT.glob("Dockerfile*"), *ROOT.glob("*/Dockerfile*")))
IGNORED = (ROOT / ".dockerignore").read_text()
WITHOUT_SCRIPTS = (
    "*\n!requirements\n!core\n!db\n!rollout\n!ingest\n!detector\n!review_ui\n!simulation\n!bearwatch\n**/__pycache__\n"
)
"""A list as it once stood in .dockerignore, with which no image could be built."""


def copied(dockerfile: str) -> list[str]:
    """What COPY and ADD take from the build context: paths and patterns below it."""
    sources: list[str] = []
    for step in DockerfileParser(fileobj=BytesIO(dockerfile.encode())).structure:
        if step["instruction"] not in ("COPY", "ADD"):
            continue
        value = step["value"]
        flags = [word for word in value.split() if word.startswith("--")]
        if any(flag.startswith("--from=") for flag in flags):
            continue  # from another stage, not from the context
        rest = value.split(flags[-1], 1)[1].strip() if flags else value
        words: list[str] = json.loads(rest) if rest.startswith("[") else shlex.split(rest)
        sources += [word for word in words[:-1] if "://" not in word]
    return sources


def let_through(path: str, ignored: str) -> bool:
    """Whether a path of the build context reaches the engine, by the text of a .dockerignore.

    The engine's rule: a pattern counts where it matches the path or a folder above it; the last that counts decides.
    """
    stripped = (line.strip() for line in ignored.splitlines())
    patterns = [Pattern(line) for line in stripped if line and not line.startswith("#")]
    places = [path, *(str(above) for above in PurePosixPath(path).parents if above.name)]
    kept = True
    for pattern in patterns:
        if any(pattern.match(place) for place in places):
            kept = pattern.exclusion
    return kept


def below(root: Path, source: str) -> Iterator[str]:
    """The files that a source stands for, but for what Python has compiled."""
    for place in root.glob(source.strip("/")):
        for found in place.rglob("*") if place.is_dir() else [place]:
            if found.is_file() and "__pycache__" not in found.parts:
                yield str(PurePosixPath(found.relative_to(root)))


def missing(dockerfile: str, ignored: str, root: Path = ROOT) -> list[str]:
    """What stands in the way of building, one line each: sources that are not there, files that are left out."""
    found = {source: list(below(root, source)) for source in copied(dockerfile)}
    absent = [f"COPY {source}: there is no such file" for source, files in found.items() if not files]
    left_out = [
        f"COPY {source}: .dockerignore leaves out {file}"
        for source, files in found.items()
        for file in files
        if not let_through(file, ignored)
    ]
    return absent + left_out


@pytest.mark.parametrize("dockerfile", DOCKERFILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_whatever_the_image_copies_is_there_and_reaches_the_engine(dockerfile: Path) -> None:
    assert copied(dockerfile.read_text())
    assert missing(dockerfile.read_text(), IGNORED) == []


def test_a_list_without_the_scripts_is_found_out() -> None:
    text = (ROOT / "Dockerfile").read_text()
    assert missing(text, WITHOUT_SCRIPTS) == ["COPY scripts/trim: .dockerignore leaves out scripts/trim"]


def test_a_source_that_was_moved_away_is_found_out(tmp_path: Path) -> None:
    (tmp_path / "core").mkdir()
    (tmp_path / "core" / "a.py").touch()
    text = "FROM x\nCOPY core core\nCOPY --chown=1 db/*.py \\\n  scripts/trim /app/\n"
    assert missing(text, "", tmp_path) == [
        "COPY db/*.py: there is no such file",
        "COPY scripts/trim: there is no such file",
    ]


def test_every_form_of_copying_is_read() -> None:
    text = (
        'FROM a AS first\nCOPY ["with space", "b", "/x/"]\nADD --chown=1:1 c d e/\nCOPY --from=first f f\n'
        "ADD https://example.org/g.tar g\nRUN echo COPY h h\n# COPY i i\ncopy j \\\n  k \\\n  /l/\n"
    )
    assert copied(text) == ["with space", "b", "c", "d", "j", "k"]


@pytest.mark.parametrize(
    ("ignored", "path", "kept"),
    [
        ("", "scripts/trim", True),
        ("*", "scripts/trim", False),
        ("*\n!scripts", "scripts/trim", True),
        ("*\n!scripts/trim", "scripts/trim", True),
        ("*\n!scripts/trim", "scripts/which-set", False),
        ("!scripts\n*", "scripts/trim", False),
        ("*\n!core\n**/__pycache__", "core/deep/__pycache__/a.pyc", False),
        ("*\n!core\n**/__pycache__", "core/deep/a.py", True),
        ("*\n!core\n**/*.yaml\n!core/**/kept.yaml", "core/a/b/kept.yaml", True),
        ("*\n!core\n**/*.yaml\n!core/**/kept.yaml", "core/a/b/other.yaml", False),
        ("# core\n\n  /core/  \n", "core/a.py", False),
        ("core", "more/core/a.py", True),
        ("cor?", "core/a.py", False),
    ],
)
def test_the_last_pattern_that_counts_decides(ignored: str, path: str, kept: bool) -> None:
    assert let_through(path, ignored) is kept


def test_every_layer_of_the_product_is_in_the_image() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    rows = next(each for each in contracts if each["type"] == "layers")["layers"]
    packages = {name.strip() for row in rows for name in row.split("|")}
    assert len(packages) >= 7
    assert packages - set(copied((ROOT / "Dockerfile").read_text())) == set()


def test_the_requirements_of_every_image_of_compose_are_copied() -> None:
    services = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"].values()
    wanted = {service["build"]["args"]["SET"] for service in services if "build" in service}
    assert wanted
    assert all(let_through(f"requirements/{name}.txt", IGNORED) for name in wanted)
    assert all((ROOT / f"requirements/{name}.txt").is_file() for name in wanted)


def test_a_script_that_the_image_runs_can_be_run() -> None:
    scripts = [source for source in copied((ROOT / "Dockerfile").read_text()) if source.startswith("scripts/")]
    assert scripts
    assert all(os.access(ROOT / script, os.X_OK) for script in scripts)
