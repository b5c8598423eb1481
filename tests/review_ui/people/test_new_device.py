"""A login on a browser that an account had not used before leaves a trace, and its owner is told."""

from __future__ import annotations

import logging

import pytest
from fastapi.testclient import TestClient

from tests.support.pages import PASSWORD, Stage


def log_in(browser: TestClient, name: str) -> None:
    assert browser.post("/login", data={"name": name, "password": PASSWORD}).status_code == 303


def test_the_owner_is_told_in_the_browser_that_they_had_and_the_log_says_it(
    page: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    page.person("lena")
    page.person("omar")
    own = page.stranger()
    log_in(own, "lena")
    assert "had not used before" not in own.get("/").text
    page.clock.now += 60
    thief = page.stranger()
    with caplog.at_level(logging.WARNING):
        log_in(thief, "lena")
    assert "auth: new browser of 'lena' from" in caplog.text
    told = own.get("/").text
    assert "Your account has logged in on a browser that it had not used before" in told
    assert 'href="/account"' in told
    assert "had not used before" not in thief.get("/").text
    other = page.stranger()
    log_in(other, "omar")
    assert "had not used before" not in other.get("/").text


def test_the_same_browser_is_new_once(page: Stage, caplog: pytest.LogCaptureFixture) -> None:
    page.person("lena")
    own, other = page.stranger(), page.stranger()
    log_in(own, "lena")
    log_in(other, "lena")
    caplog.clear()
    page.clock.now += 3600
    with caplog.at_level(logging.WARNING):
        assert other.post("/logout").status_code == 303
        log_in(other, "lena")
    assert "new browser" not in caplog.text
    assert "had not used before" not in own.get("/").text


def test_who_signs_the_new_browser_out_is_not_told_any_more(page: Stage) -> None:
    page.person("lena")
    own, thief = page.stranger(), page.stranger()
    log_in(own, "lena")
    page.clock.now += 1
    log_in(thief, "lena")
    assert "had not used before" in own.get("/").text
    assert own.post("/account/sessions/end-others").status_code == 303
    assert "had not used before" not in own.get("/").text
    assert thief.get("/").status_code == 303
