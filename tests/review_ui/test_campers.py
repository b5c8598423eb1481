"""The camper page: a warning only when one was sent, and messages that cannot be abused."""

from __future__ import annotations

import html
import re

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select

from core.redis_client import connect
from core.telemetry import Telemetry
from db.models import (
    Alert,
    AlertStatus,
    Appeal,
    AppealOutcome,
    CameraHour,
    CamperMessage,
    Mode,
    Role,
    SenderKey,
    UserCampsite,
    Verdict,
)
from rollout.alerting.active_warnings import WARNING_S, current_warning
from rollout.alerting.appeals import outcome_of
from rollout.alerting.camper_messages import LONGEST_TEXT, PER_SENDER, forget_campers
from rollout.evidence.operations import appeals_upheld_open, complaints_per_camera_day
from tests.support.cast import grant
from tests.support.factories import T0
from tests.support.pages import PASSWORD, Stage, report

CAMP = "/camp/upper-pines"
API = "/api/v1/camp/upper-pines"


pytestmark = pytest.mark.usefixtures("readers")


def _live(page: Stage, mode: Mode = Mode.ASSISTED) -> None:
    now = page.clock.now
    with page.database.write() as session:
        grant(session, "upper-pines", mode, T0 - 10 if now < T0 + 600 else now - 10, now + 3500)


def _decide(page: Stage, alert: int, verdict: str, who: str = "day-ranger", version: int = 1) -> None:
    body = {"verdict": verdict, "seen_version": version, "idempotency_key": f"key-{alert}-{version}-{who}"}
    answer = page.person(who).post(f"/api/v1/alerts/{alert}/decisions", json=body)
    assert answer.status_code == 200, answer.text


def _warn(page: Stage, who: str = "day-ranger") -> int:
    alert = page.alert("upper-creek")
    _decide(page, alert, "bear", who)
    return alert


def _send(page: Stage, kind: str = "report", key: str = "a-camper-key-1", text: str = "by the bins") -> int:
    body = {"kind": kind, "text": text, "idempotency_key": key}
    return int(page.stranger().post(f"{API}/messages", json=body).status_code)


def _messages(page: Stage) -> list[CamperMessage]:
    with page.database.read() as session:
        return list(session.scalars(select(CamperMessage).order_by(CamperMessage.id)))


def _waiting(browser: TestClient) -> list[int]:
    return [each["id"] for each in browser.get("/api/v1/appeals").json()["second_reviews"]]


def _state(page: Stage) -> str:
    text = page.stranger().get(f"{CAMP}?lang=en").text
    found = re.search(r'<section id="state".*?<h2>(.*?)</h2>', text, re.S)
    assert found
    return found[1]


def test_in_shadow_the_page_says_that_nobody_is_warned_whatever_the_model_and_the_ranger_say(page: Stage) -> None:
    _warn(page)
    text = page.stranger().get(f"{CAMP}?lang=en").text
    assert _state(page) == "This page is not in service"
    assert "It warns nobody yet" in text
    assert "WARNING" not in text
    assert page.stranger().get(API).json() == {
        "campsite": "upper-pines", "name": "Upper Pines", "service": "off", "warning": None,
        "unwatched_since": None, "as_of": page.clock.now,
    }  # fmt: skip


def test_a_confirmed_bear_in_a_live_mode_is_a_warning_until_it_is_taken_back_or_grows_old(page: Stage) -> None:
    _live(page)
    assert _state(page) == "No bear warning now"
    alert = page.alert("upper-creek")
    assert _state(page) == "No bear warning now"  # the model alone warns nobody
    _decide(page, alert, "bear")
    assert _state(page) == "BEAR WARNING"
    said = page.stranger().get(API).json()["warning"]
    assert abs(said["since"] - T0) < 2
    assert "Warning since 00:00" in page.stranger().get(f"{CAMP}?lang=en").text
    assert page.stranger().get("/camp/lower-pines?lang=en").text.count("not in service") == 1
    _decide(page, alert, "not_a_bear", version=2)
    assert _state(page) == "No bear warning now"
    _decide(page, alert, "undo", version=3)
    assert _state(page) == "BEAR WARNING"
    page.clock.now += WARNING_S
    _live(page)  # the lease is renewed all the while
    page.app.state.site.board.refresh()
    assert _state(page) == "No bear warning now"


def test_a_warning_ends_with_the_authority_to_give_it(page: Stage) -> None:
    _live(page)
    _warn(page)
    with page.database.write() as session:
        assert current_warning(session, "upper-pines", page.clock.now) is not None
        grant(session, "upper-pines", Mode.ASSISTED, T0 - 10, T0 + 1)
    assert _state(page) == "This page is not in service"


def test_an_alert_confirmed_in_shadow_is_no_warning_once_the_campsite_is_live(page: Stage) -> None:
    _warn(page)
    _live(page)
    assert _state(page) == "No bear warning now"


def test_blind_cameras_are_never_no_bear(page: Stage, redis_url: str) -> None:
    _live(page)
    client = connect(redis_url)
    telemetry = Telemetry(client)
    report(telemetry, "upper-creek", T0 - 500)
    page.app.state.site.board.refresh()
    assert page.stranger().get(API).json()["service"] == "partly"
    assert "Some cameras are not watching now" in page.stranger().get(f"{CAMP}?lang=en").text
    report(telemetry, "upper-trail", T0 - 500)
    page.app.state.site.board.refresh()
    client.close()
    assert _state(page) == "The cameras are not watching now"
    _warn(page)
    assert _state(page) == "BEAR WARNING"  # a warning stands even when nobody sees any more


def test_the_page_speaks_the_languages_of_its_readers(page: Stage) -> None:
    spanish = page.stranger().get(CAMP, headers={"Accept-Language": "fr, es-MX;q=0.8, en;q=0.5"}).text
    assert 'lang="es"' in spanish
    assert "no está en servicio" in spanish
    assert 'lang="en"' in page.stranger().get(CAMP, headers={"Accept-Language": "de"}).text
    assert 'lang="es"' in page.stranger().get(f"{CAMP}?lang=es", headers={"Accept-Language": "en"}).text
    assert page.stranger().get("/camp/nowhere").status_code == 404
    assert page.stranger().get("/camp/nowhere/report").status_code == 404
    assert page.stranger().get(f"{CAMP}/gossip").status_code == 422


def test_a_report_reaches_the_rangers_without_a_name_and_is_handled_once(page: Stage) -> None:
    form = page.stranger().get(f"{CAMP}/report?lang=en").text
    key = re.search(r'name="idempotency_key" value="([^"]+)"', form)
    assert key
    fields = {"text": "<b>by</b> the bins", "lang": "en", "idempotency_key": key[1], "leave_empty": ""}
    for _ in range(2):  # a doubled tap is one message
        sent = page.stranger().post(f"{CAMP}/report", data=fields)
        assert sent.headers["location"] == f"{CAMP}?sent=report&lang=en"
    assert "The rangers have your report" in page.stranger().get(sent.headers["location"]).text
    (row,) = _messages(page)
    assert row.sender
    assert "testclient" not in row.sender
    ranger = page.person()
    assert "1 message waits" in ranger.get("/").text
    assert "&lt;b&gt;by&lt;/b&gt; the bins" in ranger.get("/appeals").text
    assert ranger.post(f"/camper-messages/{row.id}", data={"answer": "drove past, saw tracks"}).status_code == 303
    assert ranger.post(f"/camper-messages/{row.id}", data={"answer": "again"}).status_code == 404
    assert "message waits" not in ranger.get("/").text
    assert "drove past, saw tracks" in ranger.get("/appeals").text


def test_a_report_reaches_the_ranger_who_watches_blind_too_but_not_another_campsites(page: Stage) -> None:
    ranger, elsewhere = page.person(), page.person("ben")
    with page.database.write() as session:
        session.add(UserCampsite(user_id=page.user_id("ben"), campsite_id="lower-pines"))
    ranger.post("/watches", data={"campsite": "upper-pines"})
    assert _send(page) == 201
    assert "by the bins" in ranger.get("/appeals").text
    assert [each["text"] for each in ranger.get("/api/v1/camper-messages").json()["messages"]] == ["by the bins"]
    assert "by the bins" not in elsewhere.get("/appeals").text
    assert elsewhere.post("/api/v1/camper-messages/1", json={"text": "x"}).status_code == 404


def test_messages_are_limited_by_address_and_campsite_and_the_limits_pass(page: Stage) -> None:
    window_s, limit = PER_SENDER[0]
    assert [_send(page, key=f"camper-key-{n}") for n in range(limit + 1)] == [201] * limit + [429]
    refused = page.stranger().post(f"{CAMP}/report", data={"text": "still here", "lang": "en"})
    assert refused.status_code == 429
    assert int(refused.headers["retry-after"]) <= window_s
    assert "still here" in refused.text  # what was typed is not lost
    assert _send(page, key="camper-key-0") == 201  # known already
    other = {"kind": "report", "text": "", "idempotency_key": "other-campsite"}
    assert page.stranger().post("/api/v1/camp/lower-pines/messages", json=other).status_code == 201
    page.clock.now += window_s + 1
    assert _send(page, key="camper-key-later") == 201


def test_programs_that_fill_in_every_field_are_thanked_and_forgotten(page: Stage) -> None:
    answer = page.stranger().post(
        f"{CAMP}/report", data={"text": "buy", "leave_empty": "http://x.example", "lang": "en"}
    )
    assert answer.status_code == 303
    assert _messages(page) == []


def test_no_text_breaks_the_form(page: Stage) -> None:
    for text in ("x" * (LONGEST_TEXT + 1), "x" * 6000, "\0\0"):
        for kind in ("report", "complaint"):
            assert page.stranger().post(f"{CAMP}/{kind}", data={"text": text}).status_code in (303, 422)
    assert page.stranger().post(f"{CAMP}/complaint", data={"text": " "}).status_code == 422


def test_words_and_senders_are_forgotten_what_was_done_is_not(page: Stage) -> None:
    _send(page)
    page.person().post("/camper-messages/1", data={"answer": "nothing found"})
    page.clock.now += 3 * 86400
    with page.database.write() as session:
        forget_campers(session, page.clock.now - 30 * 86400, page.clock.now)
        assert session.scalars(select(SenderKey)).all() == []
    (row,) = _messages(page)
    assert (row.sender, row.text) == (None, "by the bins")
    with page.database.write() as session:
        forget_campers(session, page.clock.now - 86400, page.clock.now)
    (row,) = _messages(page)
    assert (row.text, row.answer) == (None, "nothing found")


# Appeals ---------------------------------------------------------------------------------------------------------


def _appealed(page: Stage) -> tuple[int, int]:
    """A warning that day-ranger confirmed and a camper appeals, with a control beside it; both reviews' numbers."""
    _live(page)
    rejected = page.alert("upper-trail", T0 - 7200)
    _decide(page, rejected, "not_a_bear", "lea")
    alert = _warn(page)
    assert _send(page, "appeal", "appeal-key-1", "it was my dog") == 201
    with page.database.read() as session:
        rows = session.scalars(select(Appeal).order_by(Appeal.id)).all()
        assert [(row.alert_id, row.control) for row in rows] == [(alert, False), (rejected, True)]
        return rows[0].id, rows[1].id


def test_without_a_warning_there_is_nothing_to_appeal(page: Stage) -> None:
    assert _send(page, "appeal") == 409
    answer = page.stranger().post(f"{CAMP}/appeal", data={"text": "x", "lang": "en"})
    assert answer.status_code == 422
    assert "There is no warning" in answer.text


def test_an_appeal_goes_blind_to_a_second_ranger_and_both_decisions_are_kept(page: Stage) -> None:
    appeal, control = _appealed(page)
    first, second = page.person("day-ranger"), page.person("ben")
    assert _waiting(page.person("day-ranger")) == [control]  # not one's own decision
    assert first.get(f"/appeals/{appeal}").status_code == 404
    assert first.post(f"/appeals/{appeal}/answer", data={"verdict": "bear"}).status_code == 404
    assert sorted(_waiting(second)) == sorted([appeal, control])
    shown, of_control = second.get(f"/appeals/{appeal}").text, second.get(f"/appeals/{control}").text
    for told in ("it was my dog", "day-ranger", "appealed", "Upheld", "0.90"):
        assert told not in shown.partition("<main")[2]
    names = re.compile(
        r"Second review \d+|\d\d:\d\d:\d\d|Creek|Trail|/appeals/\d+|/media/[^\"]+|Thu 14 Jan|Fri 15 Jan|[\d.]+"
    )
    assert names.sub("", shown.partition("<main")[2]) == names.sub("", of_control.partition("<main")[2])
    assert second.get(f"/api/v1/appeals/{appeal}").json()["first_verdict"] is None
    assert "2 second reviews wait for you" in second.get("/").text
    lead = page.person("cleo", Role.LEAD_RANGER)  # may read the ledger, and may be asked for the second review
    assert lead.get("/api/v1/ledger?kind=appeal.opened").json()["entries"] == []
    assert len(page.person("ina", Role.AUDITOR).get("/api/v1/ledger?kind=appeal.opened").json()["entries"]) == 1
    assert second.post(f"/appeals/{appeal}/answer", data={"verdict": "not_a_bear"}).status_code == 303
    assert len(lead.get("/api/v1/ledger?kind=appeal.opened").json()["entries"]) == 1
    assert page.person("lea").post(f"/appeals/{appeal}/answer", data={"verdict": "bear"}).status_code == 409
    after = second.get(f"/appeals/{appeal}").text
    assert "Upheld" in after
    assert "it was my dog" in after
    with page.database.read() as session:
        row = session.get_one(Appeal, appeal)
        assert (row.first_verdict, row.second_verdict, row.outcome) == ("bear", "not_a_bear", AppealOutcome.UPHELD)
        assert session.get_one(Alert, row.alert_id).status == AlertStatus.CONFIRMED  # people correct it, not the answer
    assert _state(page) == "BEAR WARNING"


def test_an_upheld_appeal_counts_until_somebody_says_what_was_done(page: Stage) -> None:
    appeal, control = _appealed(page)
    ben = page.person("ben")
    ben.post(f"/appeals/{control}/answer", data={"verdict": "bear"})  # a disagreement, but nobody appealed
    ben.post(f"/appeals/{appeal}/answer", data={"verdict": "not_a_bear"})
    with page.database.read() as session:
        measured = appeals_upheld_open(session, ["upper-pines"])
        assert (measured.value, measured.n) == (1.0, 1.0)
        assert appeals_upheld_open(session, ["lower-pines"]).value == 0.0
    assert "Upheld, and not settled" in ben.get("/appeals").text
    assert ben.post(f"/appeals/{appeal}/settle", data={"what": ""}).status_code == 422
    assert ben.post(f"/appeals/{appeal}/settle", data={"what": "took the warning back"}).status_code == 303
    assert ben.post(f"/appeals/{appeal}/settle", data={"what": "again"}).status_code == 409
    assert ben.post(f"/appeals/{control}/settle", data={"what": "x"}).status_code == 409
    with page.database.read() as session:
        assert appeals_upheld_open(session, ["upper-pines"]).value == 0.0


def test_many_appeals_of_one_warning_are_one_second_review(page: Stage) -> None:
    appeal, control = _appealed(page)
    assert _send(page, "appeal", "appeal-key-2") == 201
    with page.database.read() as session:
        assert [row.id for row in session.scalars(select(Appeal).order_by(Appeal.id))] == [appeal, control]


def test_what_two_decisions_come_to() -> None:
    assert outcome_of(Verdict.BEAR, Verdict.BEAR) is AppealOutcome.DISMISSED
    assert outcome_of(Verdict.BEAR, Verdict.NOT_A_BEAR) is AppealOutcome.UPHELD
    assert outcome_of(Verdict.BEAR, Verdict.UNSURE) is AppealOutcome.UNCLEAR
    assert outcome_of(None, Verdict.NOT_A_BEAR) is AppealOutcome.UNCLEAR


def test_complaints_are_counted_for_each_camera_day(page: Stage) -> None:
    with page.database.read() as session:
        nothing = complaints_per_camera_day(session, ["upper-pines"], T0 - 86400, T0 + 86400)
        assert (nothing.value, nothing.why) == (None, "no camera looked in this time")
    with page.database.write() as session:
        for hour in range(12):
            at, whole = T0 - 3600 * hour, (1 << 60) - 1
            row = {"frames": {}, "histogram": [0] * 20, "max_score": 0.0, "minutes": whole, "thumbnails": []}
            session.add(CameraHour(camera_id="upper-creek", hour_at=at, **row))
    assert _send(page, "complaint", "complaint-1") == 201
    assert _send(page, "report", "not-a-complaint") == 201
    with page.database.read() as session:
        measured = complaints_per_camera_day(session, ["upper-pines"], T0 - 86400, T0 + 86400)
        assert (measured.value, measured.n, measured.unit) == (2.0, 0.5, "camera-days")


def test_what_a_ranger_had_written_is_kept_through_a_login(page: Stage) -> None:
    _send(page)
    kept = page.stranger().post("/camper-messages/1", data={"answer": "drove past <twice>"})
    assert kept.status_code == 401
    form = re.search(r'name="kept" value="([^"]+)"', kept.text)
    assert form
    ranger = page.person()  # makes the account
    back = ranger.post(
        "/login", data={"name": "day-ranger", "password": PASSWORD, "kept": html.unescape(form[1]), "next": "/"}
    )
    assert "drove past &lt;twice&gt;" in back.text
    assert 'action="/camper-messages/1"' in back.text
