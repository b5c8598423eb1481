"""Every way in: other sites cannot write, pictures are asked for again, and bad requests get a clear answer.

Who may come in where is another story: test_ui_rights.py.
"""

from __future__ import annotations

import hashlib
import re

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import text

from db.models import Role
from review_ui.rendering.pages import STATIC_DIR
from review_ui.web.request_guards import MAX_BODY_BYTES
from tests.support.factories import T0, jpeg
from tests.support.pages import Stage


@pytest.mark.parametrize(
    ("headers", "allowed"),
    [
        ({"Sec-Fetch-Site": "same-origin"}, True),
        ({"Sec-Fetch-Site": "none"}, True),
        ({"Sec-Fetch-Site": "cross-site"}, False),
        ({"Sec-Fetch-Site": "same-site"}, False),
        ({"Sec-Fetch-Site": "cross-site", "Origin": "http://testserver"}, False),
        ({"Origin": "http://testserver"}, True),
        ({"Origin": "https://testserver.elsewhere.example"}, False),
        ({"Origin": "null"}, False),
        ({}, True),
    ],
)
def test_another_sites_page_cannot_write_with_a_rangers_browser(
    page: Stage, headers: dict[str, str], allowed: bool
) -> None:
    day_ranger = page.person("day-ranger")
    del day_ranger.headers["Sec-Fetch-Site"]
    answer = day_ranger.post("/watches", data={"campsite": "upper-pines"}, headers=headers)
    assert (answer.status_code == 303) is allowed
    assert (answer.status_code == 403) is not allowed
    assert day_ranger.get("/", headers={"Sec-Fetch-Site": "cross-site"}).status_code == 200


@pytest.mark.parametrize("path", ["/login", "/", "/alerts/1", "/media/x", "/api/v1/alerts", "/metrics", "/nowhere"])
def test_every_answer_carries_the_security_headers(page: Stage, path: str) -> None:
    for browser in (page.stranger(), page.person("day-ranger")):
        headers = browser.get(path).headers
        policy = headers["content-security-policy"]
        assert "default-src 'self'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "base-uri 'none'" in policy
        assert "form-action 'self'" in policy
        assert "unsafe" not in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "same-origin"
        assert headers["cache-control"] in ("no-store", "private, no-cache")


def test_no_template_has_a_script_or_a_style_inside() -> None:
    for template in (STATIC_DIR.parent / "templates").glob("*.html"):
        source = template.read_text()
        assert not re.search(r"<script(?![^>]*\bsrc=)", source), template.name
        assert not re.search(r"<style|\sstyle=|\son\w+=|javascript:|\|\s*safe\b", source), template.name


def test_the_vendored_script_is_the_published_one() -> None:
    script = STATIC_DIR / "vendor" / "htmx-4.0.1.min.js"
    published = "a0abb04f2f45a1f89d1d4844023245537e5e6014c87b144553e0607b4cc32130"
    assert hashlib.sha256(script.read_bytes()).hexdigest() == published
    assert "Zero-Clause BSD" in script.with_name("htmx-4.0.1.LICENSE.txt").read_text()


def test_static_files_may_be_kept_for_ever_because_their_address_changes_with_them(page: Stage) -> None:
    html = page.stranger().get("/login").text
    address = re.search(r'href="(/static/[0-9a-f]{12}/css/site\.css)"', html)
    assert address is not None
    answer = page.stranger().get(address.group(1))
    assert answer.status_code == 200
    assert "immutable" in answer.headers["cache-control"]


@pytest.mark.parametrize("path", ["/alerts/999", "/alerts/99999999999999999999", "/alerts/abc", "/alerts/-1", "/x"])
def test_what_does_not_exist_gets_a_page_that_says_so(page: Stage, path: str) -> None:
    answer = page.person("day-ranger").get(path)
    assert answer.status_code == 404
    assert "Nothing here" in answer.text
    assert "Back to watch" in answer.text


def test_the_api_answers_with_json_where_a_page_answers_with_words(page: Stage) -> None:
    day_ranger = page.person("day-ranger")
    assert day_ranger.get("/api/v1/alerts/999").json()["detail"].startswith("There is no such alert")
    refused = page.stranger().get("/api/v1/alerts")
    assert (refused.status_code, refused.json()["detail"]) == (401, "Sign in first.")
    assert refused.headers["content-type"] == "application/problem+json"
    wrong = day_ranger.get("/api/v1/alerts?limit=many")
    assert (wrong.status_code, wrong.json()["errors"][0]["loc"]) == (422, ["query", "limit"])


def test_a_body_that_is_too_large_is_refused_before_it_is_read(page: Stage) -> None:
    day_ranger = page.person("day-ranger")
    answer = day_ranger.post("/sightings", data={"note": "x" * (MAX_BODY_BYTES + 1)})
    assert answer.status_code == 413
    assert "content-security-policy" in answer.headers
    chunks = (b"x" * 8192 for _ in range(MAX_BODY_BYTES // 8192 + 2))
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    assert day_ranger.post("/sightings", content=chunks, headers=form).status_code == 413
    assert page.stranger().post("/login", data={"name": "x" * (MAX_BODY_BYTES + 1)}).status_code == 413


def test_an_incomplete_form_is_a_page_not_a_crash(page: Stage) -> None:
    answer = page.person("day-ranger").post("/alerts/1/decision", data={"verdict": "maybe"})
    assert answer.status_code == 422
    assert "not complete" in answer.text


STRANGE = ("", "\0", "a\0b", "-1", "9" * 400, "NaN", "[]", "'; DROP TABLE alerts; --", "é" * 5000)


def test_no_text_that_a_form_can_carry_breaks_a_page(either: Stage) -> None:
    day_ranger = either.person("day-ranger", Role.ADMINISTRATOR)
    forms: dict[str, dict[str, str]] = {
        "/login": {"name": "day-ranger", "password": "wrong", "next": "/", "kept": ""},
        "/theme": {"theme": "red"},
        "/watches": {"campsite": "upper-pines"},
        "/watches/99999999999999999999/end": {"nothing": ""},
        "/login/code": {"code": "123456", "next": "/", "kept": ""},
        "/account/sessions/end": {"handle": "0123456789abcdef"},
        "/account/second-factor/confirm": {"code": "123456"},
        "/account/tokens": {"name": "siren", "right": "view", "campsite": "upper-pines", "days": "1"},
        "/account/tokens/99999999999999999999/end": {"nothing": ""},
        "/people": {"name": "ben", "role": "ranger", "campsite": "upper-pines"},
        "/people/987654": {"role": "ranger", "campsite": "upper-pines"},
        "/alerts/1/decision": {"verdict": "bear", "seen_version": "1", "idempotency_key": "a-long-key"},
        "/sightings": {
            "campsite": "upper-pines", "camera": "upper-creek", "animal": "bear", "number": "1", "when": "now",
            "minutes": "", "clock": "", "at": "", "note": "", "idempotency_key": "another-key",
        },
    }  # fmt: skip
    for strange in STRANGE:
        for path, fields in forms.items():
            for field in fields if path != "/login" else ("name", "next"):
                answer = day_ranger.post(path, data={**fields, field: strange})
                assert answer.status_code < 500, f"{path} with {field}={strange!r}"


@pytest.mark.parametrize(
    "field",
    [
        '"note": "a \\ud800 b"',
        '"note": "\\u0000"',
        '"seen_at": NaN',
        '"seen_at": 1e999',
        '"\\ud800": 1',
        '"number": 1e400',
    ],
)
def test_no_json_breaks_the_api(either: Stage, field: str) -> None:
    body = f'{{"campsite": "upper-pines", "seen_at": {either.clock.now}, "idempotency_key": "strange-json", {field}}}'
    headers = {"Content-Type": "application/json"}
    assert either.person().post("/api/v1/sightings", content=body, headers=headers).status_code in (201, 422)


def test_when_the_database_does_not_answer_the_page_says_so(page: Stage) -> None:
    day_ranger = page.person()
    with page.database.write() as session:
        session.execute(text("ALTER TABLE encounters RENAME TO lost"))
    for path in ("/alerts/1", "/"):
        answer = day_ranger.get(path)
        assert answer.status_code == 503
        assert "database does not answer" in answer.text
    assert day_ranger.get("/api/v1/alerts").status_code == 200  # it needs no encounters while there are no alerts


def test_a_mistake_of_ours_is_a_page_with_all_its_headers(page: Stage) -> None:
    def broken() -> None:
        raise RuntimeError("on purpose")

    page.app.add_api_route("/broken", broken)
    answer = TestClient(page.app, raise_server_exceptions=False).get("/broken")
    assert answer.status_code == 500
    assert "our mistake" in answer.text
    assert "on purpose" not in answer.text
    assert "content-security-policy" in answer.headers


@pytest.mark.parametrize(
    "key",
    [
        "../bearwatch.sqlite3",
        "2027-01-15/upper-creek/../../bearwatch.sqlite3",
        "2027-01-15/upper-creek/%2e%2e/x.jpg",
        "/etc/passwd",
        "2027-01-15/upper-creek/short.jpg",
        "2027-01-15/upper-creek/" + "0" * 32 + ".png",
        "2027-01-15/nobodys-camera/" + "0" * 32 + ".jpg",
        "2027-01-15/upper-creek/" + "0" * 32 + ".jpg",
    ],
)
def test_a_wrong_media_key_finds_nothing(page: Stage, key: str) -> None:
    assert page.person("day-ranger").get(f"/media/{key}").status_code == 404


def test_a_picture_of_a_camera_that_is_not_in_the_database_is_not_served(page: Stage) -> None:
    key = page.media.put("nobodys-camera", T0, jpeg())
    assert page.person("day-ranger").get(f"/media/{key}").status_code == 404


def test_a_picture_is_served_to_those_who_may_see_it_and_asked_for_again_each_time(page: Stage) -> None:
    key = page.media.put("upper-creek", T0, jpeg())
    day_ranger = page.person("day-ranger")
    answer = day_ranger.get(f"/media/{key}")
    assert (answer.status_code, answer.content) == (200, jpeg())
    assert answer.headers["content-type"] == "image/jpeg"
    assert answer.headers["cache-control"] == "private, no-cache"
    again = day_ranger.get(f"/media/{key}", headers={"If-None-Match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    day_ranger.post("/logout")
    assert day_ranger.get(f"/media/{key}", headers={"If-None-Match": answer.headers["etag"]}).status_code == 401
