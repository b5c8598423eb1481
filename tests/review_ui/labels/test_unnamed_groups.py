"""When an animal moves in that nobody has named, its visits stand together and get their name in one go."""

from __future__ import annotations

import re

import numpy as np
import pytest
from sqlalchemy import select

from db.models import Encounter, EncounterCrop
from rollout.evidence.stats.likeness import alike_groups, mean_direction, unit_vector
from tests.support.factories import T0
from tests.support.pages import Stage

RACCOON, STUMP, HIKER = 1, 2, 3


def features(seed: int, noise: int = 0) -> bytes:
    """Of one kind of animal; ``noise`` is the number of the picture, each a little different."""
    vector = np.random.default_rng(seed).standard_normal(64)
    vector = vector + 0.4 * np.random.default_rng(100 * seed + noise).standard_normal(64)
    return np.rint(127 * vector / np.linalg.norm(vector)).astype(np.int8).tobytes()


def rejected(page: Stage, kind: int, ago_s: float, model: str = "test-model") -> str:
    """A visit that somebody called no bear, and what the model made of it; its item."""
    alert = page.alert("upper-creek", T0 - ago_s)
    body = {"verdict": "not_a_bear", "seen_version": 1, "idempotency_key": f"key-of-{alert}"}
    assert page.person().post(f"/api/v1/alerts/{alert}/decisions", json=body).status_code == 200
    with page.database.write() as session:
        number = session.scalars(select(Encounter.id).order_by(Encounter.id.desc()).limit(1)).one()
        row = EncounterCrop(encounter_id=number, box=(0.1, 0.1, 0.4, 0.5), infrared=False, model=model)
        row.features = features(kind, number)
        session.add(row)
    return f"encounter:{number}"


@pytest.fixture
def raccoons(page: Stage) -> list[str]:
    """Three visits of raccoons among two of a stump and one of a hiker; the raccoons' items, the newest first."""
    kinds = [RACCOON, STUMP, RACCOON, HIKER, RACCOON, STUMP]
    items = [rejected(page, kind, 9000.0 - 1200 * number) for number, kind in enumerate(kinds)]
    return [items[4], items[2], items[0]]


def ticked(html: str) -> list[list[str]]:
    """The items of each group, as the page offers them."""
    return [re.findall(r'value="(encounter:\d+)"', part) for part in html.split('class="label-group"')[1:]]


def test_what_looks_alike_stands_together_the_largest_group_first(page: Stage, raccoons: list[str]) -> None:
    html = page.person().get("/labels/groups").text
    groups = ticked(html)
    assert groups[0] == raccoons
    assert [len(each) for each in groups] == [3, 2]
    assert "1 visit resembles no other" in html


def test_a_group_is_named_in_one_go_and_changes_nothing_before_it_is_applied(page: Stage, raccoons: list[str]) -> None:
    person = page.person()
    assert person.post("/labels/groups", data={"item": raccoons, "label": "raccoon"}).status_code == 303
    labels = {each["item"]: each["label"] for each in person.get("/api/v1/labels?shown=all").json()["labels"]}
    assert {labels[item] for item in raccoons} == {"not_bear"}
    assert [len(each) for each in ticked(person.get("/labels/groups").text)] == [2]
    change = person.get("/api/v1/labels/changes").json()["changes"][0]
    body = {"seen": change["digest"], "reason": "raccoons under the bear box"}
    assert person.post(f"/api/v1/labels/changes/{change['id']}/apply", json=body).status_code == 200
    labels = {each["item"]: each["label"] for each in person.get("/api/v1/labels?shown=all").json()["labels"]}
    assert {labels[item] for item in raccoons} == {"raccoon"}


@pytest.mark.parametrize("label", ["", "unnamed", "not_bear", "unicorn"])
def test_a_name_that_is_none_names_nobody(page: Stage, raccoons: list[str], label: str) -> None:
    answer = page.person().post("/labels/groups", data={"item": raccoons, "label": label})
    assert "Choose+what+they+are" in answer.headers["location"]
    assert page.person().get("/api/v1/labels/changes").json()["changes"] == []


def test_when_one_of_them_was_named_meanwhile_none_is_named(page: Stage, raccoons: list[str]) -> None:
    other, person = page.person("ben"), page.person()
    body = {"item": raccoons[0], "action": "relabel", "seen": "not_bear", "label": "dog"}
    other.post("/api/v1/labels/edits", json=body)
    change = other.get("/api/v1/labels/changes").json()["changes"][0]
    assert person.post(f"/api/v1/labels/changes/{change['id']}/apply", json={"seen": change["digest"]}).is_success
    answer = person.post("/labels/groups", data={"item": raccoons, "label": "raccoon"})
    assert "Somebody+has+named" in answer.headers["location"]
    assert len(person.get("/api/v1/labels/changes").json()["changes"]) == 1  # the other's alone


def test_what_another_model_made_of_a_visit_is_not_compared(page: Stage, raccoons: list[str]) -> None:
    rejected(page, RACCOON, 600.0, model="another-model")
    html = page.person().get("/labels/groups").text
    assert ticked(html)[0] == raccoons
    assert "1 visit cannot be compared" in html


def test_a_new_site_says_that_nothing_waits_for_a_name(page: Stage) -> None:
    assert "No two visits without a name look alike." in page.person().get("/labels/groups").text


def test_a_blind_watch_hides_the_groups_of_its_campsite(page: Stage, raccoons: list[str]) -> None:
    person = page.person()
    assert person.post("/watches", data={"campsite": "upper-pines"}).status_code == 303
    assert ticked(person.get("/labels/groups").text) == []


def test_one_picture_between_two_kinds_does_not_join_them() -> None:
    across = np.array([[1, 0], [0.96, 0.28], [0.7071, 0.7071], [0.28, 0.96], [0, 1]], dtype=np.float32)
    assert alike_groups(across, 0.75) == [[0, 1, 2], [3, 4]]
    assert alike_groups(across, 1.1) == [[0], [1], [2], [3], [4]]
    assert alike_groups(np.empty((0, 2), dtype=np.float32), 0.5) == []


def test_vectors_that_cancel_out_have_no_direction() -> None:
    one = unit_vector(features(RACCOON))
    assert one is not None
    assert mean_direction([one, -one]) is None
    assert mean_direction([]) is None
    assert unit_vector(bytes(64)) is None
