"""Read the road from the configuration file or from its own, and say of every mistake where it is.

``rollout:`` holds the road's keys, or ``file:`` names a file beside the configuration that does. A list of gates may
hold lists (YAML aliases of shared gates) and the names of gate sets; they are flattened before anything is checked.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from core.config import ROAD_KEYS, Config
from core.config_file import ConfigError, KeyPath, Problem, Reader, dotted, explain
from rollout.stages.default_plan import shipped_stages
from rollout.stages.plan import Road
from rollout.stages.spec import RolloutSection
from rollout.stages.spec_checks import resolve

_SECTION: KeyPath = ("rollout",)


def load_road(path: Path, config: Config, environment: Mapping[str, str] | None = None) -> Road:
    """The road that a configuration file describes, directly or in a file of its own.

    Raises :class:`core.config_file.ConfigError` with every problem, each with file, line and what to write.
    """
    variables = os.environ if environment is None else environment
    if config.rollout.file is not None:
        return _load_own_file(path, config, variables)
    reader = Reader(str(path), variables)
    tree = reader.read(_text(path))
    if reader.problems:
        raise ConfigError(reader.problems)
    section = tree.get("rollout") if isinstance(tree, dict) else None
    keys = {key: value for key, value in (section or {}).items() if key in ROAD_KEYS}
    return _road(keys, config, reader, _SECTION)


def road_of(config: Config, base: Path = Path()) -> Road:
    """The same for a configuration that is already loaded; mistakes are named without their lines.

    ``base`` is the directory of the configuration file, for a road in a file of its own.
    """
    if config.rollout.file is not None:
        return _load_own_file(base / "bearwatch.yaml", config, os.environ)
    return _road(config.rollout.road, config, Reader("configuration", {}), _SECTION)


def parse_road(
    text: str, config: Config, file: str = "rollout.yaml", environment: Mapping[str, str] | None = None
) -> Road:
    """The road of a file of its own, from its text."""
    reader = Reader(file, environment or {})
    tree = reader.read(text)
    if reader.problems:
        raise ConfigError(reader.problems)
    if not isinstance(tree, dict):
        raise ConfigError([Problem(file, 1, "file", "holds no keys; write stages, roster and so on")])
    return _road(tree, config, reader, ())


def _load_own_file(path: Path, config: Config, variables: Mapping[str, str]) -> Road:
    own = path.parent / (config.rollout.file or "")
    if config.rollout.road:
        both = ", ".join(sorted(config.rollout.road))
        message = f"the road stands in {own} already; move {both} there, or remove `file`"
        raise ConfigError([Problem(str(path), _line_of_section(path), "rollout", message)])
    return parse_road(_text(own, path), config, str(own), variables)


def _line_of_section(path: Path) -> int:
    reader = Reader(str(path), os.environ)
    try:
        reader.read(path.read_text(encoding="utf-8"))
    except OSError:
        return 1
    return reader.line(_SECTION)


def _text(path: Path, named_in: Path | None = None) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        where = named_in or path
        line = _line_of_section(where) if named_in else 1
        raise ConfigError([Problem(str(where), line, "rollout.file", f"{path} cannot be read: {error}")]) from error


def _road(tree: Mapping[str, Any], config: Config, reader: Reader, prefix: KeyPath) -> Road:
    flat = _flattened(dict(tree), reader, prefix)
    shipped = flat.get("stages") is None
    if shipped:
        flat["stages"] = shipped_stages(config)
    # A key that is written and left empty says nothing.
    flat = {key: value for key, value in flat.items() if value is not None}
    try:
        section = RolloutSection.model_validate(flat)
    except ValidationError as error:
        raise ConfigError(_each_once(explain(error, reader, RolloutSection, prefix))) from error
    road, misfits = resolve(section, config)
    # The shipped road may be loaded without a roster: it stays in shadow until there is one.
    serious = [misfit for misfit in misfits if not (shipped and misfit.path == ("roster",))]
    if serious:
        problems = [
            Problem(reader.file, reader.line((*prefix, *misfit.path)), dotted((*prefix, *misfit.path)), misfit.message)
            for misfit in serious
        ]
        raise ConfigError(sorted(problems, key=lambda problem: problem.line))
    return replace(road, shipped=shipped)


def _each_once(problems: list[Problem]) -> list[Problem]:
    """A shared gate that is wrong is wrong wherever it is used; it is named once."""
    return list({(problem.line, problem.message): problem for problem in reversed(problems)}.values())[::-1]


def _flattened(tree: dict[str, Any], reader: Reader, prefix: KeyPath) -> dict[str, Any]:
    """Flatten lists of gates; the lines of what moves move with it. Problems of names are left to the checks."""
    sets = tree.get("gate_sets")
    named: dict[str, list[tuple[Any, KeyPath]]] = {}
    if isinstance(sets, dict):
        for name, gates in sets.items():
            named[name] = list(_leaves(gates, (*prefix, "gate_sets", name), {}, reader))
        tree["gate_sets"] = {
            name: _moved(leaves, (*prefix, "gate_sets", name), reader) if isinstance(sets[name], list) else sets[name]
            for name, leaves in named.items()
        }
    stages = tree.get("stages")
    if isinstance(stages, list):
        tree["stages"] = [_stage(stage, (*prefix, "stages", i), named, reader) for i, stage in enumerate(stages)]
    return tree


def _stage(stage: Any, path: KeyPath, named: Mapping[str, list[tuple[Any, KeyPath]]], reader: Reader) -> Any:
    if not isinstance(stage, dict) or not isinstance(stage.get("gates"), list):
        return stage
    leaves = list(_leaves(stage["gates"], (*path, "gates"), named, reader))
    return {**stage, "gates": _moved(leaves, (*path, "gates"), reader)}


def _leaves(
    gates: Any, path: KeyPath, named: Mapping[str, list[tuple[Any, KeyPath]]], reader: Reader
) -> list[tuple[Any, KeyPath]]:
    """The gates inside lists of lists, each with the path under which it was read."""
    if isinstance(gates, str):
        if gates in named:
            return named[gates]
        known = ", ".join(named) or "none is written"
        message = (
            f"{gates!r} is no gate set; known: {known}. Write its name, or a gate as {{metric: …, op: …, value: …}}"
        )
        raise ConfigError([Problem(reader.file, reader.line(path), dotted(path), message)])
    if not isinstance(gates, list):
        return [(gates, path)]
    return [leaf for index, inner in enumerate(gates) for leaf in _leaves(inner, (*path, index), named, reader)]


def _moved(leaves: list[tuple[Any, KeyPath]], to: KeyPath, reader: Reader) -> list[Any]:
    """The gates as one list; their keys' lines are known under the new paths too."""
    fresh: dict[KeyPath, int] = {}
    for index, (_gate, path) in enumerate(leaves):
        fresh[(*to, index)] = reader.line(path)
        if path in reader.lines:
            depth = len(path)
            fresh |= {(*to, index, *p[depth:]): line for p, line in reader.lines.items() if p[:depth] == path}
    reader.lines.update(fresh)
    return [gate for gate, _path in leaves]
