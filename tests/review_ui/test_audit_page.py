"""The audit page and its API: blind contact sheets, a planted one among them, answered once."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from sqlalchemy import select

from core.config import Config
from core.media import MediaStore
from db.models import AuditAnswer, AuditDraw, AuditSheet, Role, SheetKind, UserCampsite
from db.session import Database
from tests.support.factories import T0, jpeg
from tests.support.pages import Stage, stage

HOUR_AT = T0 // 3600 * 3600 - 10 * 3600
PICTURES = 12


@pytest.fixture
def page(page: Stage) -> Stage:
    """Three sheets are drawn, one of them planted."""
    with page.database.write() as session:
        session.add(AuditDraw(day="2027-01-15", drawn_at=T0, seed="1", hours=3, hours_digest="0" * 64))
        session.flush()
        for number, camera in enumerate(("upper-creek", "upper-creek", "lower-meadow")):
            session.add(_sheet(page.media, number, camera, planted=number == 1))
    return page


def _sheet(media: MediaStore, position: int, camera: str, planted: bool) -> AuditSheet:
    at = HOUR_AT + 3600 * position
    keys = [media.put(camera, at + 60 * minute, jpeg(40 + 20 * position + minute)) for minute in range(PICTURES)]
    if planted:
        keys[5] = media.put(camera, at - 6 * 86400, jpeg(200))
    return AuditSheet(
        day="2027-01-15", position=position, kind=SheetKind.PLANTED if planted else SheetKind.RANDOM,
        campsite_id="lower-pines" if camera == "lower-meadow" else "upper-pines", camera_id=camera, hour_at=at,
        stratum="anywhere/dark/still", probability=None if planted else 0.5, thumbnails=keys,
        minutes=list(range(PICTURES)), planted_index=5 if planted else None, planted_encounter_id=None,
        drawn_at=T0, due_at=T0 + 3600.0,
    )  # fmt: skip


def _form(key: str, bear: str, *marks: int) -> dict[str, object]:
    return {"idempotency_key": key, "bear": bear, "mark": [str(mark) for mark in marks]}


def _answers(page: Stage) -> list[tuple[int, str, list[int]]]:
    with page.database.read() as session:
        return [(a.sheet_id, a.bear, a.marked) for a in session.scalars(select(AuditAnswer).order_by(AuditAnswer.id))]


def test_a_sheet_is_answered_and_the_next_one_comes(page: Stage) -> None:
    adam = page.person("adam", Role.AUDITOR)
    text = adam.get("/audit").text
    assert "<b>3</b> sheets wait" in text
    assert text.count('name="mark"') == PICTURES
    sheet = int(re.findall(r'action="/audit/sheets/(\d+)"', text)[0])
    answer = adam.post(f"/audit/sheets/{sheet}", data=_form("answer-number-one", "yes", 2, 3))
    assert answer.headers["location"] == f"/audit?done={sheet}"
    assert _answers(page) == [(sheet, "yes", [2, 3])]
    after = adam.get(answer.headers["location"]).text
    assert "Written down." in after
    assert "<b>2</b> sheets wait" in after
    assert f'action="/audit/sheets/{sheet}"' not in after


def test_a_planted_sheet_cannot_be_told_from_the_others(page: Stage) -> None:
    adam = page.person("adam", Role.AUDITOR)
    shown = {number: adam.get(f"/audit/sheets/{number}").text for number in (1, 2)}
    plain = {
        number: re.sub(r"\d\d:\d\d", "TIME", re.sub(r'value="[0-9a-f-]{36}"', "KEY", text))
        .replace(f"/audit/sheets/{number}", "/audit/sheets/N")
        for number, text in shown.items()
    }  # fmt: skip
    others = re.compile(r'<template id="next-sheet">.*?</template>')
    assert others.sub("", plain[1]) == others.sub("", plain[2])
    listed = adam.get("/api/v1/audit/sheets").json()["sheets"]
    assert {tuple(sorted(each)) for each in listed} == {
        ("camera", "campsite", "due_at", "hour_at", "id", "minutes", "thumbnails"),
    }
    for number in (1, 2):
        pictures = [adam.get(f"/audit/sheets/{number}/{index}.jpg") for index in range(PICTURES)]
        assert [each.status_code for each in pictures] == [200] * PICTURES
        assert {tuple(sorted(each.headers)) for each in pictures} == {tuple(sorted(pictures[0].headers))}
        assert [each.headers["etag"] for each in pictures] == [f'"{number}-{index}"' for index in range(PICTURES)]
    assert "2027-01" not in shown[2], "a day in an address would tell which picture is from another day"


def test_nothing_is_said_about_the_model_and_nothing_is_revealed_after_the_answer(page: Stage) -> None:
    page.alert("upper-creek", HOUR_AT + 300)
    adam = page.person("adam", Role.AUDITOR)
    answer = adam.post("/api/v1/audit/sheets/2/answers", json={"bear": "no", "idempotency_key": "an-answer-key"})
    assert answer.status_code == 201
    assert set(answer.json()) == {"id", "sheet", "bear", "marked", "answered_at"}
    text = adam.get("/audit/sheets/2").text
    assert "/alerts/" not in text
    assert "planted" not in text


def test_an_answer_that_does_not_fit_keeps_the_marks_and_says_why(page: Stage) -> None:
    adam = page.person("adam", Role.AUDITOR)
    answer = adam.post("/audit/sheets/1", data=_form("answer-number-one", "no", 4))
    assert answer.status_code == 422
    assert "Thumbnails are marked although there is no bear" in answer.text
    assert re.search(r'value="4" checked', answer.text)
    wrong = adam.post("/api/v1/audit/sheets/1/answers", json={"bear": "yes", "idempotency_key": "an-answer-key"})
    assert wrong.json()["errors"][0]["loc"] == ["body", "marked"]
    assert _answers(page) == []


def test_a_doubled_answer_is_one_and_a_second_thought_takes_its_place(page: Stage) -> None:
    adam = page.person("adam", Role.AUDITOR)
    for _ in range(2):
        assert adam.post("/audit/sheets/1", data=_form("answer-number-one", "unsure")).status_code == 303
    assert _answers(page) == [(1, "unsure", [])]
    assert "You answered <strong>unsure</strong> before" in adam.get("/audit/sheets/1").text
    adam.post("/audit/sheets/1", data=_form("answer-number-two", "yes", 1))
    assert _answers(page)[1] == (1, "yes", [1])
    stolen = {"bear": "no", "idempotency_key": "answer-number-two"}
    assert adam.post("/api/v1/audit/sheets/3/answers", json=stolen).status_code == 422
    lena = page.person("lena", Role.LEAD_RANGER)
    assert lena.get("/audit/sheets/1").status_code == 404, "somebody else's answer is not there to be read"
    assert lena.post("/audit/sheets/1", data=_form("answer-of-lena", "no")).status_code == 404


def test_sheets_and_their_pictures_ask_for_right_campsite_and_blindness(page: Stage) -> None:
    assert page.person("olga", Role.OPERATOR).get("/audit").status_code == 403
    assert page.stranger().get("/audit/sheets/1/0.jpg").status_code in (303, 401)
    adam = page.person("adam", Role.AUDITOR)
    with page.database.write() as session:
        session.add(UserCampsite(user_id=page.user_id("adam"), campsite_id="lower-pines"))
    assert adam.get("/audit/sheets/1/0.jpg").status_code == 404
    assert adam.get("/audit/sheets/3/0.jpg").status_code == 200
    assert [each["id"] for each in adam.get("/api/v1/audit/sheets").json()["sheets"]] == [3]
    ranger = page.person("day-ranger")
    assert ranger.post("/watches", data={"campsite": "lower-pines"}).status_code == 303
    assert ranger.get("/audit/sheets/3").status_code == 404
    assert ranger.get("/audit/sheets/3/0.jpg").status_code == 404
    assert [each["id"] for each in ranger.get("/api/v1/audit/sheets").json()["sheets"]] != []
    assert ranger.get("/audit/sheets/1/99.jpg").status_code == 404


def test_an_empty_desk_says_where_sheets_come_from(sqlite_database: Database, config: Config, redis_url: str,
                                                   tmp_path: Path) -> None:  # fmt: skip
    with stage(sqlite_database, config, redis_url, tmp_path) as page:
        text = page.person("adam", Role.AUDITOR).get("/audit").text
    assert "No contact sheet waits for you." in text
    assert "bearwatch jobs" in text


def test_a_picture_that_is_no_longer_kept_is_said_and_the_rest_can_be_answered(page: Stage) -> None:
    with page.database.read() as session:
        key = session.get_one(AuditSheet, 1).thumbnails[0]
    page.media.remove(key)
    adam = page.person("adam", Role.AUDITOR)
    text = adam.get("/audit/sheets/1").text
    assert "no longer kept" in text
    assert text.count('name="mark"') == PICTURES - 1
    assert adam.get("/audit/sheets/1/0.jpg").status_code == 404
