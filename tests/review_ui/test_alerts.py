"""Looking at an alert, deciding about it, and taking it back."""

from __future__ import annotations

import re
import threading

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import func, select, update

from db.ledger import verify
from db.models import Alert, Campsite, Delivery, Encounter, EncounterFrame, Mode, Review, Role
from tests.support.cast import grant
from tests.support.factories import T0
from tests.support.pages import Stage


def _decide(browser: TestClient, alert: int, verdict: str, version: int = 1, key: str = "") -> int:
    answer = {"verdict": verdict, "seen_version": version, "idempotency_key": key or f"{verdict}-of-version-{version}"}
    return browser.post(f"/alerts/{alert}/decision", data=answer).status_code


def _state(browser: TestClient, alert: int) -> tuple[str, int]:
    said = browser.get(f"/api/v1/alerts/{alert}").json()
    return said["status"], said["version"]


def test_the_queue_shows_what_has_waited_longest_first(either: Stage) -> None:
    newer, older = either.alert("upper-creek", T0 + 30), either.alert("upper-trail", T0)
    html = either.person().get("/").text
    assert html.index(f"/alerts/{older}") < html.index(f"/alerts/{newer}")
    assert "(2) Watch" in html


def test_an_empty_queue_with_blind_cameras_does_not_say_that_all_is_well(page: Stage) -> None:
    html = page.person().get("/").text
    assert "3 cameras are blind" in re.sub(r"</?strong>", "", html)
    assert "not the same as no bear" in html


def test_the_score_is_hidden_until_the_first_answer_and_that_is_written_down(page: Stage) -> None:
    alert = page.alert()
    day_ranger = page.person()
    assert "hidden until the first answer" in day_ranger.get(f"/alerts/{alert}").text
    assert day_ranger.get(f"/api/v1/alerts/{alert}").json()["opinion"] is None
    assert "0.9" not in day_ranger.get("/").text
    assert _decide(day_ranger, alert, "unsure") == 303
    assert "<b>0.90</b>" in day_ranger.get(f"/alerts/{alert}").text
    assert day_ranger.get(f"/api/v1/alerts/{alert}").json()["opinion"]["score"] == pytest.approx(0.9)
    assert _decide(day_ranger, alert, "bear", 2) == 303
    with page.database.read() as session:
        assert list(session.scalars(select(Review.score_hidden).order_by(Review.id))) == [True, False]


def test_a_bear_is_confirmed_and_taken_back(either: Stage) -> None:
    alert = either.alert()
    day_ranger = either.person()
    assert _decide(day_ranger, alert, "bear") == 303
    assert _state(day_ranger, alert) == ("confirmed", 2)
    assert f"/alerts/{alert}" in day_ranger.get("/").text  # under "decided lately", with its undo
    assert _decide(day_ranger, alert, "undo", 2) == 303
    assert _state(day_ranger, alert) == ("open", 3)
    with either.database.read() as session:
        assert verify(session).broken_at is None
        assert session.scalar(select(func.count(Review.id))) == 2


def test_not_a_bear_says_when_it_will_count(page: Stage) -> None:
    alert = page.alert()
    day_ranger = page.person()
    _decide(day_ranger, alert, "not_a_bear")
    assert "Counts in" in day_ranger.get(f"/alerts/{alert}").text
    page.clock.now += page.config.rollout.undo_s + 1
    assert "Counts in" not in day_ranger.get(f"/alerts/{alert}").text


def test_a_decision_sent_twice_is_one_decision(page: Stage) -> None:
    alert = page.alert()
    day_ranger = page.person()
    assert _decide(day_ranger, alert, "bear", key="the-same-click") == 303
    assert _decide(day_ranger, alert, "bear", key="the-same-click") == 303
    assert _state(day_ranger, alert) == ("confirmed", 2)


def test_ten_clicks_at_once_are_one_decision(either: Stage) -> None:
    alert = either.alert()
    browsers = [either.person() for _ in range(10)]
    codes: list[int] = []

    def click(browser: TestClient) -> None:
        codes.append(_decide(browser, alert, "bear", key="one-click"))

    threads = [threading.Thread(target=click, args=(browser,)) for browser in browsers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert codes == [303] * 10
    assert _state(browsers[0], alert) == ("confirmed", 2)


def test_whoever_comes_second_is_told_who_was_first_and_what_they_said(either: Stage) -> None:
    alert = either.alert()
    day_ranger, ben = either.person("day-ranger"), either.person("ben")
    _decide(day_ranger, alert, "bear")
    answer = ben.post(
        f"/alerts/{alert}/decision",
        data={"verdict": "not_a_bear", "seen_version": 1, "idempotency_key": "bens-key"},
    )
    assert answer.status_code == 409
    assert "day-ranger decided “Bear” before you." in answer.text
    body = {"verdict": "not_a_bear", "seen_version": 1, "idempotency_key": "bens-other-key"}
    conflict = ben.post(f"/api/v1/alerts/{alert}/decisions", json=body)
    assert conflict.status_code == 409
    assert conflict.json()["who"] == "day-ranger"
    assert conflict.json()["verdict"] == "bear"
    assert _state(ben, alert) == ("confirmed", 2)


def test_there_is_nothing_to_take_back_before_anybody_has_decided(page: Stage) -> None:
    alert = page.alert()
    day_ranger = page.person()
    answer = day_ranger.post(
        f"/alerts/{alert}/decision", data={"verdict": "undo", "seen_version": 1, "idempotency_key": "a-long-key"}
    )
    assert answer.status_code == 409
    assert "no decision to take back" in answer.text
    assert _state(day_ranger, alert) == ("open", 1)


def test_in_assisted_mode_a_confirmed_bear_goes_to_the_outbox_and_the_history_says_so(either: Stage) -> None:
    alert = either.alert()
    with either.database.write() as session:
        grant(session, "upper-pines", Mode.ASSISTED, either.clock.now - 1, either.clock.now + 100)
    site = either.app.state.site
    notify = either.config.model_copy(
        update={"rollout": either.config.rollout.model_copy(update={"notify": ["json://h"]})}
    )
    either.app.state.site = type(site)(**{f: getattr(site, f) for f in site.__slots__} | {"config": notify})
    day_ranger = either.person()
    assert "campers are warned" in day_ranger.get("/").text
    _decide(day_ranger, alert, "bear")
    with either.database.read() as session:
        assert [d.kind for d in session.scalars(select(Delivery))] == ["warning"]
    assert "warning: pending" in day_ranger.get(f"/alerts/{alert}").text
    assert site.telemetry.client.llen("rq:queue:deliveries") == 1


def test_an_auditor_may_look_but_not_decide(page: Stage) -> None:
    alert = page.alert()
    auditor = page.person("ida", Role.AUDITOR)
    html = auditor.get(f"/alerts/{alert}").text
    assert "may look, not decide" in html
    assert 'value="bear"' not in html
    assert _decide(auditor, alert, "bear") == 403
    assert _state(auditor, alert) == ("open", 1)


def test_an_unsure_answer_asks_for_a_second_review(page: Stage) -> None:
    alert = page.alert()
    _decide(page.person("day-ranger"), alert, "unsure")
    html = page.person("ben").get("/").text
    assert "a second review" in html
    assert "day-ranger was unsure" in html


def test_an_alert_whose_pictures_are_gone_can_still_be_decided(page: Stage) -> None:
    alert = page.alert()
    for day in page.media.days():
        for key in page.media.keys(day):
            page.media.remove(key)
    with page.database.write() as session:
        session.execute(update(EncounterFrame).values(media=None))
    day_ranger = page.person()
    assert "No picture" in day_ranger.get("/").text
    assert "3 frames have no picture" in day_ranger.get(f"/alerts/{alert}").text
    assert _decide(day_ranger, alert, "bear") == 303


def test_markup_in_names_is_shown_not_obeyed(page: Stage) -> None:
    nasty = '<script>alert("x")</script>'
    with page.database.write() as session:
        session.execute(update(Campsite).values(name=nasty))
        session.execute(update(Encounter).values(label=nasty))
    alert = page.alert()
    day_ranger = page.person(nasty)
    _decide(day_ranger, alert, "bear")
    for path in ("/", f"/alerts/{alert}", "/sightings"):
        assert nasty not in day_ranger.get(path).text
    assert "&lt;script&gt;" in day_ranger.get(f"/alerts/{alert}").text


def test_the_api_lists_alerts_page_by_page(either: Stage) -> None:
    numbers = [either.alert("upper-creek", T0 + 100 * step) for step in range(3)]
    day_ranger = either.person()
    first = day_ranger.get("/api/v1/alerts?limit=2").json()
    assert [a["id"] for a in first["alerts"]] == numbers[:2]
    rest = day_ranger.get(f"/api/v1/alerts?limit=2&after={first['next_after']}").json()
    assert ([a["id"] for a in rest["alerts"]], rest["next_after"]) == (numbers[2:], None)
    _decide(day_ranger, numbers[0], "bear")
    assert [a["id"] for a in day_ranger.get("/api/v1/alerts?status=confirmed").json()["alerts"]] == numbers[:1]


def test_the_api_describes_itself(page: Stage) -> None:
    described = page.stranger().get("/api/v1/openapi.json").json()
    assert "/api/v1/alerts/{alert_id}/decisions" in described["paths"]


@pytest.mark.parametrize("path", ["/api/v1/alerts/0", "/api/v1/alerts/99999999999999999999", "/api/v1/sightings/0"])
def test_a_number_that_is_no_alert_is_not_found(page: Stage, path: str) -> None:
    assert page.person().get(path).status_code == 404


def test_every_alert_keeps_its_version_count(page: Stage) -> None:
    alert = page.alert()
    day_ranger = page.person()
    for version, verdict in enumerate(("bear", "undo", "not_a_bear", "undo", "unsure"), start=1):
        assert _decide(day_ranger, alert, verdict, version) == 303
    with page.database.read() as session:
        assert session.get_one(Alert, alert).version == 6
