"""A cookie alone, stolen or left open, gives nobody more power: who takes more types their password once more."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select

from db.models import ApiToken, Role, User
from review_ui.auth.accounts import MAX_FAILURES_PAIR, digest
from tests.support.pages import PASSWORD, Stage

POWER: list[tuple[str, str, dict[str, Any]]] = [
    ("POST", "/api/v1/tokens", {"name": "x", "rights": ["view"]}),
    ("POST", "/account/tokens", {"name": "x", "right": "view", "days": "1"}),
    ("POST", "/account/second-factor", {}),
    ("POST", "/account/second-factor/codes", {}),
    ("POST", "/account/second-factor/remove", {}),
    ("POST", "/api/v1/people", {"name": "mallory", "role": "administrator"}),
    ("POST", "/people", {"name": "mallory", "role": "administrator"}),
    ("PUT", "/api/v1/people/{id}", {"role": "administrator"}),
    ("POST", "/people/{id}", {"role": "administrator"}),
    *(("POST", f"/api/v1/people/{{id}}/{what}", {}) for what in ("password", "revoke", "deactivate", "activate")),
    *(("POST", f"/people/{{id}}/{what}", {}) for what in ("password", "revoke", "deactivate", "activate")),
    ("POST", "/people/{id}/second-factor", {}),
    ("DELETE", "/api/v1/people/{id}/second-factor", {}),
]


def ask(browser: TestClient, method: str, path: str, fields: dict[str, Any], password: str) -> int:
    """The status of a request with this password."""
    kind = "json" if path.startswith("/api/") else "data"
    sent: dict[str, Any] = {kind: {**fields, "password": password}}
    return browser.request(method, path, **sent).status_code


@pytest.mark.parametrize(("method", "path", "fields"), POWER, ids=lambda each: each if isinstance(each, str) else "")
def test_whoever_has_the_cookie_alone_gets_no_more_power(
    page: Stage, method: str, path: str, fields: dict[str, Any]
) -> None:
    thief = page.person("admin", Role.ADMINISTRATOR)
    page.person("ben")
    here = path.format(id=page.user_id("ben"))
    for password in ("", "a wrong one entirely"):
        assert ask(thief, method, here, fields, password) == 422
    with page.database.read() as session:
        assert session.scalars(select(User.name)).all() == ["admin", "ben"]
        ben = session.scalars(select(User).where(User.name == "ben")).one()
        assert (ben.role, ben.active, ben.must_change_password) == (Role.RANGER, True, False)
        assert session.scalars(select(ApiToken)).all() == []
    assert ask(thief, method, here, fields, PASSWORD) in (200, 201, 204, 303)


def test_guesses_at_the_password_once_more_are_counted(page: Stage) -> None:
    thief = page.person("admin", Role.ADMINISTRATOR)
    fields = {"name": "x", "rights": ["view"]}
    guesses = [ask(thief, "POST", "/api/v1/tokens", fields, f"guess {number}") for number in range(MAX_FAILURES_PAIR)]
    assert guesses == [422] * MAX_FAILURES_PAIR
    assert ask(thief, "POST", "/api/v1/tokens", fields, PASSWORD) == 429


def test_a_token_never_approves(page: Stage) -> None:
    lead = page.person("lena", Role.LEAD_RANGER)
    for path, fields in (("/api/v1/tokens", {"name": "x", "rights": ["approve_widen"]}),
                         ("/account/tokens", {"name": "x", "right": "approve_widen", "days": "1"})):  # fmt: skip
        assert ask(lead, "POST", path, fields, PASSWORD) == 422
    with page.database.write() as session:  # one that was made before
        before = ApiToken(user_id=page.user_id("lena"), name="old", token_hash=digest("bw_old"), created_at=0.0)
        before.rights, before.campsites, before.expires_at = ["approve_widen", "view"], [], page.clock() + 1e6
        session.add(before)
    program = TestClient(page.app, headers={"Authorization": "Bearer bw_old"})
    assert program.get("/api/v1/me").json()["rights"] == ["view"]
    assert program.post("/api/v1/rollout/approvals", json={"note": "x", "password": PASSWORD}).status_code == 403


def test_with_another_password_all_tokens_end(page: Stage) -> None:
    owner = page.person("lena")
    made = owner.post("/api/v1/tokens", json={"name": "x", "rights": ["view"], "password": PASSWORD}).json()
    program = TestClient(page.app, headers={"Authorization": f"Bearer {made['token']}"})
    assert program.get("/api/v1/me").status_code == 200
    new = "a-few-other-words"
    done = owner.post("/account/password", data={"old": PASSWORD, "new": new, "again": new})
    assert done.headers["location"] == "/account?done=password"
    assert program.get("/api/v1/me").status_code == 401


def test_ones_own_second_factor_is_not_removed_around_the_corner(page: Stage) -> None:
    admin = page.person("admin", Role.ADMINISTRATOR)
    own = page.user_id("admin")
    assert ask(admin, "DELETE", f"/api/v1/people/{own}/second-factor", {}, PASSWORD) == 422
    assert ask(admin, "POST", f"/people/{own}/second-factor", {}, PASSWORD) == 422
