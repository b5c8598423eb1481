"""Read the plan from the configuration file or from its own, and say of every mistake where it is.

``rollout:`` holds the plan's keys, or ``file:`` names a file beside the configuration that does. A list of gates may
hold lists (YAML aliases of shared gates) and the names of gate sets; they are flattened before anything is checked.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, NamedTuple

from pydantic import ValidationError

from core.config import Config
from core.config_file import (
    ConfigError,
    Document,
    KeyPath,
    Problem,
    config_from,
    explain,
    parse_document,
    read_document,
)
from rollout.stages.default_plan import default_stages
from rollout.stages.plan import RolloutPlan
from rollout.stages.spec import RolloutSection
from rollout.stages.spec_checks import resolve

_SECTION: Final[KeyPath] = ("rollout",)
_NO_FILE: Final = Document("configuration", {}, None, {})


class Configured(NamedTuple):
    """A configuration file, with the plan that it describes."""

    config: Config
    plan: RolloutPlan


def load_configured(path: Path, environment: Mapping[str, str] | None = None) -> Configured:
    """Read a configuration file once, and check it with the plan in it or in the file that it names.

    Raises :class:`core.config_file.ConfigError` with every problem, each with file, line and what to write.
    """
    document = read_document(path, environment)
    config = config_from(document)
    return Configured(config, plan_in(document, config))


def load_plan(path: Path, environment: Mapping[str, str] | None = None) -> RolloutPlan:
    """The plan alone, as :func:`load_configured`."""
    return load_configured(path, environment).plan


def plan_in(document: Document, config: Config) -> RolloutPlan:
    """The plan of a configuration that was parsed already; a file of its own is looked for beside it."""
    if config.rollout.file is None:
        return _plan(config.rollout.plan, config, document, _SECTION)
    own = Path(document.file).parent / config.rollout.file
    if config.rollout.plan:
        both = ", ".join(sorted(config.rollout.plan))
        message = f"the rollout plan stands in {own} already; move {both} there, or remove `file`"
        raise ConfigError([document.problem(_SECTION, message)])
    try:
        text = own.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        problem = document.problem(_SECTION, f"{own} cannot be read: {error}")
        raise ConfigError([replace(problem, key="rollout.file")]) from error
    return parse_plan(text, config, str(own), document.environment)


def plan_from(config: Config) -> RolloutPlan:
    """The plan of a configuration that came from no file; mistakes are named without their lines."""
    return plan_in(_NO_FILE, config)


def parse_plan(
    text: str, config: Config, file: str = "rollout.yaml", environment: Mapping[str, str] | None = None
) -> RolloutPlan:
    """The plan of a file of its own, from its text."""
    document = parse_document(text, file, environment or {})
    if not isinstance(document.tree, dict):
        raise ConfigError([document.problem((), "holds no keys; write stages, on_call and so on")])
    return _plan(document.tree, config, document, ())


def _plan(tree: Mapping[str, Any], config: Config, document: Document, prefix: KeyPath) -> RolloutPlan:
    flat, moved = _flattened(tree, document, prefix)
    is_default = flat.get("stages") is None
    if is_default:
        flat["stages"] = default_stages(config)
    # A key that is written and left empty says nothing.
    flat = {key: value for key, value in flat.items() if value is not None}
    try:
        section = RolloutSection.model_validate(flat)
    except ValidationError as error:
        raise ConfigError(_each_once(explain(error, moved, RolloutSection, prefix))) from error
    plan, misfits = resolve(section, config)
    # The default plan may be loaded with nobody on call: it stays in shadow until there is one.
    serious = [misfit for misfit in misfits if not (is_default and misfit.path == ("on_call",))]
    if serious:
        problems = [moved.problem((*prefix, *misfit.path), misfit.message) for misfit in serious]
        raise ConfigError(sorted(problems, key=lambda problem: problem.line))
    return replace(plan, is_default=is_default)


def _each_once(problems: list[Problem]) -> list[Problem]:
    """A shared gate that is wrong is wrong wherever it is used; it is named once."""
    return list({(problem.line, problem.message): problem for problem in reversed(problems)}.values())[::-1]


_Leaf = tuple[Any, KeyPath]
"""A gate, with the path under which it was read."""


def _flattened(tree: Mapping[str, Any], document: Document, prefix: KeyPath) -> tuple[dict[str, Any], Document]:
    """The same with flat lists of gates; the lines of what moves move with it. Problems of names are left to the
    checks."""
    flat, moves = dict(tree), list[tuple[KeyPath, KeyPath]]()
    sets = flat.get("gate_sets")
    named: dict[str, list[_Leaf]] = {}
    if isinstance(sets, dict):
        named = {name: _leaves(gates, (*prefix, "gate_sets", name), {}, document) for name, gates in sets.items()}
        lists = {name: leaves for name, leaves in named.items() if isinstance(sets[name], list)}
        flat["gate_sets"] = {**sets, **{name: [gate for gate, _path in leaves] for name, leaves in lists.items()}}
        for name, leaves in lists.items():
            moves += _moves(leaves, (*prefix, "gate_sets", name))
    stages = flat.get("stages")
    if isinstance(stages, list):
        flat["stages"] = list(stages)
        for index, stage in enumerate(stages):
            if isinstance(stage, dict) and isinstance(stage.get("gates"), list):
                path = (*prefix, "stages", index, "gates")
                leaves = _leaves(stage["gates"], path, named, document)
                flat["stages"][index] = {**stage, "gates": [gate for gate, _path in leaves]}
                moves += _moves(leaves, path)
    return flat, document.moved(moves)


def _leaves(gates: Any, path: KeyPath, named: Mapping[str, list[_Leaf]], document: Document) -> list[_Leaf]:
    """The gates inside lists of lists."""
    if isinstance(gates, str):
        if gates in named:
            return named[gates]
        known = ", ".join(named) or "none is written"
        message = (
            f"{gates!r} is no gate set; known: {known}. Write its name, or a gate as {{metric: …, op: …, value: …}}"
        )
        raise ConfigError([document.problem(path, message)])
    if not isinstance(gates, list):
        return [(gates, path)]
    return [leaf for index, inner in enumerate(gates) for leaf in _leaves(inner, (*path, index), named, document)]


def _moves(leaves: list[_Leaf], to: KeyPath) -> list[tuple[KeyPath, KeyPath]]:
    return [(path, (*to, index)) for index, (_gate, path) in enumerate(leaves)]
