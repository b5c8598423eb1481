"""What the page, the API and the metrics say of an animal that the model does not know, and to whom."""

from __future__ import annotations

import re

from fastapi.testclient import TestClient
from sqlalchemy import select

from core.messages import FrameScores
from db.models import Alert
from detector.tracking.encounter_writer import EncounterWriter
from detector.tracking.tracker import AlertRule, Track, observe
from tests.support.factories import T0, scored, strange
from tests.support.pages import Stage


def sees(page: Stage, frames: list[FrameScores]) -> None:
    """A camera sees this; a new visit each time."""
    track, rule = Track(), AlertRule.of(page.config.detector)
    writer = EncounterWriter(page.config, page.media, rule, clock=lambda: frames[-1].scored_at)
    for scores in frames:
        track, changes = observe(track, scores, rule)
        with page.database.write() as session:
            writer.write(session, scores.frame.camera, False, changes)


def stranger(start: float, camera: str = "upper-creek") -> list[FrameScores]:
    """An animal that the model does not know."""
    return [strange(start + step / 5, camera=camera) for step in range(5)]


def bear(start: float, camera: str = "upper-creek") -> list[FrameScores]:
    """A bear."""
    return [scored(0.9, camera, start + step / 5) for step in range(5)]


def test_the_queue_says_that_it_is_an_unknown_animal_and_shows_bears_first(page: Stage) -> None:
    sees(page, stranger(T0))
    sees(page, bear(T0 + 20, "upper-trail"))
    assert "There now" in page.person().get("/").text
    page.clock.now = T0 + 400
    text = page.person().get("/").text
    assert "Bears first" in text
    assert text.index("/alerts/2") < text.index("/alerts/1")
    assert text.count("Unknown animal") == 1


def test_its_page_says_what_that_means_and_how_many_more_came(page: Stage) -> None:
    sees(page, stranger(T0))
    sees(page, stranger(T0 + 100))
    sees(page, stranger(T0 + 200))
    text = page.person().get("/alerts/1").text
    assert "one that the model does not know" in text
    assert "2 more visits of an unknown animal here" in text
    said = page.person().get("/api/v1/alerts/1").json()
    assert (said["kind"], said["held"]) == ("unknown_animal", 2)
    assert [alert["kind"] for alert in page.person().get("/api/v1/alerts").json()["alerts"]] == ["unknown_animal"]


def test_the_history_of_one_that_became_a_bear_tells_both(page: Stage) -> None:
    sees(page, [*stranger(T0), *bear(T0 + 1)])
    text = page.person().get("/alerts/1").text
    assert "Unknown animal" not in text
    assert "an animal that the model does not know" in text
    assert re.search(r"recognised a bear \d\.\d s after the frame", text)
    assert page.person().get("/api/v1/alerts/1").json()["kind"] == "bear"


def test_the_threshold_is_shown_with_the_score_and_not_before_the_first_answer(page: Stage) -> None:
    sees(page, stranger(T0))
    browser = page.person()
    assert browser.get("/api/v1/alerts/1").json()["opinion"] is None
    decision = {"verdict": "not_a_bear", "seen_version": 1, "idempotency_key": "a-long-key"}
    assert browser.post("/api/v1/alerts/1/decisions", json=decision).status_code == 200
    said = browser.get("/api/v1/alerts/1").json()["opinion"]
    assert (said["threshold"], said["label"]) == (0.5, "other_animal")
    assert "<b>0.02</b>; an alert needs 0.50" in browser.get("/alerts/1").text


def test_a_ranger_on_watch_sees_nothing_of_it(page: Stage) -> None:
    sees(page, stranger(T0))
    sees(page, stranger(T0 + 100))
    watcher = page.person("watcher")
    assert watcher.post("/watches", data={"campsite": "upper-pines"}).status_code == 303
    assert "Unknown animal" not in watcher.get("/").text
    assert 'data-waiting-now="0"' in watcher.get("/fragments/banner").text
    assert watcher.get("/api/v1/alerts").json()["alerts"] == []
    for path in ("/alerts/1", "/alerts/1/panel", "/api/v1/alerts/1"):
        assert watcher.get(path).status_code == 404


def test_a_sighting_says_whether_the_model_saw_a_bear_or_only_some_animal(page: Stage) -> None:
    sees(page, stranger(T0 + 30))
    browser = page.person()
    sighting = {"campsite": "upper-pines", "animal": "bear", "seen_at": T0 + 40, "idempotency_key": "a-long-key"}
    said = browser.post("/api/v1/sightings", json=sighting).json()
    assert said["match"]["kind"] == "unknown_animal"
    assert "saw an animal that it does not know" in browser.get(f"/sightings/{said['id']}").text
    sees(page, bear(T0 + 300, "upper-trail"))
    assert browser.get(f"/api/v1/sightings/{said['id']}").json()["match"]["kind"] == "bear"


def test_they_are_counted_apart(page: Stage) -> None:
    sees(page, stranger(T0))
    sees(page, bear(T0 + 20, "upper-trail"))
    text = TestClient(page.app, client=("127.0.0.1", 50000)).get("/metrics").text
    assert "bearwatch_open_alerts 2" in text
    assert "bearwatch_open_unknown_alerts 1" in text
    with page.database.read() as session:
        assert session.scalars(select(Alert.kind).order_by(Alert.id)).all() == ["unknown_animal", "bear"]
