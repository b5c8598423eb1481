"""Read the configuration file, and say of every mistake where it is and what was expected."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from pydantic import AliasChoices, BaseModel, ValidationError
from pydantic.fields import FieldInfo

from core.config import PLAN_KEYS, Config, Rollout, UnknownPlaces
from core.redaction import SHORTEST, in_clear, keep_secret, quoted_secret, redacted, shown_address

KeyPath = tuple[str | int, ...]
_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_QUOTED_SIGN = re.compile(r"%[0-9A-Fa-f]{2}")
_SECRET_NAME = re.compile(r"(?i)pass|pwd|secret|token|key|^pw|_pw")


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake: its line (from 1), its key and what was expected."""

    file: str
    line: int
    key: str
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.key}: {self.message}"


class ConfigError(Exception):
    """The configuration cannot be used; ``problems`` says all that is wrong with it."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = problems


@dataclass(slots=True)
class Substituted:
    """What came from the environment, so that no message repeats it: ``written`` is each text as it stands in the
    file, ``values`` what each name was replaced with.
    """

    written: dict[str, str] = field(default_factory=dict)
    values: dict[str, str] = field(default_factory=dict)
    quoted: list[tuple[KeyPath, str]] = field(default_factory=list)
    """Names in a login whose value holds something like ``%41``, and where: it is read as a quoted sign."""

    def shown(self, value: object) -> str:
        """A value that somebody wrote, as it may be told to them: an address without what may be secret in it."""
        text = self.written.get(value, value) if isinstance(value, str) else value
        return repr(shown_address(text) if isinstance(text, str) and "://" in text else text)

    def restored(self, message: str) -> str:
        """A message with ``${NAME}`` where the environment's value stood."""
        for name, value in sorted(self.values.items(), key=lambda item: -len(item[1])):
            if len(value) >= SHORTEST:
                message = message.replace(value, f"${{{name}}}")
        return redacted(message)


class Document:
    """A YAML file, parsed once: plain values, and the line of every key for whoever finds something wrong with them."""

    def __init__(
        self,
        file: str,
        environment: Mapping[str, str],
        tree: Any,
        lines: Mapping[KeyPath, int],
        substituted: Substituted | None = None,
    ) -> None:
        self.file = file
        self.substituted = substituted or Substituted()
        self.environment = environment
        """What ``${NAME}`` was replaced from; another file that this one names is read with the same."""
        self.tree = tree
        self._lines = dict(lines)

    def line(self, path: KeyPath) -> int:
        """The line (from 1) of the nearest key that exists."""
        while path and path not in self._lines:
            path = path[:-1]
        return self._lines.get(path, 1)

    def problem(self, path: KeyPath, message: str) -> Problem:
        """A mistake at a key."""
        return Problem(self.file, self.line(path), dotted(path), self.substituted.restored(message))

    def moved(self, moves: Iterable[tuple[KeyPath, KeyPath]]) -> Document:
        """The same where what stood at the first path of each pair is found at the second one too."""
        found = dict(self._lines)
        for old, new in moves:
            found[new] = self.line(old)
            depth = len(old)
            found |= {(*new, *path[depth:]): line for path, line in self._lines.items() if path[:depth] == old}
        return Document(self.file, self.environment, self.tree, found, self.substituted)


def load_config(path: Path, environment: Mapping[str, str] | None = None) -> Config:
    """Read and check a configuration file.

    1. Parse YAML, remembering each key's line; a key written twice is an error.
    2. Replace ``${NAME}`` from the environment; a password written in clear is an error.
    3. Check it against :class:`core.config.Config`.

    Raises :class:`ConfigError` with every problem found in the first step that fails.
    """
    return config_from(read_document(path, environment))


def parse_config(text: str, file: str, environment: Mapping[str, str]) -> Config:
    """As :func:`load_config`, for text that is already at hand."""
    return config_from(parse_document(text, file, environment))


def read_document(path: Path, environment: Mapping[str, str] | None = None) -> Document:
    """The first two steps of :func:`load_config`; ``environment`` None: the process's own."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ConfigError([Problem(str(path), 1, "file", "not found; write one with `bearwatch init`")]) from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError([Problem(str(path), 1, "file", f"cannot be read: {error}")]) from error
    return parse_document(text, str(path), os.environ if environment is None else environment)


def parse_document(text: str, file: str, environment: Mapping[str, str]) -> Document:
    """As :func:`read_document`, for text that is already at hand."""
    reader = _Reader(file, environment)
    tree = reader.read(text)
    if reader.problems:
        raise ConfigError(reader.problems)
    return Document(file, environment, tree, reader.lines, reader.substituted)


def config_from(document: Document) -> Config:
    """The last step of :func:`load_config`."""
    try:
        return Config.model_validate(document.tree)
    except ValidationError as error:
        raise ConfigError(explain(error, document, Config)) from error


class _Reader:
    """Turns YAML nodes into plain values while noting lines and problems."""

    def __init__(self, file: str, environment: Mapping[str, str]) -> None:
        self.environment = environment
        self.lines: dict[KeyPath, int] = {(): 1}
        self.problems: list[Problem] = []
        self.substituted = Substituted()
        self._file = file

    def read(self, text: str) -> Any:
        try:
            root = yaml.compose(text, Loader=yaml.SafeLoader)
        except yaml.YAMLError as error:
            mark = getattr(error, "problem_mark", None)
            line = mark.line + 1 if mark else 1
            self.note((), f"not YAML: {getattr(error, 'problem', error)}", line)
            return None
        if root is None:
            self.note((), "the file is empty; write one with `bearwatch init`")
            return None
        return self._value(root, ())

    def note(self, path: KeyPath, message: str, line: int | None = None) -> None:
        said = self.substituted.restored(message)
        self.problems.append(Problem(self._file, line or self.lines[path], dotted(path), said))

    def _value(self, node: yaml.Node, path: KeyPath) -> Any:
        self.lines.setdefault(path, node.start_mark.line + 1)
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            return [self._value(child, (*path, index)) for index, child in enumerate(node.value)]
        value = yaml.SafeLoader("").construct_object(node)
        return self._substitute(value, path) if isinstance(value, str) else value

    def _mapping(self, node: yaml.MappingNode, path: KeyPath) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = str(key_node.value)
            inner = (*path, key)
            if key in found:
                self.note(inner, "written twice; keep one", key_node.start_mark.line + 1)
                continue
            self.lines[inner] = key_node.start_mark.line + 1
            found[key] = self._value(value_node, inner)
        return found

    def _substitute(self, value: str, path: KeyPath) -> str:
        whole_secret = path[:1] == ("cameras",) and path[-1:] == ("password",)
        if in_clear(value) or (whole_secret and not _VARIABLE.search(value)):
            self.note(path, "a password stands here in clear; write ${NAME} and set NAME in the environment")
        host_at = _host_at(value)

        def replace(match: re.Match[str]) -> str:
            name = match.group(1)
            if name not in self.environment:
                self.note(path, f"the environment has no {name}; set it, or write the value here")
                return ""
            given = self.environment[name]
            self.substituted.values[name] = given
            before_host = match.start() < host_at
            if before_host and _QUOTED_SIGN.search(given):
                self.substituted.quoted.append((path, name))
            if whole_secret or _is_secret(name, value[: match.start()], before_host):
                keep_secret(given)
            return quoted_secret(given) if before_host else given

        replaced = _VARIABLE.sub(replace, value)
        if replaced != value:
            self.substituted.written[replaced] = value
        return replaced


def _host_at(written: str) -> int:
    """Where the host of an address begins that has a name before it; 0 where there is none. Before it signs are quoted:
    a password with a ``/`` works as it is.
    """
    scheme, there, rest = written.partition("://")
    if not there:
        return 0
    authority = re.split(r"[/?#]", rest, maxsplit=1)[0]
    return len(scheme) + 3 + authority.rindex("@") + 1 if "@" in authority else 0


def _is_secret(name: str, before: str, before_host: bool) -> bool:
    """Whether what a name stands for is secret: by its name, or by where it stands in an address."""
    if _SECRET_NAME.search(name) or before.endswith("="):
        return True
    return before_host and before.endswith(":")


def dotted(path: KeyPath) -> str:
    """A key as people write it: ``cameras.creek.masks[0]``."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text or "file"


def explain(error: ValidationError, document: Document, model: type[BaseModel], prefix: KeyPath = ()) -> list[Problem]:
    """What pydantic found, as problems with lines; ``model`` was read at ``prefix``."""
    problems = []
    for detail in error.errors(include_url=False):
        cause = detail.get("ctx", {}).get("error")
        if isinstance(cause, UnknownPlaces):
            problems += [document.problem(each.key, each.message) for each in cause.problems]
            continue
        inner = tuple(part for part in detail["loc"] if part != "[key]")
        problems.append(document.problem((*prefix, *inner), _expected(detail, model, inner, document.substituted)))
    return sorted(problems, key=lambda problem: problem.line)


def _expected(detail: Any, model: type[BaseModel], path: KeyPath, substituted: Substituted) -> str:
    kind = detail["type"]
    if kind == "extra_forbidden":
        known = ", ".join(_known_keys(model, path[:-1]))
        return f"unknown key; known here: {known}"
    if kind == "missing":
        return "missing; it must be set"
    message = str(detail["msg"]).removeprefix("Value error, ")
    given = detail.get("input")
    shown = f", not {substituted.shown(given)}" if isinstance(given, (str, int, float, bool)) else ""
    return f"{message[:1].lower()}{message[1:]}{shown}"


def _known_keys(root: type[BaseModel], path: KeyPath) -> list[str]:
    """The keys that the section at ``path`` may hold."""
    model: Any = root
    for part in path:
        if isinstance(part, int):
            continue
        if (field := _field(getattr(model, "model_fields", {}), part)) is not None:
            model = _section(field.annotation)
    carried = PLAN_KEYS if model is Rollout else ()
    return sorted([*getattr(model, "model_fields", {}), *carried])


def _field(fields: Mapping[str, FieldInfo], key: str) -> FieldInfo | None:
    """The field that a key fills, also one that is written as it was called before."""
    for name, known in fields.items():
        choices = known.validation_alias.choices if isinstance(known.validation_alias, AliasChoices) else ()
        if key in (name, *choices):
            return known
    return None


def _section(annotation: Any) -> Any:
    """The model inside ``Model``, ``dict[Name, Model]`` or ``Model | None``."""
    if hasattr(annotation, "model_fields"):
        return annotation
    for inner in getattr(annotation, "__args__", ()):
        if hasattr(inner, "model_fields"):
            return inner
    return annotation
