"""Scenes from YAML files, with errors that name the file, the line and the key."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import yaml
from pydantic import ConfigDict, TypeAdapter, ValidationError

from simulation.cameras.scene import Scene


class SceneError(ValueError):
    """A scene file that cannot be played; the message says where and what was expected."""


@dataclass(frozen=True)
class _SceneFile:
    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    scenes: tuple[Scene, ...]


_ADAPTER: TypeAdapter[_SceneFile] = TypeAdapter(_SceneFile)


def load_scenes(path: Path) -> tuple[Scene, ...]:
    """Read ``scenes:`` from a YAML file.

    Unknown keys, wrong types and impossible values raise ``SceneError`` with one line per problem:
    ``file:line: key: what is wrong``.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise SceneError(f"{path}: cannot be read ({error.strerror}); give the path of a scene file") from error
    except UnicodeDecodeError as error:
        raise SceneError(f"{path}: is not UTF-8 text; give the path of a scene file") from error
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        data = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise SceneError(f"{path}: is not valid YAML: {error}") from error
    if root is None:
        raise SceneError(f"{path}: is empty; expected a list of scenes under 'scenes:'")
    try:
        scenes = _ADAPTER.validate_json(json.dumps(data, default=str), strict=True).scenes
    except ValidationError as error:
        raise SceneError("\n".join(_complaint(path, root, error))) from error
    _refuse_doubles(path, scenes)
    return scenes


def _complaint(path: Path, root: yaml.Node, error: ValidationError) -> list[str]:
    lines = []
    for problem in error.errors(include_url=False):
        where = problem["loc"]
        key = ".".join(str(step) for step in where) or "the file"
        message = problem["msg"].removeprefix("Value error, ")
        message = message.replace("an object", "a mapping").replace("a valid array", "a list")
        if problem["type"] in ("unexpected_keyword_argument", "extra_forbidden"):
            message = "unknown key; remove it or correct its spelling"
        elif problem["type"] in ("missing", "missing_argument"):
            message = "is missing; add it"
        lines.append(f"{path}:{_line(root, where)}: {key}: {message}")
    return lines


def _line(node: yaml.Node, where: tuple[int | str, ...]) -> int:
    """Line of the deepest node on the way to ``where`` that the file holds."""
    line = node.start_mark.line + 1
    for step in where:
        if isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
            node = node.value[step]
            line = node.start_mark.line + 1
        elif isinstance(node, yaml.MappingNode):
            pair = next(((k, v) for k, v in node.value if k.value == step), None)
            if pair is None:
                break
            line, node = pair[0].start_mark.line + 1, pair[1]
        else:
            break
    return line


def _refuse_doubles(path: Path, scenes: tuple[Scene, ...]) -> None:
    if not scenes:
        raise SceneError(f"{path}: 'scenes:' is empty; describe at least one scene")
    for name, count in Counter(scene.name for scene in scenes).items():
        if count > 1:
            raise SceneError(f"{path}: {count} scenes are named {name!r}; give each camera its own name")
