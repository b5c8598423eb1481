"""The documents speak of files, tables and metrics that there are, and leave out none that they promise to name."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Final

import pytest
from pydantic import AliasChoices, BaseModel, Field

from core.bundles.wanted_model import WANTED_MODEL_KEY
from core.streams import dead_stream, frames_stream, late_stream, scores_stream
from core.telemetry import CAMERAS_KEY, COUNTERS_KEY, HEARTBEATS_KEY
from db.models import Base
from docs.log_lines import OPERATIONS, SECTIONS, LogLine, anchor, log_lines, with_table
from docs.pipeline_drawing import FILE as DRAWING
from docs.pipeline_drawing import drawing
from docs.renamed_keys import UPGRADE, names_of
from docs.renamed_keys import with_table as with_renamed_keys
from rollout.base.metrics import METRICS
from rollout.breakers.input_metrics import INPUT_METRICS

ROOT: Final = Path(__file__).parents[2]
PAGES: Final = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
HISTORY: Final = sorted((ROOT / "docs" / "decisions").glob("*.md"))
"""Decisions speak of their day: only their links must lead somewhere."""
OF_THE_TREE: Final = frozenset(path.name for path in ROOT.iterdir() if path.is_dir() and not path.name.startswith("."))
"""A path in a document begins with one of these; ``var`` and the like are of a site, not of the tree."""


def _named(pages: list[Path]) -> list[object]:
    return [pytest.param(page, id=page.relative_to(ROOT).as_posix()) for page in pages]


@pytest.mark.parametrize("page", _named([*PAGES, *HISTORY]))
def test_every_link_leads_somewhere(page: Path) -> None:
    text = page.read_text()
    targets = re.findall(r"\]\(([^)\s]+)\)", text) + re.findall(r'src="([^"]+)"', text)
    local = [target for target in targets if not re.match(r"[a-z]+:", target)]
    assert [target for target in local if not _leads_somewhere(page, target)] == []


def _leads_somewhere(page: Path, target: str) -> bool:
    name, _, heading = target.partition("#")
    file = (page.parent / name).resolve() if name else page
    if not file.exists():
        return False
    headings = re.findall(r"^#+ (.+)$", file.read_text(), re.MULTILINE) if heading else []
    return not heading or heading in {anchor(each) for each in headings}


@pytest.mark.parametrize("page", _named(PAGES))
def test_every_file_that_a_document_names_is_there(page: Path) -> None:
    missing = [name for name in _files_named(page.read_text()) if not _is_there(name)]
    assert missing == []


def _files_named(text: str) -> Iterator[str]:
    """What stands in backticks and is a path of this tree, or the bare name of a module."""
    for said in re.findall(r"`([^`\n]+)`", text):
        if re.fullmatch(r"[\w*{},.-]+(?:/[\w*{},.-]*)+", said) and said.partition("/")[0] in OF_THE_TREE:
            yield said
        elif re.fullmatch(r"[a-z_0-9*]+\.py", said):
            yield f"**/{said}"


def _is_there(name: str) -> bool:
    return all(any(True for _ in ROOT.glob(each)) for each in _alternatives(name.rstrip("/")))


def _alternatives(name: str) -> list[str]:
    """Each spelling of a name with alternatives in braces."""
    parts = [part.split(",") for part in re.split(r"[{}]", name)]
    return ["".join(each) for each in product(*parts)]


def _rows(page: Path, heading: str) -> list[list[str]]:
    """The cells of each row of the first table below a heading."""
    section = page.read_text().partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    rows = [line.strip().strip("|").split(" | ") for line in section.splitlines() if line.startswith("| ")]
    assert len(rows) > 3, f"{page.name} has no table below {heading!r}"
    return rows[1:]


def _quoted(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


@pytest.mark.parametrize(
    ("heading", "known"),
    [("Metrics that gates compare", frozenset(METRICS)), ("What breakers watch", frozenset(INPUT_METRICS))],
    ids=["gates", "breakers"],
)
def test_every_metric_is_on_the_map_and_the_file_named_for_it_knows_it(heading: str, known: frozenset[str]) -> None:
    rows = _rows(ROOT / "docs" / "metrics-map.md", heading)
    metrics = [metric for row in rows for metric in _quoted(row[0])]
    assert sorted(metrics) == sorted(known)
    for metrics_cell, made_in, *_ in rows:
        for metric, file in product(_quoted(metrics_cell), _quoted(made_in)):
            assert f'"{metric}"' in (ROOT / file).read_text(), f"{file} says nothing of {metric}"


def test_what_the_processes_read_and_write_are_streams_hashes_and_tables_that_there_are() -> None:
    rows = _rows(ROOT / "docs" / "pipeline.md", "Processes, and what each reads and writes")
    named = {name for row in rows for cell in row[1:3] for name in _quoted(cell)}
    named_so = (frames_stream, late_stream, scores_stream, dead_stream)
    streams = {name(0).removesuffix(":0") for name in named_so}
    assert (
        named - streams - {CAMERAS_KEY, HEARTBEATS_KEY, COUNTERS_KEY, WANTED_MODEL_KEY} - set(Base.metadata.tables)
        == set()
    )


def test_the_drawing_of_the_pipeline_is_the_one_that_its_program_draws() -> None:
    assert DRAWING.read_text() == f"{drawing()}\n", "run `make reference` and commit what it writes"


def test_every_warning_and_error_says_in_operations_what_to_do() -> None:
    text = OPERATIONS.read_text()
    assert len(log_lines()) > 60
    assert text == with_table(text), "run `make reference` and commit what it writes"
    assert {line.section for line in log_lines()} == set(SECTIONS), "a section of which there is no line any more"
    assert [heading for heading in SECTIONS if f"\n### {heading}\n" not in text] == []


def test_a_warning_of_which_no_section_knows_is_an_error() -> None:
    with pytest.raises(LookupError, match="belongs to no section"):
        _ = LogLine("db/new.py", "warning", "something that nobody has thought of").section


def test_every_configuration_key_that_was_renamed_stands_in_the_upgrade_page() -> None:
    assert UPGRADE.read_text() == with_renamed_keys(UPGRADE.read_text()), (
        "run `make reference` and commit what it writes"
    )


def test_a_renamed_key_is_known_by_the_name_that_is_still_understood() -> None:
    class Section(BaseModel):
        later: int = Field(default=1, validation_alias=AliasChoices("later", "earlier"))
        same: int = 1

    assert names_of(Section.model_fields["later"]) == ["later", "earlier"]
    assert names_of(Section.model_fields["same"]) == []
