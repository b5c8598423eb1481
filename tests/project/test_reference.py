"""Nothing that a user can set, call or watch is undocumented."""

from __future__ import annotations

import re

import yaml

from bearwatch.cli.init import EXAMPLE
from core.config import PLAN_KEYS
from core.config_file import load_config
from docs.reference import FILE, METRICS, PEOPLE, RIGHTS_BEGIN, SECTIONS, metrics_in_code, page, people
from tests.support.rights_table import DOORS, SIGNED_IN


def test_the_reference_is_up_to_date() -> None:
    assert FILE.read_text() == page(), "run `make reference` and commit what it writes"


def test_the_table_of_rights_is_up_to_date() -> None:
    assert RIGHTS_BEGIN in PEOPLE.read_text()
    assert PEOPLE.read_text() == people(PEOPLE.read_text()), "run `make reference` and commit what it writes"


def test_the_reference_names_the_right_of_every_operation_of_the_api() -> None:
    written = re.findall(r"^\| `(\w+) (/api/v1/[^`]*)` \| `?([^|`]*?)`? \|", FILE.read_text(), re.MULTILINE)
    said = {(method, path): right for method, path, right in written}
    words = {None: "nobody's", SIGNED_IN: "a login"}
    wanted = {key: words.get(door.right, door.right) for key, door in DOORS.items()}
    assert len(said) > 50
    assert {key: right for key, right in said.items() if wanted[key] != right} == {}


def test_every_metric_is_documented() -> None:
    assert metrics_in_code() == set(METRICS)


def test_every_field_has_a_description() -> None:
    for section, model in SECTIONS.items():
        for name, field in model.model_fields.items():
            assert field.description, f"{section}.{name} has no description"


def test_the_example_is_valid_and_shows_every_section() -> None:
    config = load_config(EXAMPLE, {"CREEK_PASSWORD": "x"})
    assert config.rollout.mode == "shadow"
    shown = yaml.safe_load(EXAMPLE.read_text())
    assert {section.split(".")[0] for section in SECTIONS} <= set(shown)
    for section in ("motion", "detector", "retention"):
        assert set(shown[section]) == set(SECTIONS[section].model_fields)
    # The plan stands in comments: what is silent holds, and who is on call must be people's own.
    commented = set(re.findall(r"^  # ([a-z_]+):", EXAMPLE.read_text().partition("\nrollout:")[2], re.MULTILINE))
    assert set(shown["rollout"]) | commented == set(SECTIONS["rollout"].model_fields) | set(PLAN_KEYS)
