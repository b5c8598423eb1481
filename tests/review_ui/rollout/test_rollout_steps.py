"""Steps on the rollout page and in its API: nothing is promoted alone, anybody stops it, and somebody takes over."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from sqlalchemy import select

from core.config import Config
from db.models import BreakerTrip, Delivery, Mode, Role, User
from db.session import Database
from rollout.authority.authority import authority
from rollout.stages import commands as c
from tests.support.pages import PASSWORD, stage
from tests.support.rollout.rollout_pages import RolloutStage, fields

WRONG = "not-the-password-at-all"


CAUSE = "a branch in the wind; cut off, and a mask drawn over the tree"


def _mode(there: RolloutStage, campsite: str = "upper-pines") -> Mode:
    with there.page.database.read() as session:
        return authority(session, campsite, there.page.clock.now)


def test_an_approver_who_was_switched_off_no_longer_counts_and_the_page_says_so(there: RolloutStage) -> None:
    lena, omar, olga = there.page.person("lena"), there.page.person("omar"), there.page.person("olga")
    for browser in (lena, omar):
        browser.post("/rollout/approve", data=fields(browser, password=PASSWORD))
    with there.page.database.write() as session:
        session.scalars(select(User).where(User.name == "lena")).one().active = False
    page = olga.get("/rollout").text
    assert "Does not count: the account is switched off." in page
    assert "so far: omar (model owner); no longer counted: lena (the account is switched off)." in page
    assert 'action="/rollout/promote"' not in page
    assert olga.post("/api/v1/rollout/promote", json={"password": PASSWORD}).json()["done"] is False
    assert there.phase == "shadow"


def test_two_people_approve_with_their_passwords_and_an_operator_carries_it_out(there: RolloutStage) -> None:
    lena, omar, olga = there.page.person("lena"), there.page.person("omar"), there.page.person("olga")
    answer = lena.post("/rollout/approve", data=fields(lena, password=WRONG, note="I read them"))
    assert answer.status_code == 422
    assert "That is not your password" in answer.text
    assert 'value="I read them"' in answer.text, "what was typed is kept"
    assert there.state.approvals == ()
    for browser in (lena, omar):
        answer = browser.post("/rollout/approve", data=fields(browser, password=PASSWORD))
        assert answer.headers["location"] == "/rollout?done=approved"
    assert 'action="/rollout/promote"' not in lena.get("/rollout").text
    page = olga.get("/rollout").text
    assert "Nothing is in the way." in page
    assert olga.post("/rollout/promote", data=fields(olga, password=WRONG)).status_code == 422
    assert there.phase == "shadow"
    answer = olga.post("/rollout/promote", data=fields(olga, password=PASSWORD))
    assert answer.headers["location"] == "/rollout?done=promoted"
    assert there.phase == "assisted"
    assert _mode(there) is Mode.ASSISTED
    page = olga.get("/rollout").text
    assert "When a ranger confirms a bear, campers at Upper Pines are warned." in page
    assert re.search(r"Ends \w{3} \d+ \w{3}, \d\d:\d\d P[SD]T", page)


def test_a_refused_form_gets_back_its_own_words_and_no_other_form_does(live: RolloutStage) -> None:
    for camera in ("upper-creek", "upper-trail"):
        live.trip("false_alarm_burst", f"many at {camera}", camera, "upper-pines")
    lena = live.page.person("lena")
    latch = "false_alarm_burst@camera:upper-trail"
    for path, words in (
        ("/rollout/approve", {"note": "read every miss"}),
        ("/rollout/demote", {"reason": "read every miss", "to": "nowhere"}),
        ("/rollout/breakers/reset", {"cause": "read every miss", "breaker": latch}),
    ):
        text = lena.post(path, data=fields(lena, password=WRONG, **words)).text
        assert "Nothing was changed" in text or "not your password" in text, path
        assert text.count("read every miss") == 1, path
    cards = text.split('name="breaker"')
    assert [("read every miss" in card, latch in card) for card in cards[1:]] == [(False, False), (True, True)]


def test_one_person_alone_does_not_promote_it(there: RolloutStage) -> None:
    lena, olga = there.page.person("lena"), there.page.person("olga")
    for _ in range(2):
        lena.post("/rollout/approve", data=fields(lena, password=PASSWORD))
    answer = olga.post("/api/v1/rollout/promote", json={"password": PASSWORD})
    assert answer.json()["done"] is False
    assert there.phase == "shadow"
    epoch = there.state.epoch
    stale = lena.post("/api/v1/rollout/approvals", json={"password": PASSWORD, "epoch": epoch - 1})
    assert stale.status_code == 409
    assert "moved on" in stale.json()["detail"]
    assert olga.post("/rollout/approve", data={"password": PASSWORD}).status_code == 403


def test_no_key_of_the_keyboard_promotes_or_stops_anything(live: RolloutStage) -> None:
    for path in ("/rollout", "/rollout/stop"):
        for name in ("lena", "olga", "rosa"):
            assert "data-key" not in live.page.person(name).get(path).text
    assert live.page.person("rosa").get("/rollout/stop").status_code == 200
    assert _mode(live) is Mode.ASSISTED, "looking at the page stops nothing"


@pytest.mark.parametrize("role", [Role.RANGER, Role.AUDITOR])
def test_anybody_stops_it_with_one_form_and_it_holds_at_once(live: RolloutStage, role: Role) -> None:
    browser = live.page.person(f"a {role}", role)
    assert 'href="/rollout/stop"' in browser.get("/").text, "it can be reached from every page"
    answer = browser.post("/rollout/stop")
    assert answer.status_code == 200
    assert "Stopped at" in answer.text
    assert "rosa is paged to take over the watch" in answer.text
    assert _mode(live) is Mode.SHADOW
    assert live.phase == "handover"
    with live.page.database.read() as session:
        assert session.scalars(select(Delivery.title)).first() == "Take over the watch at upper-pines"


def test_a_stop_works_while_the_configuration_is_broken(
    sqlite_database: Database, config: Config, redis_url: str, tmp_path: Path
) -> None:
    broken = config.model_copy(update={"rollout": config.rollout.model_copy(update={"file": "gone.yaml"})})
    with stage(sqlite_database, broken, redis_url, tmp_path) as page:
        ranger = page.person("day-ranger")
        assert "has a mistake" in ranger.get("/rollout").text
        assert "gone.yaml" in page.person("olga", Role.OPERATOR).get("/rollout").text
        assert "Stopped at" in ranger.post("/rollout/stop").text


def test_only_one_campsite_can_be_stopped_and_a_name_that_nobody_knows_stops_nothing(live: RolloutStage) -> None:
    rosa = live.page.person("rosa")
    answer = rosa.post("/rollout/stop", data={"campsite": "nowhere"})
    assert answer.status_code == 409
    assert _mode(live) is Mode.ASSISTED
    rosa.post("/rollout/stop", data={"campsite": "lower-pines", "reason": "smoke"})
    assert _mode(live) is Mode.ASSISTED
    assert [latch.id for latch in live.state.latches] == ["kill@site:lower-pines"]
    assert rosa.post("/api/v1/rollout/stop", json={"campsites": ["upper-pines"]}).json()["phase"] == "handover"


def test_while_nobody_has_taken_over_every_page_says_so_and_those_on_call_can(live: RolloutStage) -> None:
    live.page.person("adam").post("/rollout/stop")
    live.page.clock.now += 180
    rosa, ben = live.page.person("rosa"), live.page.person("ben")
    for path in ("/", "/sightings", "/rollout", "/cameras", "/fragments/banner"):
        text = rosa.get(path).text
        assert "the cameras are not watching for you" in text, path
        assert "Nobody has taken over for <time" in text, path
        assert "I take over the watch" in text, path
        assert "I take over the watch" not in ben.get(path).text
    assert "Only somebody on call can take it over: rosa, chin." in ben.get("/rollout").text
    assert ben.post("/rollout/ack").status_code == 409
    assert live.phase == "handover"
    live.give(c.Tick(), live.page.clock.now + 200)
    handover = rosa.get("/api/v1/rollout").json()["handovers"][0]
    assert (handover["to"], handover["asked"], handover["next_to"], handover["may_take"]) == ("chin", 2, "rosa", True)
    assert rosa.post("/rollout/ack", data={"handover": handover["id"]}).headers["location"] == "/rollout?done=taken"
    assert live.phase == "shadow"
    assert "I take over the watch" not in rosa.get("/").text


def test_a_new_handover_and_its_escalation_reach_open_pages(live: RolloutStage) -> None:
    def shape() -> str:
        found = re.search(r'data-shape="([^"]*)"', live.page.person("rosa").get("/fragments/banner").text)
        assert found
        return found[1]

    before = shape()
    live.page.person("adam").post("/rollout/stop")
    stopped = shape()
    live.give(c.Tick(), live.page.clock.now + 400)
    assert len({before, stopped, shape()}) == 3


def test_a_stage_is_demoted_by_one_person_and_extended_by_two(live: RolloutStage) -> None:
    rosa, olga, lena, omar = (live.page.person(name) for name in ("rosa", "olga", "lena", "omar"))
    answer = olga.post("/rollout/extend", data=fields(olga, password=PASSWORD, longer="24h"))
    assert answer.status_code == 409
    assert "must agree" in answer.text
    for browser in (lena, omar):
        browser.post("/rollout/approve", data=fields(browser, password=PASSWORD, step="extend"))
    before = live.state.deadline_at
    assert olga.post("/rollout/extend", data=fields(olga, password=PASSWORD, longer="24h")).status_code == 303
    assert live.state.deadline_at == (before or 0) + 24 * 3600
    assert live.page.person("adam").post("/rollout/demote", data={"reason": "fog"}).status_code == 409
    assert rosa.post("/rollout/demote", data={"reason": "fog"}).status_code == 303
    assert live.phase == "handover"


def test_an_open_breaker_shows_what_tripped_it_and_two_people_close_it(there: RolloutStage) -> None:
    why = "false_alarms_1h_camera >= 6: 7 at camera:upper-creek"
    now = there.page.clock.now
    with there.page.database.write() as session:
        session.add(
            BreakerTrip(breaker="false_alarm_burst", scope="camera", scope_id="upper-creek", action="limit",
                        tripped_at=now, value=7.0, limit=6.0, why=why, series=[[now - 60, 2.0], [now, 7.0]])
        )  # fmt: skip
    there.trip("false_alarm_burst", why, "upper-creek", "upper-pines")
    latch = "false_alarm_burst@camera:upper-creek"
    lena, omar = there.page.person("lena"), there.page.person("omar")
    text = lena.get("/rollout").text
    for said in (
        "A burst of false alarms",
        why.replace(">", "&gt;"),
        "plot-trip",
        "What to do:",
        "against a limit of 6",
    ):
        assert said in text
    short = lena.post("/rollout/breakers/reset", data=fields(lena, password=PASSWORD, breaker=latch, cause="x"))
    assert short.status_code == 409
    for browser, done in ((lena, "agreed"), (omar, "closed")):
        form = fields(browser, password=PASSWORD, breaker=latch, cause=CAUSE)
        assert browser.post("/rollout/breakers/reset", data=form).headers["location"] == f"/rollout?done={done}"
    assert there.state.latches == ()
    with there.page.database.read() as session:
        assert session.scalars(select(BreakerTrip.cause)).one() == CAUSE
    assert CAUSE in lena.get("/rollout/history").text


SENSELESS = [
    ("promote", {"password": PASSWORD, "rerun_stage": "maybe"}),
    ("extend", {"password": PASSWORD, "longer": "soon"}),
    ("approvals", {"password": PASSWORD, "step": "reset"}),
    ("stop", {"campsites": "everywhere"}),
    ("stop", {"because": "of an unknown field"}),
    ("breakers/reset", {"password": PASSWORD, "breaker": "x", "cause": "short"}),
    ("history?before=0", None),
]


def test_what_makes_no_sense_is_refused_with_where_it_stands(there: RolloutStage) -> None:
    root = there.page.person("root", Role.ADMINISTRATOR)
    for path, body in SENSELESS:
        address = f"/api/v1/rollout/{path}"
        answer = root.get(address) if body is None else root.post(address, json=body)
        assert answer.status_code == 422, path
        assert answer.json()["errors"], path
    assert there.phase == "shadow"
