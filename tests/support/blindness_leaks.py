"""A watcher's steps, and every way to an alert that must be closed to them."""

from __future__ import annotations

from fastapi.testclient import TestClient

from tests.support.pages import Stage


def go_on_watch(browser: TestClient, campsite: str = "upper-pines") -> None:
    """Begin to watch a campsite."""
    assert browser.post("/watches", data={"campsite": campsite}).status_code == 303


def log_sighting(
    browser: TestClient, campsite: str = "upper-pines", key: str = "a-sighting-key", minutes: str = "0"
) -> str:
    """Seal a bear; returns the sighting's address."""
    answer = browser.post(
        "/sightings",
        data={"campsite": campsite, "animal": "bear", "number": "1", "when": "minutes", "minutes": minutes,
              "idempotency_key": key},
    )  # fmt: skip
    assert answer.status_code == 303, answer.text
    return answer.headers["location"]


def cover_of(page: Stage, alert: int) -> str:
    """The address of an alert's picture, from somebody who may see it."""
    browser = page.person("somebody-off-watch")
    return str(browser.get(f"/api/v1/alerts/{alert}").json()["cover"])


def ways_in(browser: TestClient, alert: int, cover: str) -> dict[str, bool]:
    """Each way to the alert, and whether it shows anything of it."""
    decision = {"verdict": "bear", "seen_version": 999, "idempotency_key": "a-decision-key"}
    return {
        "queue": f"/alerts/{alert}" in browser.get("/").text,
        "queue fragment": f"/alerts/{alert}" in browser.get("/fragments/watch").text,
        "count": 'data-waiting-now="0"' not in browser.get("/fragments/banner").text,
        "page": browser.get(f"/alerts/{alert}").status_code != 404,
        "panel": browser.get(f"/alerts/{alert}/panel").status_code != 404,
        "form": browser.post(f"/alerts/{alert}/decision", data=decision).status_code != 404,
        "picture": browser.get(cover).status_code != 404,
        "API list": bool(browser.get("/api/v1/alerts").json()["alerts"]),
        "API detail": browser.get(f"/api/v1/alerts/{alert}").status_code != 404,
        "API decision": browser.post(f"/api/v1/alerts/{alert}/decisions", json=decision).status_code != 404,
    }
