"""What rangers see with their own eyes: typed, sealed, and held against the model."""

from __future__ import annotations

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select, update

from db.models import Sighting
from review_ui.rendering.time_input import BadMoment, When, when_seen
from review_ui.sightings.sealing import seal_of
from review_ui.web.sighting_form import Entered
from rollout.evidence.matching import MatchRule
from rollout.evidence.seals import blindness_of
from tests.support.factories import T0
from tests.support.pages import Stage

RULE = MatchRule()
PACIFIC = "America/Los_Angeles"
TYPED = {"campsite": "upper-pines", "animal": "bear", "number": "1", "when": "now", "note": ""}


def _see(browser: TestClient, **typed: str) -> str:
    answer = browser.post("/sightings", data={**TYPED, "idempotency_key": "a-sighting-key", **typed})
    assert answer.status_code == 303, answer.text
    return answer.headers["location"]


def test_a_sighting_is_sealed_over_exactly_what_was_typed(either: Stage) -> None:
    where = _see(
        either.person(), number="2", note="  a sow & a cub  ", camera="upper-creek", when="minutes", minutes="5"
    )
    with either.database.read() as session:
        row = session.scalars(select(Sighting)).one()
    entered = Entered("upper-pines", "upper-creek", "bear", 2, "a sow & a cub", either.clock.now - 300)
    said = blindness_of(False, None, "the observer was not on watch there, or the model was advising")
    assert row.seal == seal_of(entered, row.user_id, either.clock.now, said)
    assert f"/sightings/{row.id}" == where


def test_a_sighting_that_was_changed_after_it_was_sealed_says_so(page: Stage) -> None:
    day_ranger = page.person()
    where = _see(day_ranger)
    assert "intact" in day_ranger.get(where).text
    with page.database.write() as session:
        session.execute(update(Sighting).values(number=9))
    assert "was changed after it was sealed" in day_ranger.get(where).text


def test_the_same_form_sent_twice_is_one_sighting(either: Stage) -> None:
    day_ranger = either.person()
    assert _see(day_ranger) == _see(day_ranger)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"number": "none"}, "whole number from 1 to 50"),
        ({"number": "0"}, "whole number from 1 to 50"),
        ({"number": "²"}, "whole number from 1 to 50"),
        ({"campsite": "elsewhere"}, "Choose the campsite"),
        ({"camera": "lower-meadow"}, "does not stand at that campsite"),
        ({"animal": "unicorn"}, "Choose the animal"),
        ({"when": "minutes", "minutes": "soon"}, "how many minutes ago"),
        ({"when": "minutes", "minutes": "1441"}, "how many minutes ago"),
        ({"when": "clock", "clock": "25:00"}, "as 23:40"),
        ({"when": "at", "at": "nan"}, "Say when you saw it"),
        ({"when": "at", "at": "1e999"}, "Say when you saw it"),
        ({"when": "at", "at": "5"}, "within the last 24 hours"),
        ({"when": ""}, "Say when you saw it"),
        ({"note": "x" * 2001}, "2001 characters"),
    ],
)
def test_a_mistake_is_named_and_what_was_typed_stays(page: Stage, wrong: dict[str, str], said: str) -> None:
    typed = {**TYPED, "note": "by the creek <i>", "idempotency_key": "a-sighting-key", **wrong}
    answer = page.person().post("/sightings", data=typed)
    assert answer.status_code == 422
    assert said in answer.text
    assert typed["note"].replace("<", "&lt;").replace(">", "&gt;") in answer.text
    assert "a-sighting-key" in answer.text
    with page.database.read() as session:
        assert session.scalars(select(Sighting)).all() == []


@pytest.mark.parametrize(
    ("minutes_after_the_encounter", "said"),
    [("0.25", "The model saw it 15 s before you"), ("-0.25", "The model saw it 15 s after you"),
     ("0", "The model saw it at the same moment")],
)  # fmt: skip
def test_afterwards_it_says_who_saw_it_first(either: Stage, minutes_after_the_encounter: str, said: str) -> None:
    seen_at = either.clock.now
    either.alert("upper-trail", seen_at - 60 * float(minutes_after_the_encounter))
    html = " ".join(either.person().get(_at(either, seen_at)).text.replace("<b>", "").replace("</b>", "").split())
    assert said in html


@pytest.mark.parametrize(
    ("encounter_at", "matches"),
    [(-RULE.before_s - 1, False), (-RULE.before_s + 1, True), (RULE.after_s - 1, True), (RULE.after_s + 1, False)],
)
def test_only_an_encounter_near_the_sighting_is_a_match(page: Stage, encounter_at: float, matches: bool) -> None:
    seen_at = page.clock.now
    page.clock.now += 700
    where = _at(page, seen_at)
    page.alert("upper-trail", seen_at + encounter_at)
    assert (page.person().get(f"/api/v1{where}").json()["match"] is not None) is matches


def test_an_encounter_at_another_campsite_is_no_match(page: Stage) -> None:
    page.alert("lower-meadow", page.clock.now)
    assert "The model has not seen it" in page.person().get(_at(page, page.clock.now)).text


def test_where_an_observer_names_a_camera_only_that_one_can_have_seen_it(page: Stage) -> None:
    """As the plan says, and as its gates count it."""
    seen_at, day_ranger = page.clock.now, page.person()
    where = _see(day_ranger, when="at", at=repr(seen_at), camera="upper-creek", idempotency_key="named")
    page.alert("upper-trail", seen_at)
    assert day_ranger.get(f"/api/v1{where}").json()["match"] is None
    page.alert("upper-creek", seen_at + 5)
    assert day_ranger.get(f"/api/v1{where}").json()["match"]["camera"] == "Creek"


def test_while_it_may_still_be_seen_the_page_says_until_when(page: Stage) -> None:
    day_ranger = page.person()
    where = _at(page, page.clock.now)
    assert "It may still" in day_ranger.get(where).text
    page.clock.now += RULE.after_s + 1
    assert "The model missed it" in day_ranger.get(where).text
    assert "The model missed it" in day_ranger.get(f"{where}/match").text


def test_the_api_seals_a_sighting_too(page: Stage) -> None:
    body = {"campsite": "upper-pines", "seen_at": page.clock.now - 30, "idempotency_key": "by-program"}
    day_ranger = page.person()
    answer = day_ranger.post("/api/v1/sightings", json=body)
    assert answer.status_code == 201
    assert len(answer.json()["seal"]) == 64
    assert day_ranger.post("/api/v1/sightings", json=body).json()["id"] == answer.json()["id"]
    late = day_ranger.post(
        "/api/v1/sightings", json={**body, "seen_at": T0 - 10_000_000, "idempotency_key": "too-late"}
    )
    assert late.status_code == 422
    assert day_ranger.post("/api/v1/sightings", json={**body, "colour": "brown"}).status_code == 422


def test_the_form_starts_at_the_campsite_that_is_being_watched(page: Stage) -> None:
    day_ranger = page.person()
    day_ranger.post("/watches", data={"campsite": "lower-pines"})
    assert 'value="lower-pines" selected' in day_ranger.get("/sightings/new").text
    assert 'value="upper-pines" selected' in day_ranger.get("/sightings/new?campsite=upper-pines").text


def _at(page: Stage, seen_at: float) -> str:
    return _see(page.person(), when="at", at=repr(seen_at), idempotency_key=f"seen-at-{seen_at}")


# 2026-11-01 00:30 in Los Angeles; clocks go back from 02:00 to 01:00 that night.
_BEFORE_CLOCKS_GO_BACK = 1_793_518_200.0
# 2026-03-08 03:10 in Los Angeles; 02:00 to 03:00 does not exist that night.
_AFTER_CLOCKS_WENT_FORWARD = 1_772_964_600.0


@pytest.mark.parametrize(
    ("when", "now", "expected"),
    [
        (When("now"), T0, T0),
        (When("minutes", minutes="7"), T0, T0 - 420),
        (When("clock", clock="00:10"), _BEFORE_CLOCKS_GO_BACK, _BEFORE_CLOCKS_GO_BACK - 1200),
        (When("clock", clock="23:50"), _BEFORE_CLOCKS_GO_BACK, _BEFORE_CLOCKS_GO_BACK - 2400),
        # Half past one comes twice: an hour later it means the first pass, two hours later the second.
        (When("clock", clock="01:30"), _BEFORE_CLOCKS_GO_BACK + 4200, _BEFORE_CLOCKS_GO_BACK + 3600),
        (When("clock", clock="01:30"), _BEFORE_CLOCKS_GO_BACK + 7800, _BEFORE_CLOCKS_GO_BACK + 7200),
        # 02:55 never came: read as the clocks went on, 03:55 (not yet) or 01:55.
        (When("clock", clock="02:55"), _AFTER_CLOCKS_WENT_FORWARD, _AFTER_CLOCKS_WENT_FORWARD - 900),
        (When("at", at="1800000000.5"), T0 + 10, T0 + 0.5),
    ],
)
def test_a_moment_is_read_as_people_mean_it(when: When, now: float, expected: float) -> None:
    assert when_seen(when, now, PACIFIC) == expected


@pytest.mark.parametrize(
    "when",
    [When(""), When("minutes", minutes="-1"), When("clock", clock="noon"), When("at", at="x"), When("at", at="0")],
)
def test_a_moment_that_nobody_can_mean_is_refused(when: When) -> None:
    with pytest.raises(BadMoment):
        when_seen(when, T0, PACIFIC)
