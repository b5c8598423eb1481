"""The rollout page and its API: what they show to whom, that nothing widens alone, and that anybody stops it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select

from core.config import Config
from db.models import AlertStatus, AuthorityLease, BreakerTrip, Delivery, Mode, Role, User, UserCampsite
from db.session import Database
from review_ui.proof import FRESH_S
from review_ui.rights import Right
from review_ui.road import RoadBook
from review_ui.security import Account
from review_ui.tokens import make_token
from rollout import commands as c
from rollout.authority import authority
from rollout.commands import Effect
from rollout.evidence.nights import NightPlan, schedule
from rollout.evidence.visits import night_of
from tests.evidence_rows import add_bear, add_hours
from tests.road_stage import RoadStage, road_stage
from tests.roads import DIGEST
from tests.ui_cast import PASSWORD, stage

WRONG = "not-the-password-at-all"
CAUSE = "a branch in the wind; cut off, and a mask drawn over the tree"


@pytest.fixture
def there(sqlite_database: Database, config: Config, redis_url: str, tmp_path: Path) -> Iterator[RoadStage]:
    with road_stage(sqlite_database, config, redis_url, tmp_path) as made:
        yield made


@pytest.fixture
def live(there: RoadStage) -> RoadStage:
    there.go_live()
    return there


def _who(there: RoadStage, name: str) -> TestClient:
    return there.page.person(name)


def _fields(browser: TestClient, **more: Any) -> dict[str, Any]:
    """The hidden fields of the page's forms, as a browser would send them."""
    text = browser.get("/rollout").text
    epoch = re.search(r'name="epoch" value="(\d+)"', text)
    key = re.search(r'name="idempotency_key" value="([^"]+)"', text)
    assert epoch, text
    assert key, text
    return {"epoch": epoch[1], "idempotency_key": key[1], **more}


def _mode(there: RoadStage, campsite: str = "upper-pines") -> Mode:
    with there.page.database.read() as session:
        return authority(session, campsite, there.page.clock.now)


def test_before_a_controller_has_looked_the_page_says_what_to_do(
    sqlite_database: Database, config: Config, redis_url: str, tmp_path: Path
) -> None:
    with stage(sqlite_database, config, redis_url, tmp_path) as page:
        text = page.person("day-ranger").get("/rollout").text
    assert "no controller has read the road yet" in text.casefold()
    assert "Nothing has happened yet" in text
    assert "Nobody is named." in text
    assert "No manual watch was rehearsed yet" in text


def test_the_page_shows_the_road_the_gates_and_what_is_in_the_way(there: RoadStage) -> None:
    text = _who(there, "rosa").get("/rollout").text
    assert 'aria-label="The road has 2 stages. We are at stage 1, shadow, shadow."' in text
    assert "Breakers that are open" in text
    assert "needs exactly 0 breakers" in text
    assert "2 people with distinct roles out of lead ranger, model owner must agree; so far: nobody." in text
    assert "chin (lead ranger), lena (lead ranger), omar (model owner)" in text
    assert 'action="/rollout/approve"' not in text, "a ranger may not approve, and is not asked to"


def test_what_a_gate_still_lacks_is_said_in_numbers_and_words(
    sqlite_database: Database, config: Config, redis_url: str, tmp_path: Path
) -> None:
    with road_stage(sqlite_database, config, redis_url, tmp_path, stages=[]) as there:
        gates = {g["metric"]: g for g in _who(there, "rosa").get("/api/v1/rollout").json()["gates"]}
        text = _who(there, "rosa").get("/rollout").text
    recall = gates["recall_blind"]
    assert (recall["outcome"], recall["have"]) == ("inconclusive", 0.0)
    needs = f"{recall['need']:g} more bear-nights; nobody can say how long that takes, none was seen yet."
    assert recall["missing"] == needs
    assert gates["false_alarms_per_camera_day"]["missing"].endswith("about 20 days at the present rate.")
    assert "needs at least 90 %, even at the 95 % bound" in text
    assert "Fails" not in text, "too few nights are too early, not a failure"


def test_the_page_shows_the_last_look_with_its_age_and_looks_anew_when_asked(
    sqlite_database: Database, config: Config, redis_url: str, tmp_path: Path
) -> None:
    """The first reader's look is written down; the second does not work all evidence out again."""
    with road_stage(sqlite_database, config, redis_url, tmp_path, stages=[]) as there:
        rosa, clock = _who(there, "rosa"), there.page.clock
        with sqlite_database.write() as session:
            add_hours(session, clock.now - 7200, 2)
        assert "Evidence was worked out just now" in rosa.get("/rollout").text
        with sqlite_database.write() as session:
            add_bear(session, clock.now - 3600, status=AlertStatus.REJECTED, model=DIGEST)
        clock.now += 720
        before = rosa.get("/api/v1/rollout").json()
        assert (before["looked"]["age_s"], before["looked"]["late"]) == (720, False)
        page = rosa.get("/rollout").text
        assert "Evidence was worked out 12 min ago" in page
        assert 'class="course"' not in page, "one look has no course"
        answer = rosa.post("/rollout/look")
        assert answer.headers["location"] == "/rollout?done=looked"
        after = rosa.get("/api/v1/rollout").json()
        assert after["looked"]["age_s"] == 0
        alarms = {g["metric"]: g for g in after["gates"]}["false_alarms_per_camera_day"]
        assert alarms["course"][0]["value"] == 0
        assert alarms["course"][1]["value"] == alarms["value"] > 0
        page = rosa.get("/rollout?done=looked").text
        assert "Evidence was worked out anew." in page
        assert re.search(r'<svg class="course"[^>]*role="img" aria-label="Alerts without a bear, from [^"]+"', page)
        clock.now += 7201
        assert "the controller should do it each hour" in rosa.get("/rollout").text
        assert rosa.post("/api/v1/rollout/look").json()["looked"]["age_s"] == 0


def test_who_watches_blind_sees_no_course_either(
    sqlite_database: Database, config: Config, redis_url: str, tmp_path: Path
) -> None:
    with road_stage(sqlite_database, config, redis_url, tmp_path, stages=[]) as there:
        rosa, clock = _who(there, "rosa"), there.page.clock
        with sqlite_database.write() as session:
            add_hours(session, clock.now - 7200, 2)
        rosa.get("/rollout")
        assert rosa.post("/watches", data={"campsite": "upper-pines"}).status_code == 303
        clock.now += 60
        rosa.post("/rollout/look")
        assert 'class="course"' not in rosa.get("/rollout").text
        assert all(gate["course"] == [] for gate in rosa.get("/api/v1/rollout").json()["gates"])
        assert 'class="course"' in _who(there, "chin").get("/rollout").text


def test_an_approver_who_was_switched_off_no_longer_counts_and_the_page_says_so(there: RoadStage) -> None:
    lena, omar, olga = _who(there, "lena"), _who(there, "omar"), _who(there, "olga")
    for browser in (lena, omar):
        browser.post("/rollout/approve", data=_fields(browser, password=PASSWORD))
    with there.page.database.write() as session:
        session.scalars(select(User).where(User.name == "lena")).one().active = False
    page = olga.get("/rollout").text
    assert "Does not count: the account is switched off." in page
    assert "so far: omar (model owner); no longer counted: lena (the account is switched off)." in page
    assert 'action="/rollout/widen"' not in page
    assert olga.post("/api/v1/rollout/widen", json={"password": PASSWORD}).json()["done"] is False
    assert there.phase == "shadow"


def test_two_people_approve_with_their_passwords_and_an_operator_carries_it_out(there: RoadStage) -> None:
    lena, omar, olga = _who(there, "lena"), _who(there, "omar"), _who(there, "olga")
    answer = lena.post("/rollout/approve", data=_fields(lena, password=WRONG, note="I read them"))
    assert answer.status_code == 422
    assert "That is not your password" in answer.text
    assert 'value="I read them"' in answer.text, "what was typed is kept"
    assert there.state.approvals == ()
    for browser in (lena, omar):
        answer = browser.post("/rollout/approve", data=_fields(browser, password=PASSWORD))
        assert answer.headers["location"] == "/rollout?done=approved"
    assert 'action="/rollout/widen"' not in lena.get("/rollout").text
    page = olga.get("/rollout").text
    assert "Nothing is in the way." in page
    assert olga.post("/rollout/widen", data=_fields(olga, password=WRONG)).status_code == 422
    assert there.phase == "shadow"
    answer = olga.post("/rollout/widen", data=_fields(olga, password=PASSWORD))
    assert answer.headers["location"] == "/rollout?done=widened"
    assert there.phase == "assisted"
    assert _mode(there) is Mode.ASSISTED
    page = olga.get("/rollout").text
    assert "When a ranger confirms a bear, campers at Upper Pines are warned." in page
    assert re.search(r"Ends \w{3} \d+ \w{3}, \d\d:\d\d P[SD]T", page)


def test_a_refused_form_gets_back_its_own_words_and_no_other_form_does(live: RoadStage) -> None:
    for camera in ("upper-creek", "upper-trail"):
        live.trip("false_alarm_burst", f"many at {camera}", camera, "upper-pines")
    lena = _who(live, "lena")
    latch = "false_alarm_burst@camera:upper-trail"
    for path, words in (
        ("/rollout/approve", {"note": "read every miss"}),
        ("/rollout/narrow", {"reason": "read every miss", "to": "nowhere"}),
        ("/rollout/breakers/reset", {"cause": "read every miss", "breaker": latch}),
    ):
        text = lena.post(path, data=_fields(lena, password=WRONG, **words)).text
        assert "Nothing was changed" in text or "not your password" in text, path
        assert text.count("read every miss") == 1, path
    cards = text.split('name="breaker"')
    assert [("read every miss" in card, latch in card) for card in cards[1:]] == [(False, False), (True, True)]


def test_one_person_alone_does_not_widen_it(there: RoadStage) -> None:
    lena, olga = _who(there, "lena"), _who(there, "olga")
    for _ in range(2):
        lena.post("/rollout/approve", data=_fields(lena, password=PASSWORD))
    answer = olga.post("/api/v1/rollout/widen", json={"password": PASSWORD})
    assert answer.json()["done"] is False
    assert there.phase == "shadow"
    epoch = there.state.epoch
    stale = lena.post("/api/v1/rollout/approvals", json={"password": PASSWORD, "epoch": epoch - 1})
    assert stale.status_code == 409
    assert "moved on" in stale.json()["detail"]
    assert olga.post("/rollout/approve", data={"password": PASSWORD}).status_code == 403


def test_no_key_of_the_keyboard_widens_or_stops_anything(live: RoadStage) -> None:
    for path in ("/rollout", "/rollout/stop"):
        for name in ("lena", "olga", "rosa"):
            assert "data-key" not in _who(live, name).get(path).text
    assert _who(live, "rosa").get("/rollout/stop").status_code == 200
    assert _mode(live) is Mode.ASSISTED, "looking at the page stops nothing"


@pytest.mark.parametrize("role", [Role.RANGER, Role.AUDITOR])
def test_anybody_stops_it_with_one_form_and_it_holds_at_once(live: RoadStage, role: Role) -> None:
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


def test_only_one_campsite_can_be_stopped_and_a_name_that_nobody_knows_stops_nothing(live: RoadStage) -> None:
    rosa = _who(live, "rosa")
    answer = rosa.post("/rollout/stop", data={"campsite": "nowhere"})
    assert answer.status_code == 409
    assert _mode(live) is Mode.ASSISTED
    rosa.post("/rollout/stop", data={"campsite": "lower-pines", "reason": "smoke"})
    assert _mode(live) is Mode.ASSISTED
    assert [latch.id for latch in live.state.latches] == ["kill@site:lower-pines"]
    assert rosa.post("/api/v1/rollout/stop", json={"campsites": ["upper-pines"]}).json()["phase"] == "handover"


def test_while_nobody_has_taken_over_every_page_says_so_and_the_roster_can(live: RoadStage) -> None:
    _who(live, "adam").post("/rollout/stop")
    live.page.clock.now += 180
    rosa, ben = _who(live, "rosa"), live.page.person("ben")
    for path in ("/", "/sightings", "/rollout", "/cameras", "/fragments/banner"):
        text = rosa.get(path).text
        assert "the cameras are not watching for you" in text, path
        assert "Nobody has taken over for <time" in text, path
        assert "I take over the watch" in text, path
        assert "I take over the watch" not in ben.get(path).text
    assert "Only somebody of the roster can take it over: rosa, chin." in ben.get("/rollout").text
    assert ben.post("/rollout/ack").status_code == 409
    assert live.phase == "handover"
    live.give(c.Tick(), live.page.clock.now + 200)
    handover = rosa.get("/api/v1/rollout").json()["handovers"][0]
    assert (handover["to"], handover["asked"], handover["next_to"], handover["may_take"]) == ("chin", 2, "rosa", True)
    assert rosa.post("/rollout/ack", data={"handover": handover["id"]}).headers["location"] == "/rollout?done=taken"
    assert live.phase == "shadow"
    assert "I take over the watch" not in rosa.get("/").text


def test_a_new_handover_and_its_escalation_reach_open_pages(live: RoadStage) -> None:
    def shape() -> str:
        found = re.search(r'data-shape="([^"]*)"', _who(live, "rosa").get("/fragments/banner").text)
        assert found
        return found[1]

    before = shape()
    _who(live, "adam").post("/rollout/stop")
    stopped = shape()
    live.give(c.Tick(), live.page.clock.now + 400)
    assert len({before, stopped, shape()}) == 3


def test_a_stage_is_narrowed_by_one_person_and_extended_by_two(live: RoadStage) -> None:
    rosa, olga, lena, omar = (_who(live, name) for name in ("rosa", "olga", "lena", "omar"))
    answer = olga.post("/rollout/extend", data=_fields(olga, password=PASSWORD, longer="24h"))
    assert answer.status_code == 409
    assert "must agree" in answer.text
    for browser in (lena, omar):
        browser.post("/rollout/approve", data=_fields(browser, password=PASSWORD, step="extend"))
    before = live.state.deadline_at
    assert olga.post("/rollout/extend", data=_fields(olga, password=PASSWORD, longer="24h")).status_code == 303
    assert live.state.deadline_at == (before or 0) + 24 * 3600
    assert _who(live, "adam").post("/rollout/narrow", data={"reason": "fog"}).status_code == 409
    assert rosa.post("/rollout/narrow", data={"reason": "fog"}).status_code == 303
    assert live.phase == "handover"


def test_an_open_breaker_shows_what_tripped_it_and_two_people_close_it(there: RoadStage) -> None:
    why = "false_alarms_1h_camera >= 6: 7 at camera:upper-creek"
    now = there.page.clock.now
    with there.page.database.write() as session:
        session.add(
            BreakerTrip(breaker="false_alarm_burst", scope="camera", scope_id="upper-creek", action="limit",
                        tripped_at=now, value=7.0, limit=6.0, why=why, series=[[now - 60, 2.0], [now, 7.0]])
        )  # fmt: skip
    there.trip("false_alarm_burst", why, "upper-creek", "upper-pines")
    latch = "false_alarm_burst@camera:upper-creek"
    lena, omar = _who(there, "lena"), _who(there, "omar")
    text = lena.get("/rollout").text
    for said in (
        "A burst of false alarms",
        why.replace(">", "&gt;"),
        "plot-trip",
        "What to do:",
        "against a limit of 6",
    ):
        assert said in text
    short = lena.post("/rollout/breakers/reset", data=_fields(lena, password=PASSWORD, breaker=latch, cause="x"))
    assert short.status_code == 409
    for browser, done in ((lena, "agreed"), (omar, "closed")):
        fields = _fields(browser, password=PASSWORD, breaker=latch, cause=CAUSE)
        assert browser.post("/rollout/breakers/reset", data=fields).headers["location"] == f"/rollout?done={done}"
    assert there.state.latches == ()
    with there.page.database.read() as session:
        assert session.scalars(select(BreakerTrip.cause)).one() == CAUSE
    assert CAUSE in lena.get("/rollout/history").text


def test_on_watch_no_number_on_the_page_or_in_the_api_moves_with_what_the_model_sees(
    sqlite_database: Database, config: Config, redis_url: str, tmp_path: Path
) -> None:
    with road_stage(sqlite_database, config, redis_url, tmp_path, stages=[]) as there:
        page, rosa = there.page, _who(there, "rosa")
        with page.database.write() as session:
            add_hours(session, page.clock.now - 7200, 2)
        assert rosa.post("/watches", data={"campsite": "upper-pines"}).status_code == 303
        before, chins = _everything(rosa), _everything(_who(there, "chin"))
        with page.database.write() as session:
            for minute in range(8):
                add_bear(session, page.clock.now - 3600 + 400 * minute, status=AlertStatus.REJECTED, model=DIGEST)
        there.trip("false_alarm_burst", "8 rejected at camera:upper-creek", "upper-creek", "upper-pines")
        there.trip("camera_loss", "silent for 130 s", "lower-meadow", "lower-pines")
        after = _everything(rosa)
        page_text = rosa.get("/rollout").text
        assert _everything(_who(there, "chin")) != chins, "whoever does not watch sees them move"
    assert [gate["outcome"] for gate in after["gates"]] == ["hidden"] * 7
    assert after["gates"] == before["gates"]
    assert after["stages"] == before["stages"]
    assert "You watch Upper Pines." in page_text
    assert "a count that goes up is as good as an alert" in page_text
    assert "rejected" not in page_text
    assert "A breaker about what the model sees" in page_text
    assert "silent for 130 s" in page_text, "a blind camera is no secret"
    assert not any("rejected" in event["details"] or "burst" in event["title"] for event in after["events"])


def _everything(browser: TestClient) -> dict[str, Any]:
    found: dict[str, Any] = browser.get("/api/v1/rollout").json()
    return {**found, "events": browser.get("/api/v1/rollout/history").json()["events"], "at": 0}


def test_whoever_has_one_campsite_learns_nothing_that_happens_at_another(there: RoadStage) -> None:
    there.trip("camera_loss", "camera lower-meadow is silent", "lower-meadow", "lower-pines", Effect.HANDOVER)
    lena = _who(there, "lena")
    with there.page.database.write() as session:
        session.add(UserCampsite(user_id=there.page.user_id("lena"), campsite_id="upper-pines"))
    for path in ("/rollout", "/rollout/history", "/api/v1/rollout", "/api/v1/rollout/history", "/api/v1/rollout/plan"):
        text = lena.get(path).text
        assert "lower" not in text.casefold(), path
        assert "Meadow" not in text, path
    assert "Upper Pines and 1 more" in lena.get("/rollout").text


def test_a_program_proves_itself_by_its_token_and_a_browser_by_its_password(there: RoadStage) -> None:
    lena = _who(there, "lena")
    refused = lena.post("/api/v1/rollout/approvals", json={})
    assert (refused.status_code, refused.json()["errors"][0]["loc"]) == (422, ["body", "password"])
    with there.page.database.write() as session:
        user = session.scalars(select(User).where(User.name == "lena")).one()
        account = Account(user.id, user.name, Role(user.role), "")
        secret = make_token(session, account, "a program", [Right.APPROVE_WIDEN], [], 1, there.page.clock.now).secret
    program = TestClient(there.page.app, headers={"Authorization": f"Bearer {secret}"})
    answer = program.post("/api/v1/rollout/approvals", json={"note": "by the book", "idempotency_key": "one-approval"})
    assert answer.json() == {"done": True, "phase": "shadow", "why": [], "events": ["approved"]}
    again = program.post("/api/v1/rollout/approvals", json={"note": "by the book", "idempotency_key": "one-approval"})
    assert again.json()["events"] == []
    assert program.get("/api/v1/rollout").status_code == 403, "the token is for approving alone"


def test_whoever_has_no_password_here_proves_it_by_having_just_logged_in(there: RoadStage) -> None:
    lena = _who(there, "lena")
    with there.page.database.write() as session:
        session.scalars(select(User).where(User.name == "lena")).one().password_hash = "!"
    there.page.clock.now += FRESH_S + 1
    late = lena.post("/rollout/approve", data=_fields(lena))
    assert late.status_code == 422
    assert "sign in again" in late.text
    fresh = _who(there, "lena")
    assert fresh.post("/rollout/approve", data=_fields(fresh)).status_code == 303


def test_wrong_passwords_are_counted_like_wrong_logins(there: RoadStage) -> None:
    lena = _who(there, "lena")
    answers = [lena.post("/api/v1/rollout/approvals", json={"password": WRONG}).status_code for _ in range(6)]
    assert answers == [422] * 5 + [429]
    assert lena.post("/api/v1/rollout/approvals", json={"password": PASSWORD}).status_code == 429


SENSELESS = [
    ("widen", {"password": PASSWORD, "again": "maybe"}),
    ("extend", {"password": PASSWORD, "longer": "soon"}),
    ("approvals", {"password": PASSWORD, "step": "reset"}),
    ("stop", {"campsites": "everywhere"}),
    ("stop", {"because": "of an unknown field"}),
    ("breakers/reset", {"password": PASSWORD, "breaker": "x", "cause": "short"}),
    ("history?before=0", None),
]


def test_what_makes_no_sense_is_refused_with_where_it_stands(there: RoadStage) -> None:
    root = there.page.person("root", Role.ADMINISTRATOR)
    for path, body in SENSELESS:
        address = f"/api/v1/rollout/{path}"
        answer = root.get(address) if body is None else root.post(address, json=body)
        assert answer.status_code == 422, path
        assert answer.json()["errors"], path
    assert there.phase == "shadow"


def test_the_road_is_read_again_when_its_file_changes_and_a_mistake_leaves_the_old_one(
    config: Config, tmp_path: Path
) -> None:
    file = tmp_path / "bearwatch.yaml"
    places = config.model_dump_json(exclude={"rollout"}, exclude_defaults=True)
    file.write_text(f'{places[:-1]}, "rollout": {{"metadata": {{"name": "first"}}}}}}')
    book = RoadBook(file, config)
    file.write_text(f'{places[:-1]}, "rollout": {{"metadata": {{"name": "the second road"}}}}}}')
    assert book.road().name == "the second road"
    file.write_text(f'{places[:-1]}, "rollout": {{"nmae": "a mistake in it"}}}}')
    assert book.road().name == "the second road"
    assert "nmae" in (book.problem or "")


def test_an_off_night_is_said_on_every_page(live: RoadStage) -> None:
    night = night_of(live.page.clock.now, "America/Los_Angeles")
    seed = next(
        str(n)
        for n in range(99)
        if NightPlan(("upper-pines",), night, 2, 2, str(n)).is_on("upper-pines", night) is False
    )
    with live.page.database.write() as session:
        schedule(
            session, "does it help", NightPlan(("upper-pines",), night, 2, 2, seed), live.page.user_id("olga"), 0.0
        )
    text = _who(live, "rosa").get("/").text
    assert "Off night" in text
    assert "Campers are not warned by the system" in text
    with live.page.database.read() as session:
        assert session.get_one(AuthorityLease, "upper-pines").mode == Mode.ASSISTED, "the lease itself is untouched"
