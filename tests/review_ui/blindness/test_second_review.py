"""Whoever may take a second review does not learn what was decided first, whatever they try, until they answered."""

from __future__ import annotations

import re

from fastapi.testclient import TestClient
from sqlalchemy import select

from db.models import Appeal, Encounter, Mode, Role, Verdict
from review_ui.auth.rights import Right
from review_ui.auth.tokens import make_token
from rollout.alerting.appeals import answer, open_appeal, waiting
from tests.support.cast import grant
from tests.support.pages import Stage

NIGHT = "2027-01-14"


def _decide(browser: TestClient, alert: int, verdict: str = "bear", version: int = 1) -> int:
    body = {"verdict": verdict, "seen_version": version, "idempotency_key": f"key-{alert}-{verdict}-{version}"}
    return int(browser.post(f"/api/v1/alerts/{alert}/decisions", json=body).status_code)


def _appealed(page: Stage, verdict: str = "bear") -> tuple[int, int]:
    """An alert that lena has decided, and the second review that was asked for."""
    with page.database.write() as session:
        grant(session, "upper-pines", Mode.ASSISTED, page.clock.now - 60, page.clock.now + 3500)
    alert = page.alert("upper-creek")
    assert _decide(page.person("lena"), alert, verdict) == 200
    with page.database.write() as session:
        appeal = open_appeal(session, alert, page.clock.now)
    return alert, appeal.id


def _ways_in(page: Stage, browser: TestClient, alert: int) -> dict[str, bool]:
    """Each way to the decision, and whether it tells of it or of who made it."""
    with page.database.read() as session:
        item = f"encounter:{session.scalars(select(Encounter.id)).one()}"
    told = re.compile(r"\blena\b|verdict-bear|visit-confirmed|decided: bear|delivery|>Bear<|\b0\.9")
    raised = browser.get(f"/api/v1/ledger?subject=alert:{alert}").json().get("entries", [])
    nights = browser.get(f"/api/v1/nights/{NIGHT}").json()["cameras"]
    file = browser.get(f"/api/v1/alerts/{alert}").json()
    form = {"verdict": "bear", "seen_version": 1, "idempotency_key": "a-stale-form"}
    refused = browser.post(f"/api/v1/alerts/{alert}/decisions", json=form)
    return {
        "watch page": bool(told.search(_main(browser, "/"))),
        "watch fragment": f"/alerts/{alert}" in browser.get("/fragments/watch").text,
        "page": bool(told.search(_main(browser, f"/alerts/{alert}"))),
        "panel": bool(told.search(browser.get(f"/alerts/{alert}/panel").text)),
        "API file": file["status"] is not None or len(file["history"]) > 1 or file["opinion"] is not None,
        "API list": any(each["status"] for each in browser.get("/api/v1/alerts").json()["alerts"]),
        "API list by status": bool(browser.get("/api/v1/alerts?status=confirmed").json()["alerts"]),
        "all alerts": bool(told.search(_main(browser, "/alerts"))),
        "all alerts by status": f"/alerts/{alert}" in browser.get("/alerts?status=confirmed").text,
        "all alerts by who decided": "lena" in browser.get("/alerts").text
        or f"/alerts/{alert}" in browser.get("/alerts?by=lena").text,
        "alerts' export": bool(re.search(r"confirmed|rejected", browser.get("/alerts.csv").text))
        or len(browser.get("/alerts.csv?status=confirmed").text.splitlines()) > 1,
        "night": bool(told.search(_main(browser, f"/nights/{NIGHT}").partition("moments")[2])),
        "API night": any(visit["status"] for camera in nights for visit in camera["visits"]),
        "conflict": "lena" in refused.text or refused.json().get("alert_status") == "confirmed",
        "conflict page": "lena" in browser.post(f"/alerts/{alert}/decision", data=form).text,
        "ledger": any(each["kind"] != "alert.raised" for each in raised),
        "ledger page": bool(re.search(r"review\.made|delivery\.", _entries(browser.get("/ledger").text))),
        "ledger export": "review.made" in browser.get("/ledger.jsonl").text,
        "labels": item.replace(":", "-") in browser.get("/labels").text,
        "API labels": item in browser.get("/api/v1/labels").text,
        "labels' export": item in browser.get("/labels.csv").text,
        "report": "'a bear'" in _reported(browser),
        "second review": bool(told.search(_main(browser, "/appeals/1"))),
        "API second review": browser.get("/api/v1/appeals/1").json()["first_verdict"] is not None,
    }


def _main(browser: TestClient, path: str) -> str:
    """A page without what stands around it: the help names every key, also that of "bear"."""
    text = browser.get(path).text.partition("<main")[2].partition("</main>")[0]
    return re.sub(r"<form.*?</form>", "", text, flags=re.DOTALL)


def _entries(text: str) -> str:
    """The ledger's entries alone: the list of kinds to choose from tells nothing."""
    return text.partition("<tbody")[2] or text.partition('class="entries')[2]


def _reported(browser: TestClient) -> str:
    """What the shadow report says, row by row, of what the model saw."""
    report = browser.get("/api/v1/reports/shadow?from=2027-01-14&to=2027-01-15").json()
    return str([table["rows"] for section in report["sections"] for table in section["tables"]])


def test_every_way_to_the_first_decision_is_closed_until_the_second_one_and_open_afterwards(either: Stage) -> None:
    alert, appeal = _appealed(either)
    olga = either.person("olga", Role.ADMINISTRATOR)
    before = _ways_in(either, olga, alert)
    assert not any(before.values()), {way for way, told in before.items() if told}
    assert olga.post(f"/api/v1/appeals/{appeal}/answer", json={"verdict": "not_a_bear"}).status_code == 204
    after = _ways_in(either, olga, alert)
    assert all(after.values()), {way for way, told in after.items() if not told}


def test_whoever_decided_first_and_whoever_never_reviews_sees_it_all_along(page: Stage) -> None:
    alert, _ = _appealed(page)
    for name, role in (("lena", Role.RANGER), ("rosa", Role.AUDITOR)):
        file = page.person(name, role).get(f"/api/v1/alerts/{alert}").json()
        assert (file["status"], file["second_review"]) == ("confirmed", None)
    page.person("olga")
    assert page.person("olga").get(f"/api/v1/alerts/{alert}").json()["second_review"] == 1


def test_a_program_with_fewer_rights_is_no_way_around(page: Stage) -> None:
    alert, _ = _appealed(page)
    page.person("olga")
    with page.database.write() as session:
        token = make_token(session, page.account("olga"), "a way around", [Right.VIEW], [], 1, page.clock.now).secret
    program = TestClient(page.app, headers={"Authorization": f"Bearer {token}"}, follow_redirects=False)
    assert program.get(f"/api/v1/alerts/{alert}").json()["status"] is None


def test_a_control_is_hidden_like_an_appeal_so_that_neither_tells_what_it_is(page: Stage) -> None:
    decided = {}
    for camera, verdict in (("upper-creek", "not_a_bear"), ("upper-trail", "bear")):
        decided[verdict] = page.alert(camera)
        assert _decide(page.person("lena"), decided[verdict], verdict) == 200
    with page.database.write() as session:
        open_appeal(session, decided["bear"], page.clock.now)
    olga = page.person("olga")
    files = [olga.get(f"/api/v1/alerts/{alert}").json() for alert in decided.values()]
    assert [(file["status"], len(file["history"])) for file in files] == [(None, 1), (None, 1)]
    assert all(file["second_review"] for file in files)


def test_a_decision_waits_for_the_second_review_and_the_page_leads_there(page: Stage) -> None:
    alert, appeal = _appealed(page)
    olga = page.person("olga")
    assert f'href="/appeals/{appeal}"' in olga.get(f"/alerts/{alert}").text
    assert _decide(olga, alert, "not_a_bear", version=2) == 409
    form = {"verdict": "not_a_bear", "seen_version": 2, "idempotency_key": "by-form-key"}
    refused = olga.post(f"/alerts/{alert}/decision", data=form)
    assert (refused.status_code, f'href="/appeals/{appeal}"' in refused.text) == (409, True)
    assert olga.post(f"/appeals/{appeal}/answer", data={"verdict": "not_a_bear"}).status_code == 303
    assert _decide(olga, alert, "not_a_bear", version=2) == 200


def test_whoever_has_decided_anything_about_the_alert_takes_no_second_review(page: Stage) -> None:
    """Also somebody whose decision was taken back: they know the alert, and half of its history."""
    alert = page.alert("upper-creek")
    lena, rosa = page.person("lena"), page.person("rosa")
    assert _decide(rosa, alert, "not_a_bear") == 200
    assert _decide(lena, alert, "undo", 2) == 200
    assert _decide(lena, alert, "bear", 3) == 200
    with page.database.write() as session:
        appeal = open_appeal(session, alert, page.clock.now).id
        assert waiting(session, page.user_id("rosa"), ()) == []
    assert rosa.get(f"/appeals/{appeal}").status_code == 404
    assert rosa.post(f"/api/v1/appeals/{appeal}/answer", json={"verdict": "bear"}).status_code == 404


def test_what_one_has_answered_is_open_to_everybody(page: Stage) -> None:
    alert, appeal = _appealed(page)
    olga, rosa = page.person("olga"), page.person("rosa")
    with page.database.write() as session:
        answer(session, session.get_one(Appeal, appeal), page.user_id("olga"), Verdict.BEAR, page.clock.now)
    for browser in (olga, rosa):
        assert browser.get(f"/api/v1/alerts/{alert}").json()["status"] == "confirmed"
