"""One word, one meaning: no page, configuration key, command or field of the API uses a word that was retired.

The words stand in docs/retired_words.csv, each with its successor. ``everywhere``: not even in a sentence that people
read. ``names``: the word is good English, but names nothing any more: no key, option, field or address.
"""

from __future__ import annotations

import argparse
import ast
import re
from collections.abc import Iterator, Mapping
from html import unescape
from importlib import import_module
from pathlib import Path
from typing import Any, Final

import pytest
from fastapi import FastAPI

from bearwatch.cli import COMMANDS, module_of
from core.config import PLAN_KEYS, Config
from docs.glossary_table import GLOSSARY, RETIRED, Retired, with_table
from docs.reference import METRICS, SECTIONS
from review_ui.app import MODULES
from rollout.base.metrics import METRICS as GATE_METRICS

ROOT: Final = Path(__file__).parents[2]
TEMPLATES: Final = sorted((ROOT / "review_ui" / "templates").glob("*.html"))
DOCUMENTS: Final = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
ROOMS_THAT_SPEAK: Final = ("core", "db", "ingest", "detector", "rollout", "review_ui", "bearwatch")
EVERYWHERE: Final = [word for word in RETIRED if word.everywhere]


def hits(words: list[Retired], said: str) -> list[str]:
    """The retired words in a text, whole words only, whatever joins them: a space, the end of a line, a hyphen.

    What is joined by ``_`` is a name that the sentence quotes: names are looked at for themselves.
    """
    text = " ".join(re.findall(r"[a-z0-9_]+(?:['\u2019][a-z]+)?", said.lower()))
    return [each.word for each in words if re.search(rf"\b{re.escape(each.joined)}\b", text)]


def _in_sentences(said: Mapping[str, str]) -> dict[str, list[str]]:
    return {where: found for where, text in said.items() if (found := hits(EVERYWHERE, text))}


def _in_names(names: Mapping[str, str], words: list[Retired] = RETIRED) -> dict[str, list[str]]:
    return {where: found for where, name in names.items() if (found := hits(words, name.replace("_", " ")))}


MADE_UP: Final = [
    Retired("the old way", "the way", True),
    Retired("fold-up", "closed", True),
    Retired("old", "new", False),
]


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ("The old way goes no further", ["the old way"]),
        ("an old way is a good way", []),
        ("is this the\nold way?", ["the old way"]),
        ("Fold up the map", ["fold-up"]),
        ("`the_old_way` says so", []),
        ("the older way, the old wayside", []),
    ],
)
def test_a_retired_word_is_found_as_a_whole_word_and_nothing_else_is(said: str, found: list[str]) -> None:
    assert hits([word for word in MADE_UP if word.everywhere], said) == found


def test_a_word_that_is_good_english_is_retired_as_a_name_alone() -> None:
    assert _in_names({"State": "old_id"}, MADE_UP) == {"State": ["old"]}
    assert _in_names({"Alert": "older_id", "Camera": "folder"}, MADE_UP) == {}
    assert [word.word for word in MADE_UP if not word.everywhere] == ["old"]


def test_the_glossary_shows_the_retired_words() -> None:
    assert GLOSSARY.read_text() == with_table(GLOSSARY.read_text()), "run `make reference` and commit what it writes"
    assert len({each.joined for each in RETIRED}) == len(RETIRED), "a word is retired twice"


@pytest.mark.parametrize("template", [pytest.param(path, id=path.name) for path in TEMPLATES])
def test_no_page_uses_a_retired_word(template: Path) -> None:
    assert hits(EVERYWHERE, _shown(template.read_text())) == []


def test_what_counts_in_a_template_is_what_people_read() -> None:
    template = (
        '{# a comment #}<p title="in a title">{{ "in an expression" }} {% if code %}in a\n <b>text</b>{% endif %}</p>'
        "<script>in_a_script()</script>"
    )
    assert " ".join(_shown(template).split()) == "in a text | in a title | in an expression"


def _shown(template: str) -> str:
    """What people read of a template: its text, titles and labels, and the sentences in Jinja's expressions."""
    without = re.sub(r"\{#.*?#\}|<!--.*?-->|<(script|style)\b.*?</\1>", " ", template, flags=re.DOTALL)
    attributes = re.findall(r"(?:title|aria-label|placeholder|alt)=\"([^\"]*)\"", without)
    in_code = re.findall(r"\"([^\"]* [^\"]*)\"|'([^']* [^']*)'", " ".join(re.findall(r"\{[{%](.*?)[%}]\}", without)))
    text = re.sub(r"\{[{%].*?[%}]\}|<[^>]*>", " ", without, flags=re.DOTALL)
    return unescape(" | ".join([text, *attributes, *map("".join, in_code)]))


@pytest.mark.parametrize("room", ROOMS_THAT_SPEAK)
def test_no_sentence_that_the_program_says_uses_a_retired_word(room: str) -> None:
    said = {
        f"{path.relative_to(ROOT)}:{line}: {text}": text
        for path in sorted((ROOT / room).rglob("*.py"))
        for line, text in _sentences(ast.parse(path.read_text()))
    }
    assert len(said) > 20
    assert _in_sentences(said) == {}


def _sentences(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Every text with a space in it that is no docstring: pages, messages, errors, log lines."""
    about = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and " " in node.value
            and id(node) not in about
        ):
            yield node.lineno, node.value


@pytest.mark.parametrize("page", [pytest.param(path, id=path.name) for path in DOCUMENTS])
def test_no_document_uses_a_retired_word(page: Path) -> None:
    """What is made from the code is checked there; the glossary's own list of retired words may say them."""
    written = re.sub(
        r"<!-- [a-z ]+: written by make reference -->.*?<!-- [a-z ]+: until here -->",
        "",
        page.read_text(),
        flags=re.DOTALL,
    )
    assert hits(EVERYWHERE, written) == []


def test_no_configuration_key_uses_a_retired_word() -> None:
    keys = [f"{section}.{name}" for section, model in SECTIONS.items() for name in model.model_fields]
    keys += [f"rollout.{name}" for name in PLAN_KEYS] + list(Config.model_fields)
    assert len(keys) > 80
    assert _in_names({key: key for key in keys}) == {}
    described = {
        f"{section}.{name}": field.description or ""
        for section, model in SECTIONS.items()
        for name, field in model.model_fields.items()
    }
    assert _in_sentences({**described, **{f"rollout.{key}": said for key, said in PLAN_KEYS.items()}}) == {}


def test_no_command_uses_a_retired_word() -> None:
    names, sentences = {}, dict(COMMANDS)
    for command in COMMANDS:
        module = import_module(module_of(command))
        parser = argparse.ArgumentParser(prog=command, description=module.__doc__)
        module.add_arguments(parser)
        for where, name, said in _parsed(parser):
            names[f"{where} {name}"] = name
            sentences[f"{where} {name}: {said}"] = said
    assert len(names) > 100
    assert _in_names(names) == {}
    assert _in_sentences(sentences) == {}


def _parsed(parser: argparse.ArgumentParser) -> Iterator[tuple[str, str, str]]:
    """Every name of a command with what its help says: of itself, its options, its subcommands."""
    yield parser.prog, parser.prog, f"{parser.description or ''} {parser.epilog or ''}"
    for action in parser._actions:
        for name in (*action.option_strings, *([] if action.option_strings else [action.dest])):
            yield parser.prog, name, action.help or ""
        for choice in map(str, action.choices or ()):
            yield parser.prog, choice, ""
        if isinstance(action, argparse._SubParsersAction):
            for each in action._choices_actions:
                yield parser.prog, each.dest, each.help or ""
            for below in action.choices.values():
                yield from _parsed(below)


def _described() -> dict[str, Any]:
    app = FastAPI()
    for module in MODULES:
        app.include_router(module.router)
    return app.openapi()


def test_no_address_or_field_of_the_api_uses_a_retired_word() -> None:
    names, sentences = {}, {}
    for where, name, said in _fields(_described()):
        names[f"{where}: {name}"] = name
        sentences[f"{where}: {name}: {said}"] = said
    assert len(names) > 400
    assert _in_names(names) == {}
    assert _in_sentences(sentences) == {}


def _fields(document: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Every address, parameter and field of the API, with its description."""
    for path, operations in document["paths"].items():
        yield "address", path, ""
        for method, operation in operations.items():
            yield f"{method} {path}", "", f"{operation.get('summary', '')} {operation.get('description', '')}"
            for parameter in operation.get("parameters", ()):
                yield f"{method} {path}", parameter["name"], parameter.get("description", "")
    for schema, value in document["components"]["schemas"].items():
        for name, field in value.get("properties", {}).items():
            yield schema, name, field.get("description", "")


def test_no_metric_is_described_with_a_retired_word() -> None:
    said = {**METRICS, **{name: kind.summary for name, kind in GATE_METRICS.items()}}
    assert _in_sentences(said) == {}
