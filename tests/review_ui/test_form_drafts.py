"""Forms that were sent after the session had ended: kept, brought back to their page, never sent by themselves."""

from __future__ import annotations

import json
import re
from html import unescape

import pytest
from fastapi.testclient import TestClient

from db.models import Role
from review_ui.auth.accounts import SESSION_S
from review_ui.rendering.routes import every_route
from review_ui.web.form_drafts import page_of
from tests.support.pages import PASSWORD, Stage

NOTHING_TO_KEEP = frozenset(
    {"/login", "/login/code", "/logout", "/theme", "/account/push", "/account/push/end", "/camp/{campsite}/{kind}"}
)
"""Forms of nobody who is logged in, and what scripts send by themselves."""
FILLED = {
    "alert_id": "7", "watch_id": "7", "appeal_id": "7", "message_id": "7", "change_id": "7", "camera": "upper-creek",
    "experiment_id": "7", "user_id": "7", "token_id": "7", "sheet_id": "7", "digest": "7" * 64,
}  # fmt: skip


def _posted(page: Stage) -> set[str]:
    posted = (route.path for route in every_route(page.app) if "POST" in (route.methods or ()))
    return {path for path in posted if not path.startswith("/api/")}


def test_every_form_of_every_page_is_kept_and_leads_back_to_a_page_that_exists(page: Stage) -> None:
    root = page.person("root", Role.ADMINISTRATOR)
    for path in sorted(_posted(page) - NOTHING_TO_KEEP):
        sent_to = re.sub(r"\{(\w+)(?::int)?\}", lambda name: FILLED[name[1]], path)
        back = page_of(sent_to)
        assert back is not None, f"name the page of {path} in review_ui/web/form_drafts.py"
        answer = root.get(back)
        assert answer.status_code in (200, 404), f"{path} leads back to {back}, which answers {answer.status_code}"
        assert answer.status_code == 200 or "7" in back, f"{back} is no page"


@pytest.mark.parametrize(
    ("path", "fields", "back"),
    [
        ("/audit/sheets/3", {"bear": "yes", "mark": ["2", "17"], "idempotency_key": "an-answer"}, "/audit/sheets/3"),
        ("/alerts/4/decision", {"verdict": "bear", "note": "by the <bins>"}, "/alerts/4"),
        ("/labels/changes/2/apply", {"reason": "alone on shift"}, "/labels/changes/2"),
        ("/labels/edits", {"item": "alert:3", "action": "remove", "back": "/labels?label=bear"}, "/labels?label=bear"),
        ("/labels/edits", {"item": "alert:3", "back": "//elsewhere.example"}, "/labels"),
        ("/rollout/demote", {"campsite": ["upper-pines", "lower-pines"], "reason": "cubs"}, "/rollout"),
        ("/rollout/stop", {"campsite": ["upper-pines"], "reason": "a fire"}, "/rollout/stop"),
        ("/cameras/upper-creek/areas", {"text": "masks:\n  - [[0, 0], [1, 0], [1, 1]]"}, "/cameras/upper-creek"),
        ("/appeals/5/settle", {"what": "called them"}, "/appeals"),
        ("/experiments", {"name": "october", "campsite": ["upper-pines"]}, "/experiments"),
        ("/people", {"name": "nora", "role": "ranger"}, "/people"),
    ],
)  # fmt: skip
def test_what_was_entered_comes_back_field_by_field(
    page: Stage, path: str, fields: dict[str, str | list[str]], back: str
) -> None:
    ranger = page.person("day-ranger")
    page.clock.now += SESSION_S + 1
    refused = ranger.post(path, data=fields)
    assert refused.status_code == 401
    resumed = _sign_in(ranger, refused.text)
    form = json.loads(_attribute(resumed, "data-kept"))
    pairs = [[name, each] for name, value in fields.items() for each in ([value] if isinstance(value, str) else value)]
    assert (form["path"], form["fields"]) == (path, pairs)
    assert _attribute(resumed, "data-page") == back
    for name, value in pairs:  # without scripts
        assert f'name="{name}" value="' in resumed
        assert unescape(value) in unescape(resumed)


def test_a_password_is_never_kept_and_is_asked_for_again(page: Stage) -> None:
    ranger = page.person("day-ranger")
    page.clock.now += SESSION_S + 1
    secret = "seven-wet-pines-in-a-row"
    refused = ranger.post("/rollout/approve", data={"note": "read the report", "step": "promote", "password": secret})
    assert secret not in refused.text
    resumed = _sign_in(ranger, refused.text)
    assert secret not in resumed
    assert 'name="password" type="password"' in resumed
    assert json.loads(_attribute(resumed, "data-kept"))["asks"] == ["password"]
    changed = page.stranger().post("/account/password", data={"old": secret, "new": secret, "again": secret})
    assert changed.status_code == 401
    assert secret not in changed.text
    asked = _sign_in(page.stranger(), changed.text)
    for name, label, filled_in in (
        ("old", "The password you have", "current-password"),
        ("new", "New password", "new-password"),
        ("again", "New password, once more", "new-password"),
    ):
        assert f'<label for="asked-{name}">{label}</label>' in asked
        assert f'name="{name}" type="password" autocomplete="{filled_in}"' in asked


def test_what_one_person_entered_is_not_offered_to_another(page: Stage) -> None:
    ranger = page.person("day-ranger")
    page.person("rosa")
    page.clock.now += SESSION_S + 1
    refused = ranger.post("/camper-messages/1", data={"answer": "drove past"})
    kept = unescape(_attribute(refused.text, 'name="kept" value'))
    other = page.stranger().post("/login", data={"name": "rosa", "password": PASSWORD, "kept": kept, "next": "/"})
    assert (other.status_code, other.headers["location"]) == (303, "/")
    assert "drove past" in _sign_in(ranger, refused.text)


def test_a_sighting_of_an_organisations_ranger_keeps_its_moment_in_the_address(page: Stage) -> None:
    ranger = page.person("day-ranger")
    said_at = page.clock.now + SESSION_S + 1
    page.clock.now = said_at
    refused = ranger.post(
        "/sightings", data={"campsite": "lower-pines", "animal": "deer", "number": "2", "when": "now"}
    )
    kept = json.loads(unescape(_attribute(refused.text, 'name="kept" value')))
    assert kept["page"] == f"/sightings/new?at={said_at!r}"
    back = page.person("day-ranger").get(kept["page"])
    assert f'name="at" value="{said_at!r}"' in back.text
    assert "as you said" in back.text


@pytest.mark.parametrize(
    "kept",
    ['{"path": "/sightings", "fields": [["note"]]}', '{"path": "/sightings", "fields": [["note", 7]]}',
     '{"path": "/sightings", "fields": [], "asks": [7]}', '{"path": "/sightings", "fields": [], "asks": ["role"]}',
     '{"path": "/elsewhere", "fields": []}', "[]", "7"],
)  # fmt: skip
def test_a_kept_form_that_was_tampered_with_is_forgotten(page: Stage, kept: str) -> None:
    page.person("day-ranger")
    answer = page.stranger().post("/login", data={"name": "day-ranger", "password": PASSWORD, "kept": kept})
    assert (answer.status_code, answer.headers["location"]) == (303, "/")


def _sign_in(browser: TestClient, refused: str) -> str:
    kept = unescape(_attribute(refused, 'name="kept" value'))
    back = browser.post("/login", data={"name": "day-ranger", "password": PASSWORD, "kept": kept})
    assert back.status_code == 200
    return str(back.text)


def _attribute(text: str, name: str) -> str:
    found = re.search(rf'{name}="([^"]*)"', text)
    assert found, text
    return unescape(found[1])
