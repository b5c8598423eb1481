"""The vocabulary is data: an animal that somebody adds is offered everywhere, and a kind of bear is a bear."""

from __future__ import annotations

import json

import pytest
from sqlalchemy import select

from db.animals import kinds_of_bear
from db.models import Encounter, LedgerEntry, Role
from rollout.breakers.matched_visits import sightings_since
from rollout.evidence.labels import label_snapshot
from rollout.evidence.labels.animal_vocabulary import CannotAdd, NewAnimal, add_animal
from rollout.evidence.labels.vocabulary import read_vocabulary
from rollout.evidence.sealed_sightings import read_sightings
from tests.support.factories import T0
from tests.support.pages import Stage

GRIZZLY = {"name": "Grizzly", "taxon": "Ursus arctos horribilis", "parent": "bear"}
MARTEN = {"name": "Pine marten", "taxon": "Martes caurina", "parent": ""}


def _decided(page: Stage, verdict: str, ago_s: float = 100.0) -> str:
    alert = page.alert("upper-creek", T0 - ago_s)
    body = {"verdict": verdict, "seen_version": 1, "idempotency_key": f"key-of-{alert}"}
    assert page.person().post(f"/api/v1/alerts/{alert}/decisions", json=body).status_code == 200
    return f"encounter:{alert}"


def _apply(page: Stage, item: str, seen: str, label: str) -> None:
    author, other = page.person(), page.person("ben")
    body = {"item": item, "action": "relabel", "seen": seen, "label": label}
    draft = author.post("/api/v1/labels/edits", json=body).json()
    assert other.post(f"/api/v1/labels/changes/{draft['id']}/apply", json={"seen": draft["digest"]}).status_code == 200


def test_an_added_animal_is_offered_everywhere_from_then_on(page: Stage) -> None:
    ranger = page.person()
    item = _decided(page, "not_a_bear")
    assert "Pine marten" not in ranger.get("/labels").text
    assert ranger.post("/labels/animals", data=MARTEN).headers["location"] == "/labels#animals"
    assert ranger.post("/labels/animals", data=GRIZZLY).status_code == 303
    shown = ranger.get("/labels").text
    assert '<option value="pine_marten">Pine marten</option>' in shown
    assert "<i>Ursus arctos horribilis</i>, a kind of bear" in shown
    form = ranger.get("/sightings/new").text
    assert form.index('value="bear"') < form.index('value="grizzly"') < form.index('value="mountain_lion"')
    assert form.index('value="pine_marten"') < form.index('value="other"')
    animals = ranger.get("/api/v1/labels/animals").json()["animals"]
    assert {**GRIZZLY, "key": "grizzly"} in animals
    assert [each["key"] for each in animals] == sorted(each["key"] for each in animals)
    _apply(page, item, "not_bear", "pine_marten")
    assert "<h2>Pine marten" in ranger.get("/labels?shown=all").text
    with page.database.read() as session:
        (label,) = label_snapshot(session, page.config, page.media, page.clock()).labels
        entries = session.scalars(select(LedgerEntry).where(LedgerEntry.kind == "labels.animal_added")).all()
        assert read_vocabulary(session).built_in_of(label.label) == "other_animal"
    assert label.label == "pine_marten"
    assert [json.loads(each.body)["key"] for each in entries] == ["pine_marten", "grizzly"]
    assert entries[1].actor == f"user:{page.user_id()}"


def test_a_sighting_of_a_kind_of_bear_is_a_bear_in_evidence_and_breakers(page: Stage) -> None:
    ranger = page.person()
    assert ranger.post("/api/v1/labels/animals", json=GRIZZLY).status_code == 201
    assert ranger.post("/api/v1/labels/animals", json={**MARTEN, "parent": None}).status_code == 201
    item = _decided(page, "bear")
    for number, animal in enumerate(("grizzly", "pine_marten")):
        seen = {
            "campsite": "upper-pines",
            "animal": animal,
            "seen_at": T0 - 95 + number,
            "idempotency_key": f"a-{animal}-key",
        }
        assert ranger.post("/api/v1/sightings", json=seen).status_code == 201
    with page.database.read() as session:
        assert kinds_of_bear(session) == {"bear", "grizzly"}
        assert [each.seen_at for each in read_sightings(session, page.clock()).intact] == [T0 - 95]
        assert [each.animal for each in sightings_since(session, T0 - 3600, blind_only=False)] == ["grizzly"]
        (label,) = label_snapshot(session, page.config, page.media, page.clock()).labels
        assert read_vocabulary(session).built_in_of("grizzly") == "bear"
    assert (label.item, label.label) == (item, "grizzly")  # the observer knew which kind it was


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"name": " "}, "Write what people call it"),
        ({"name": "Bear"}, "“Bear” is Bear already"),
        ({"name": "bear "}, "“bear” is Bear already"),
        ({"name": "other_animal"}, "is Another animal already"),
        ({"taxon": "Procyon lotor"}, "“Procyon lotor” is Raccoon already"),
        ({"taxon": "ursus arctos"}, "Write its scientific name as Ursus americanus"),
        ({"taxon": "Ursus <b>"}, "Write its scientific name as Ursus americanus"),
        ({"parent": "teddy"}, "Choose of which animal it is a kind"),
        ({"parent": "yeti"}, "Choose of which animal it is a kind"),
    ],
)
def test_what_cannot_be_added_is_said(wrong: dict[str, str], said: str, page: Stage) -> None:
    ranger = page.person()
    refused = ranger.post("/api/v1/labels/animals", json={**GRIZZLY, **wrong})
    assert refused.status_code == 409
    assert said in refused.json()["detail"]
    answer = ranger.post("/labels/animals", data={**GRIZZLY, **wrong})
    assert said.split("“")[0] in ranger.get(answer.headers["location"]).text
    with page.database.read() as session:
        assert session.scalars(select(LedgerEntry).where(LedgerEntry.kind == "labels.animal_added")).all() == []


def test_an_animal_is_added_once_and_a_kind_may_have_kinds(page: Stage) -> None:
    ranger = page.person()
    assert ranger.post("/api/v1/labels/animals", json=GRIZZLY).status_code == 201
    assert ranger.post("/api/v1/labels/animals", json={**GRIZZLY, "taxon": "Ursus horribilis"}).status_code == 409
    assert ranger.post("/api/v1/labels/animals", json={**GRIZZLY, "name": "Brown bear"}).status_code == 409
    kodiak = {"name": "Kodiak bear", "taxon": "Ursus arctos middendorffi", "parent": "grizzly"}
    assert ranger.post("/api/v1/labels/animals", json=kodiak).json()["key"] == "kodiak_bear"
    with page.database.write() as session:
        vocabulary = read_vocabulary(session)
        assert vocabulary.lineage("kodiak_bear") == ["kodiak_bear", "grizzly", "bear"]
        assert vocabulary.bears == kinds_of_bear(session) == {"bear", "grizzly", "kodiak_bear"}
        foreign = add_animal(session, NewAnimal("Росомаха", "Gulo gulo"), page.user_id(), T0)
        second = add_animal(session, NewAnimal("Лось", "Alces alces"), page.user_id(), T0)
        assert (foreign.key, second.key) == ("animal", "animal_2")
        with pytest.raises(CannotAdd, match="росомаха"):
            add_animal(session, NewAnimal("росомаха", "Gulo luscus"), page.user_id(), T0)


def test_who_may_not_label_adds_no_animal(page: Stage) -> None:
    assert page.person("olga", Role.OPERATOR).post("/api/v1/labels/animals", json=GRIZZLY).status_code == 403


def test_labels_that_are_not_learnt_from_are_named_with_the_reason(page: Stage) -> None:
    ranger = page.person()
    kept, gone = _decided(page, "bear", 4000.0), _decided(page, "bear", 2000.0)
    with page.database.write() as session:
        session.get_one(Encounter, int(gone.partition(":")[2])).cover = None
    rows = {each["item"]: each["left_out"] for each in ranger.get("/api/v1/labels?shown=all").json()["labels"]}
    assert rows == {kept: None, gone: "picture_deleted"}
    shown = ranger.get("/labels?shown=left_out").text
    assert "1 where the picture is no longer kept" in shown
    assert gone.replace(":", "-") in shown
    assert kept.replace(":", "-") not in shown
    alert = page.alert("upper-trail", T0 - 50)
    body = {"verdict": "not_a_bear", "seen_version": 1, "idempotency_key": "a-third-key"}
    assert ranger.post(f"/api/v1/alerts/{alert}/decisions", json=body).status_code == 200  # of the very same picture
    rows = {each["item"]: each["left_out"] for each in ranger.get("/api/v1/labels?shown=left_out").json()["labels"]}
    assert rows == {kept: "contradicted", gone: "picture_deleted", "encounter:3": "contradicted"}
    assert "2 where two people, or two labels of one picture, say different things" in ranger.get("/labels").text
