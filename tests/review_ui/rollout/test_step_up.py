"""Who commands the rollout proves who they are: by a password or a fresh login. Programs do not."""

from __future__ import annotations

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select

from db.models import Role, User
from review_ui.auth.accounts import Account
from review_ui.auth.rights import Right
from review_ui.auth.tokens import BadScope, make_token
from review_ui.web.step_up import FRESH_S
from tests.support.pages import PASSWORD
from tests.support.rollout.rollout_pages import RolloutStage, fields

WRONG = "not-the-password-at-all"


def test_a_browser_proves_itself_by_its_password_and_a_program_never_approves(there: RolloutStage) -> None:
    lena = there.page.person("lena")
    refused = lena.post("/api/v1/rollout/approvals", json={})
    assert (refused.status_code, refused.json()["errors"][0]["loc"]) == (422, ["body", "password"])
    with there.page.database.write() as session:
        user = session.scalars(select(User).where(User.name == "lena")).one()
        account = Account(user.id, user.name, Role(user.role), "")
        with pytest.raises(BadScope, match="cannot approve"):
            make_token(session, account, "a program", [Right.APPROVE_PROMOTION], [], 1, there.page.clock.now)
        secret = make_token(session, account, "a program", [Right.VIEW], [], 1, there.page.clock.now).secret
    program = TestClient(there.page.app, headers={"Authorization": f"Bearer {secret}"})
    said = {"note": "by the book", "idempotency_key": "one-approval", "password": PASSWORD}
    assert program.post("/api/v1/rollout/approvals", json=said).status_code == 403
    answer = lena.post("/api/v1/rollout/approvals", json=said)
    assert answer.json() == {"done": True, "phase": "shadow", "why": [], "events": ["approved"]}
    again = lena.post("/api/v1/rollout/approvals", json=said)
    assert again.json()["events"] == []


def test_whoever_has_no_password_here_proves_it_by_having_just_logged_in(there: RolloutStage) -> None:
    lena = there.page.person("lena")
    with there.page.database.write() as session:
        session.scalars(select(User).where(User.name == "lena")).one().password_hash = "!"
    there.page.clock.now += FRESH_S + 1
    late = lena.post("/rollout/approve", data=fields(lena))
    assert late.status_code == 422
    assert "sign in again" in late.text
    fresh = there.page.person("lena")
    assert fresh.post("/rollout/approve", data=fields(fresh)).status_code == 303


def test_wrong_passwords_are_counted_like_wrong_logins(there: RolloutStage) -> None:
    lena = there.page.person("lena")
    answers = [lena.post("/api/v1/rollout/approvals", json={"password": WRONG}).status_code for _ in range(6)]
    assert answers == [422] * 5 + [429]
    assert lena.post("/api/v1/rollout/approvals", json={"password": PASSWORD}).status_code == 429
