"""Clocks that are wrong, decisions that come twice or in the wrong order, bodies without end, markup in every field."""

from __future__ import annotations

import json
from collections.abc import Iterator

from fastapi.testclient import TestClient
from sqlalchemy import select

from db.models import Review, Role, Sighting
from review_ui.rendering.time_input import AHEAD_S, OLDEST_S
from review_ui.web.request_guards import MAX_BODY_BYTES
from tests.support.factories import T0
from tests.support.pages import Stage
from tests.support.rights_table import DOORS

MARKUP = "<img src=x onerror=alert(1)>"


# Clocks


def test_a_telephone_whose_clock_is_wrong_seals_nothing_in_the_future_nor_in_the_long_past(page: Stage) -> None:
    lena, answers = page.person("lena"), {}
    for off_s in (-1e12, -OLDEST_S - 5, -OLDEST_S + 5, AHEAD_S - 5, AHEAD_S + 5, 1e12):
        body = {"campsite": "upper-pines", "seen_at": page.clock() + off_s, "idempotency_key": f"off-by-{off_s:.0f}"}
        answers[off_s] = lena.post("/api/v1/sightings", json=body).status_code
    assert list(answers.values()) == [422, 422, 201, 201, 422, 422]
    with page.database.read() as session:
        assert all(row.seen_at <= page.clock() for row in session.scalars(select(Sighting)))


def test_when_the_server_s_clock_is_set_back_decisions_go_on_in_the_order_in_which_they_came(page: Stage) -> None:
    alert, lena = page.alert(), page.person("lena")
    assert _decide(lena, alert, "bear", 1)[0] == 200
    page.clock.now -= 1800
    assert _decide(lena, alert, "undo", 2)[0] == 200
    assert _decide(lena, alert, "not_a_bear", 3)[0] == 200
    assert lena.get(f"/api/v1/alerts/{alert}").json()["status"] == "rejected"
    assert lena.get(f"/alerts/{alert}").status_code == 200


# Twice, late, in the wrong order


def _decide(browser: TestClient, alert: int, verdict: str, version: int, key: str = "") -> tuple[int, int]:
    """The status, and the number of the review."""
    body = {"verdict": verdict, "seen_version": version, "idempotency_key": key or f"{verdict}-{version}-{alert}"}
    answer = browser.post(f"/api/v1/alerts/{alert}/decisions", json=body)
    return answer.status_code, answer.json().get("review", 0)


def test_a_decision_that_is_replayed_after_it_was_taken_back_does_not_come_back(either: Stage) -> None:
    alert, lena = either.alert(), either.person("lena")
    first = _decide(lena, alert, "bear", 1, "the-first-key")
    assert _decide(lena, alert, "undo", 2)[0] == 200
    assert _decide(lena, alert, "bear", 1, "the-first-key") == first
    assert _decide(lena, alert, "bear", 3, "the-first-key") == first  # whatever version it claims to have seen
    assert lena.get(f"/api/v1/alerts/{alert}").json()["status"] == "open"
    with either.database.read() as session:
        assert len(session.scalars(select(Review)).all()) == 2


def test_decisions_that_arrive_in_the_wrong_order_are_refused_and_the_right_order_works(page: Stage) -> None:
    alert, lena = page.alert(), page.person("lena")
    assert _decide(lena, alert, "undo", 2)[0] == 409  # it overtook the decision that it takes back
    assert _decide(lena, alert, "not_a_bear", 2)[0] == 409
    assert _decide(lena, alert, "bear", 1)[0] == 200
    assert _decide(lena, alert, "undo", 2)[0] == 200
    assert _decide(lena, alert, "undo", 2, "the-same-undo-again")[0] == 409


def test_somebody_elses_key_decides_nothing(page: Stage) -> None:
    alert, lena, olga = page.alert(), page.person("lena"), page.person("olga")
    assert _decide(lena, alert, "bear", 1, "lenas-own-key")[0] == 200
    assert _decide(olga, alert, "bear", 1, "lenas-own-key")[0] == 409
    assert _decide(lena, alert, "not_a_bear", 1, "lenas-own-key")[0] == 409


# Too much


def test_a_body_that_does_not_say_how_long_it_is_is_cut_off(page: Stage) -> None:
    def endless() -> Iterator[bytes]:
        for _ in range(2 * MAX_BODY_BYTES // 1024):
            yield b"x" * 1024

    headers = {"Content-Type": "application/json"}
    for path in ("/api/v1/sightings", "/account/push", "/sightings"):
        answer = page.person().post(path, content=endless(), headers=headers)
        assert answer.status_code in (400, 413, 422), path


def test_json_that_nests_or_counts_without_end_is_refused(page: Stage) -> None:
    root = page.person("root", Role.ADMINISTRATOR)
    headers = {"Content-Type": "application/json"}
    bodies = ("[" * 30_000 + "]" * 30_000, '{"a":' * 10_000 + "1" + "}" * 10_000, "9" * 60_000, f'"{"x" * 60_000}"')
    for body in bodies:
        for path in ("/api/v1/sightings", "/api/v1/alerts/1/decisions", "/api/v1/labels/edits"):
            answer = root.post(path, content=body.encode(), headers=headers)
            assert answer.status_code in (400, 404, 413, 422), f"{path}: {answer.status_code} to {body[:9]}…"


def test_a_form_of_thousands_of_fields_is_refused(page: Stage) -> None:
    many = "&".join(f"f{number}=1" for number in range(5000))
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    for path in ("/sightings", "/account/tokens", "/login"):
        answer = page.person().post(path, content=many.encode(), headers=headers)
        assert 400 <= answer.status_code < 500, f"{path}: {answer.status_code}"


def test_lists_in_a_body_are_bounded(page: Stage) -> None:
    admin = page.person("root", Role.ADMINISTRATOR)
    many = [f"c{number}" for number in range(2000)]
    keys = {"p256dh": "", "auth": ""}
    for path, body in (
        ("/api/v1/tokens", {"name": "siren", "rights": ["view"], "campsites": many}),
        ("/api/v1/people", {"name": "ben", "role": "ranger", "campsites": many}),
        (
            "/account/push",
            {"endpoint": "https://push.example/x", "keys": keys, "campsites": many},
        ),
    ):
        assert admin.post(path, json=body).status_code == 422, path


# Markup


def test_markup_in_any_field_is_text_on_every_page(page: Stage) -> None:
    alert = page.alert()
    root = page.person("root", Role.ADMINISTRATOR)
    lena = page.person("lena", Role.LEAD_RANGER)
    sent = [
        root.post("/api/v1/people", json={"name": f"ben {MARKUP}", "role": "ranger"}),
        root.post("/api/v1/tokens", json={"name": f"siren {MARKUP}", "rights": ["view"]}),
        lena.post(
            "/api/v1/sightings",
            json={"campsite": "upper-pines", "seen_at": T0, "note": MARKUP, "idempotency_key": "a-note-key"},
        ),
        page.stranger().post(
            "/api/v1/camp/upper-pines/messages",
            json={"kind": "complaint", "text": MARKUP, "idempotency_key": "a-camper-key"},
        ),
        page.stranger().post(
            "/api/v1/camp/upper-pines/messages",
            json={"kind": "complaint", "text": "loud", "idempotency_key": "a-camper-key-2"},
        ),
        root.post("/api/v1/camper-messages/2", json={"text": f"told them {MARKUP}"}),
        root.post(
            "/api/v1/experiments",
            json={"name": MARKUP, "campsites": ["upper-pines"], "first_night": "2027-02-01", "nights": 14, "block": 2},
        ),
    ]
    assert [each.status_code for each in sent] == [201, 201, 201, 201, 201, 204, 201], [each.text for each in sent]
    assert _decide(lena, alert, "not_a_bear", 1)[0] == 200
    _relabel(root)
    shown = 0
    for method, path in DOORS:
        if method != "GET" or path.startswith("/api/") or DOORS[method, path].streams:
            continue
        answer = root.get(_address(path, alert))
        if "text/html" in answer.headers.get("content-type", ""):
            assert MARKUP not in answer.text, path
            shown += "&lt;img src=x onerror" in answer.text
    assert shown >= 6  # people, account, sighting, messages, experiments, the change of labels


def _relabel(browser: TestClient) -> None:
    edit = {"item": "encounter:1", "action": "relabel", "seen": "not_bear", "label": "dog"}
    change = browser.post("/api/v1/labels/edits", json=edit).json()
    body = {"seen": change["digest"], "reason": f"a dog {MARKUP}"}
    assert browser.post(f"/api/v1/labels/changes/{change['id']}/apply", json=body).status_code == 200


def _address(path: str, alert: int) -> str:
    """A page's address with numbers of things that exist; markup where it asks for words."""
    words = {"alert_id": str(alert), "date": "2027-01-14", "campsite": "upper-pines", "camera": "upper-creek"}
    out = []
    for part in path.split("/"):
        name = part.strip("{}").partition(":")[0]
        out.append(words.get(name, "1") if part.startswith("{") else part)
    return "/".join(out)


def test_markup_in_an_address_is_text_too(page: Stage) -> None:
    root = page.person("root", Role.ADMINISTRATOR)
    for path in ("/labels?problem=", "/ledger?kind=", "/ledger?subject=", "/account?done=", "/login?next=/", "/x/",
                 "/cameras/", "/nights/", "/models/", "/reports/", "/camp/"):  # fmt: skip
        assert MARKUP not in root.get(path + MARKUP).text, path
    assert json.loads(root.get(f"/api/v1/cameras/{MARKUP}").text)["status"] == 404
