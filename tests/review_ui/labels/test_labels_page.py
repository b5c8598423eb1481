"""The label cleaner: worst first, nothing changes before somebody has looked it over, and everything can come back."""

from __future__ import annotations

import csv
import re
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select

from core.media import MediaStore
from db.ledger import verify
from db.models import AuditAnswer, AuditDraw, AuditSheet, Encounter, LabelEdit, LedgerEntry, Role
from detector.evaluate.manifest import read_manifest
from detector.learn.student import student_labels
from detector.tracking.encounter_writer import EncounterWriter
from detector.tracking.tracker import AlertRule, Track, observe
from rollout.evidence.labels.visit_labels import MOMENT_S, PICTURES
from rollout.evidence.labels.vocabulary import FOR_TRAINING
from tests.support.factories import T0, frame, jpeg, scored, strange
from tests.support.pages import Stage


def _decided(page: Stage, camera: str, verdict: str, score: float, ago_s: float) -> str:
    """A decided alert whose encounter the model gave this score; its item."""
    alert = page.alert(camera, T0 - ago_s)
    body = {"verdict": verdict, "seen_version": 1, "idempotency_key": f"key-of-{alert}"}
    assert page.person().post(f"/api/v1/alerts/{alert}/decisions", json=body).status_code == 200
    with page.database.write() as session:
        encounter = session.scalars(select(Encounter).order_by(Encounter.id.desc()).limit(1)).one()
        encounter.peak_score = score
        return f"encounter:{encounter.id}"


@pytest.fixture
def items(page: Stage) -> list[str]:
    """A missed bear (nearly), a false alarm of which the model was sure, and two labels that surprise nobody."""
    return [
        _decided(page, "upper-creek", "bear", 0.31, 4000),
        _decided(page, "upper-trail", "not_a_bear", 0.95, 3000),
        _decided(page, "upper-creek", "bear", 0.97, 2000),
        _decided(page, "lower-meadow", "not_a_bear", 0.35, 1000),
    ]


def _edit(browser: TestClient, item: str, action: str, seen: str, label: str | None = None) -> int:
    body = {"item": item, "action": action, "seen": seen, "label": label}
    return int(browser.post("/api/v1/labels/edits", json=body).status_code)


def _shown(browser: TestClient, query: str = "shown=all") -> list[tuple[str, str]]:
    return [(each["item"], each["label"]) for each in browser.get(f"/api/v1/labels?{query}").json()["labels"]]


def _draft(browser: TestClient) -> tuple[int, str]:
    change = browser.get("/api/v1/labels/changes").json()["changes"][0]
    return change["id"], change["digest"]


def test_what_surprises_the_model_most_comes_first(page: Stage, items: list[str]) -> None:
    missed, sure, seen, mild = items
    assert [item for item, _ in _shown(page.person())] == [sure, missed, mild, seen]
    assert _shown(page.person(), "label=bear&shown=all") == [(missed, "bear"), (seen, "bear")]
    assert _shown(page.person(), "campsite=lower-pines&shown=all") == [(mild, "not_bear")]
    shown = page.person().get("/labels").text
    assert shown.index(sure.replace(":", "-")) < shown.index(missed.replace(":", "-"))
    assert "alert rejected" in shown


def test_edits_change_nothing_until_somebody_else_has_looked_them_over(page: Stage, items: list[str]) -> None:
    missed, sure, seen, mild = items
    author, other = page.person(), page.person("ben")
    for fields in (
        {"item": sure, "action": "relabel", "seen": "not_bear", "label": "raccoon"},
        {"item": mild, "action": "remove", "seen": "not_bear"},
        {"item": seen, "action": "keep", "seen": "bear"},
        {"item": missed, "action": "remove", "seen": "bear"},
        {"item": missed, "action": "undo", "seen": "bear"},
    ):
        answer = author.post("/labels/edits", data={**fields, "back": "/labels?shown=all"})
        assert answer.headers["location"].startswith("/labels?shown=all")
    assert dict(_shown(author))[sure] == "not_bear"
    assert "1 kept, 1 relabelled, 1 removed" in author.get("/labels").text
    change, digest = _draft(author)
    diff = other.get(f"/labels/changes/{change}").text
    assert "<del>Not a bear</del> → <ins>Raccoon</ins>" in diff
    assert other.post(f"/labels/changes/{change}/apply", data={"seen": digest}).status_code == 303
    assert dict(_shown(other)) == {sure: "raccoon", missed: "bear", seen: "bear", mild: "not_bear"}
    assert _shown(other, "shown=removed") == [(mild, "not_bear")]
    assert _shown(other, "shown=open") == [(missed, "bear")]
    with page.database.read() as session:
        entry = session.scalars(select(LedgerEntry).where(LedgerEntry.kind == "labels.changed")).one()
        assert f'["{sure}","relabel","not_bear","raccoon"]' in entry.body
        assert verify(session).broken_at is None


def test_ones_own_change_needs_a_reason(page: Stage, items: list[str]) -> None:
    author = page.person()
    _edit(author, items[0], "keep", "bear")
    change, digest = _draft(author)
    refused = author.post(f"/labels/changes/{change}/apply", data={"seen": digest})
    assert refused.status_code == 409
    assert "write why" in refused.text
    body = {"seen": digest, "reason": "alone on shift, clear picture"}
    assert author.post(f"/api/v1/labels/changes/{change}/apply", json=body).json()["status"] == "applied"
    assert author.post(f"/api/v1/labels/changes/{change}/apply", json=body).status_code == 409
    assert "alone on shift" in author.get("/labels/changes").text


def test_what_was_altered_since_it_was_looked_over_is_not_applied(page: Stage, items: list[str]) -> None:
    author, other = page.person(), page.person("ben")
    _edit(author, items[0], "keep", "bear")
    change, digest = _draft(author)
    _edit(author, items[1], "remove", "not_bear")
    assert other.post(f"/api/v1/labels/changes/{change}/apply", json={"seen": digest}).status_code == 409
    _, digest = _draft(author)
    _edit(other, items[1], "relabel", "not_bear", "deer")
    theirs, of_theirs = _draft(other)
    assert author.post(f"/api/v1/labels/changes/{theirs}/apply", json={"seen": of_theirs}).status_code == 200
    stale = other.post(f"/labels/changes/{change}/apply", data={"seen": digest})
    assert stale.status_code == 409
    assert "It says deer by now" in stale.text


def test_an_applied_change_is_taken_back_as_another_change(page: Stage, items: list[str]) -> None:
    author, other = page.person(), page.person("ben")
    _edit(author, items[1], "relabel", "not_bear", "deer")
    _edit(author, items[3], "remove", "not_bear")
    change, digest = _draft(author)
    other.post(f"/labels/changes/{change}/apply", data={"seen": digest})
    back = other.post(f"/labels/changes/{change}/revert")
    assert back.status_code == 303
    assert "takes back" in other.get(back.headers["location"]).text
    second, digest = _draft(other)
    assert author.post(f"/labels/changes/{second}/apply", data={"seen": digest}).status_code == 303
    assert dict(_shown(author))[items[1]] == "not_bear"
    assert _shown(author, "shown=removed") == []
    assert author.post(f"/labels/changes/{change}/revert").status_code == 409  # nothing of it stands any more


def test_an_edit_that_says_nothing_or_about_nothing_is_refused(page: Stage) -> None:
    _decided(page, "upper-creek", "bear", 0.5, 100)
    ranger = page.person()
    assert _edit(ranger, "encounter:1", "relabel", "bear") == 409
    assert _edit(ranger, "encounter:1", "relabel", "bear", "bear") == 409
    assert _edit(ranger, "encounter:1", "keep", "deer") == 409
    assert _edit(ranger, "encounter:999", "keep", "bear") == 409
    assert _edit(ranger, "encounter:1", "relabel", "bear", "unicorn") == 422
    assert _edit(ranger, "'; --", "keep", "bear") == 422
    assert ranger.get("/api/v1/labels/changes").json()["changes"] == []


def test_a_script_gets_the_card_and_the_draft(page: Stage, items: list[str]) -> None:
    fields = {"item": items[0], "action": "keep", "seen": "bear"}
    answer = page.person().post("/labels/edits", data=fields, headers={"HX-Request": "true"})
    assert answer.status_code == 200
    assert "in your change" in answer.text
    assert 'id="draft"' in answer.text
    refused = page.person().post("/labels/edits", data={**fields, "seen": "deer"}, headers={"HX-Request": "true"})
    assert "has changed since" in refused.text


def test_only_the_author_withdraws_a_draft(page: Stage, items: list[str]) -> None:
    author, other = page.person(), page.person("ben")
    _edit(author, items[0], "remove", "bear")
    change, digest = _draft(author)
    assert other.post(f"/labels/changes/{change}/withdraw").status_code == 409
    assert author.post(f"/labels/changes/{change}/withdraw").status_code == 303
    assert other.post(f"/labels/changes/{change}/apply", data={"seen": digest}).status_code == 409
    assert len(_shown(other)) == 4


def test_on_watch_labels_of_the_campsite_are_hidden_and_cannot_be_applied(page: Stage, items: list[str]) -> None:
    author, watcher = page.person("ben"), page.person()
    _edit(author, items[0], "remove", "bear")
    change, digest = _draft(author)
    watcher.post("/watches", data={"campsite": "upper-pines"})
    assert _shown(watcher) == [(items[3], "not_bear")]
    assert items[0] not in watcher.get("/labels.csv").text
    diff = watcher.get(f"/labels/changes/{change}").text
    assert "hidden from you" in diff
    assert "/media/" not in diff
    assert watcher.get(f"/api/v1/labels/changes/{change}").json()["edits"] == []
    refused = watcher.post(f"/labels/changes/{change}/apply", data={"seen": digest, "reason": "x"})
    assert refused.status_code == 409


def test_audits_are_labels_with_the_probability_of_their_drawing(page: Stage) -> None:
    keys = [page.media.put("upper-creek", T0, jpeg(shade)) for shade in (50, 60, 70)]
    auditor = page.person("lea", Role.LEAD_RANGER)
    with page.database.write() as session:
        session.add(AuditDraw(day="2027-01-15", drawn_at=T0, seed="1", hours=9, hours_digest="0" * 64))
        for number, bear, marked in ((1, "yes", [1]), (2, "no", []), (3, "unsure", [])):
            session.add(
                AuditSheet(id=number, day="2027-01-15", position=number, kind="random", campsite_id="upper-pines",
                           camera_id="upper-creek", hour_at=T0, stratum="s", probability=0.25, thumbnails=keys,
                           minutes=[0, 20, 40], drawn_at=T0, due_at=T0)
            )  # fmt: skip
            session.flush()
            session.add(
                AuditAnswer(sheet_id=number, user_id=page.user_id("lea"), bear=bear, marked=marked, answered_at=T0,
                            idempotency_key=f"audit-key-{number}")
            )  # fmt: skip
    rows = auditor.get("/api/v1/labels").json()["labels"]
    found = {row["item"]: (row["label"], row["source"], row["probability"], row["captured_at"]) for row in rows}
    assert found == {
        "sheet:1:1": ("bear", "audit", 0.25, T0 + 1200),
        "sheet:2:1": ("not_bear", "audit", 0.25, T0 + 1200),
    }


def test_the_export_is_a_manifest_that_the_trainer_reads(page: Stage, items: list[str], tmp_path: Path) -> None:
    _edit(page.person(), items[1], "relabel", "not_bear", "raccoon")
    change, digest = _draft(page.person())
    page.person("ben").post(f"/labels/changes/{change}/apply", data={"seen": digest})
    text = page.person().get("/labels.csv?training=true").text
    assert [row["label"] for row in csv.DictReader(text.splitlines())] == ["bear", "raccoon", "bear"]
    manifest = tmp_path / "labels.csv"
    manifest.write_text(text)
    pictures = read_manifest(manifest, MediaStore(page.media.root).root)
    assert all(picture.path.is_file() for picture in pictures)
    assert {picture.source for picture in pictures} == {"upper-creek", "upper-trail"}
    assert len(page.person().get("/labels.csv").text.splitlines()) == 5


def test_every_label_for_training_is_a_word_that_the_trainer_knows() -> None:
    assert {str(label) for label in FOR_TRAINING} <= set(student_labels().names)


# Several pictures of a visit, and animals without a name


def _long_visit(page: Stage, camera: str = "upper-creek", start: float = T0) -> int:
    """A bear that stays for twelve seconds, with pictures of its own each; its encounter."""
    frames = [scored(0.6 + step / 100, camera, start + step) for step in range(13)]
    track, rule = Track(), AlertRule.of(page.config.detector)
    writer = EncounterWriter(page.config, page.media, rule, clock=lambda: start + 13)
    for number, scores in enumerate(frames):
        own = replace(scores, frame=frame(camera, start + number, picture=jpeg(40 + 10 * number)))
        track, changes = observe(track, own, rule)
        with page.database.write() as session:
            writer.write(session, camera, False, changes)
    with page.database.read() as session:
        return session.scalars(select(Encounter.id)).one()


def test_a_visit_has_a_few_pictures_of_different_moments_that_are_labelled_one_by_one(page: Stage) -> None:
    visit = _long_visit(page)
    body = {"verdict": "bear", "seen_version": 1, "idempotency_key": "a-decision-key"}
    assert page.person("rosa").post("/api/v1/alerts/1/decisions", json=body).status_code == 200
    author, other = page.person("lena"), page.person("olga")
    rows = author.get("/api/v1/labels").json()["labels"]
    times = sorted(each["captured_at"] for each in rows)
    assert {each["visit"] for each in rows} == {visit}
    assert len({each["file"] for each in rows}) == len(rows) == PICTURES
    assert min(later - sooner for sooner, later in pairwise(times)) >= MOMENT_S
    other_moment = next(each["item"] for each in rows if each["item"].startswith("frame:"))
    assert _edit(author, other_moment, "relabel", "bear", "empty") == 200
    change, digest = _draft(author)
    assert other.post(f"/api/v1/labels/changes/{change}/apply", json={"seen": digest}).status_code == 200
    labels = dict(_shown(author))
    assert (labels[other_moment], labels[f"encounter:{visit}"]) == ("empty", "bear")
    exported = csv.DictReader(author.get("/labels.csv?training=true").text.splitlines())
    assert sorted(row["label"] for row in exported) == ["bear", "bear", "empty"]


def test_one_click_relabels_all_pictures_of_a_visit_that_say_the_same(page: Stage) -> None:
    _long_visit(page)
    body = {"verdict": "not_a_bear", "seen_version": 1, "idempotency_key": "a-decision-key"}
    assert page.person("rosa").post("/api/v1/alerts/1/decisions", json=body).status_code == 200
    author = page.person("lena")
    assert "the same for the 2 other pictures of this visit" in author.get("/labels").text
    first, second, third = (item for item, _ in _shown(author))
    assert _edit(author, second, "relabel", "not_bear", "dog") == 200
    form = {"item": first, "action": "relabel", "seen": "not_bear", "label": "raccoon", "visit": "true"}
    answer = author.post("/labels/edits", data=form, headers={"HX-Request": "true"})
    assert answer.text.count("data-card") == PICTURES
    with page.database.read() as session:
        edits = {edit.item: edit.after for edit in session.scalars(select(LabelEdit))}
    assert edits == {first: "raccoon", second: "raccoon", third: "raccoon"}  # one change, one review of it
    assert len(author.get("/api/v1/labels/changes").json()["changes"]) == 1
    answer = author.post("/labels/edits", data={**form, "seen": "deer"}, headers={"HX-Request": "true"})
    assert (answer.text.count("data-card"), answer.text.count("has changed since")) == (PICTURES, 1)
    refused = author.post("/labels/edits", data={**form, "seen": "deer"})
    assert author.get(refused.headers["location"]).text.count("has changed since") == 1


def _stranger(page: Stage, start: float) -> None:
    track, rule = Track(), AlertRule.of(page.config.detector)
    writer = EncounterWriter(page.config, page.media, rule, clock=lambda: start + 2)
    for step in range(5):
        track, changes = observe(track, strange(start + step / 5, camera="upper-creek"), rule)
        with page.database.write() as session:
            writer.write(session, "upper-creek", False, changes)


def test_animals_that_the_model_does_not_know_say_what_people_saw_or_wait_for_a_name(page: Stage) -> None:
    for start in (T0 - 3000, T0 - 2900, T0 - 1300):  # the first raises an alert, the others are held back
        _stranger(page, start)
    rosa = page.person("rosa")
    seen = {"campsite": "upper-pines", "animal": "raccoon", "seen_at": T0 - 1290, "idempotency_key": "a-raccoon-key"}
    assert rosa.post("/api/v1/sightings", json=seen).status_code == 201
    rows = {each["visit"]: each for each in rosa.get("/api/v1/labels").json()["labels"]}
    assert 1 not in rows  # its alert waits for a first decision, on its own page
    assert [(each["label"], each["source"], each["score"]) for each in (rows[2], rows[3])] == [
        ("unnamed", "unknown", None), ("raccoon", "sighting", None),
    ]  # fmt: skip
    assert "Unnamed animal" in rosa.get("/labels").text
    assert _edit(rosa, rows[2]["item"], "keep", "unnamed") == 409
    assert _edit(rosa, rows[2]["item"], "relabel", "unnamed", "deer") == 200
    exported = [row["label"] for row in csv.DictReader(rosa.get("/labels.csv").text.splitlines())]
    assert exported == ["raccoon"]  # nobody has applied the other name yet
    assert rosa.post("/watches", data={"campsite": "upper-pines"}).status_code == 303
    assert rosa.get("/api/v1/labels").json()["labels"] == []


def test_no_labels_yet_says_where_they_come_from(page: Stage) -> None:
    shown = page.person().get("/labels").text
    assert "There are no labels yet." in shown
    assert re.search(r"No label has been changed yet", page.person().get("/labels/changes").text)
