"""What Prometheus and a supervisor are told: counts, and nothing about people or single alerts; and who is told."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from prometheus_client.core import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families

from core.config import Config
from core.settings import Settings
from core.telemetry import COUNTERS, Telemetry, counter
from db.session import Database
from detector.worker import _count_of
from docs.reference import FILE
from review_ui.app import create_app
from review_ui.live.latencies import BACKFILL_S
from review_ui.monitoring.prometheus import METRICS
from tests.support.factories import T0
from tests.support.pages import Stage, report


@pytest.fixture
def page(either: Stage) -> Stage:
    """The page on both databases."""
    return either


SHORT_TEXT = ("text/plain; version=0.0.4", text_string_to_metric_families)
OPENMETRICS = ("application/openmetrics-text; version=1.0.0", openmetrics)


def _scraper(page: Stage, address: str = "127.0.0.1", **headers: str) -> TestClient:
    """A program at an address."""
    return TestClient(page.app, client=(address, 50000), headers=headers)


def _metrics(page: Stage) -> dict[str, float]:
    text = _scraper(page).get("/metrics").text
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    for line in lines:
        assert re.fullmatch(r'[a-z_]+(\{[a-z_]+="[^"]*"(,[a-z_]+="[^"]*")*\})? [-+0-9.e]+', line), line
    return {line.rsplit(" ", 1)[0]: float(line.rsplit(" ", 1)[1]) for line in lines}


def test_open_alerts_and_latency_are_counted(page: Stage) -> None:
    page.alert("upper-creek", T0)
    page.alert("upper-trail", T0 + 30)
    day_ranger = page.person()
    day_ranger.post("/alerts/1/decision", data={"verdict": "bear", "seen_version": 1, "idempotency_key": "a-long-key"})
    said = _metrics(page)
    assert said["bearwatch_open_alerts"] == 1
    assert said["bearwatch_oldest_open_alert_seconds"] == pytest.approx(page.clock.now - (T0 + 30.4))
    assert said["bearwatch_capture_to_alert_seconds_count"] == 2
    assert said['bearwatch_capture_to_alert_seconds_bucket{le="0.25"}'] == 2
    assert said['bearwatch_capture_to_alert_seconds_bucket{le="+Inf"}'] == 2


def test_an_empty_site_has_metrics_too(page: Stage) -> None:
    said = _metrics(page)
    assert said["bearwatch_open_alerts"] == 0
    assert said["bearwatch_capture_to_alert_seconds_count"] == 0
    assert said["bearwatch_redis_up"] == 1


def test_counters_and_cameras_come_through(page: Stage) -> None:
    telemetry = Telemetry(page.app.state.site.telemetry.client)
    telemetry.count({counter("bearwatch_frames_dropped_total", camera_name="upper-creek", reason="stale"): 7})
    telemetry.beat("detector", page.clock.now - 2, {"model": "lite0"})
    report(telemetry, "upper-creek", page.clock.now)
    page.app.state.site.board.refresh()
    said = _metrics(page)
    assert said['bearwatch_frames_dropped_total{camera_name="upper-creek",reason="stale"}'] == 7
    assert said['bearwatch_camera_blind{camera_name="upper-creek"}'] == 0
    assert said['bearwatch_camera_blind{camera_name="upper-trail"}'] == 1
    assert said['bearwatch_camera_content_age_seconds{camera_name="upper-creek"}'] == pytest.approx(0.4)
    assert said['bearwatch_process_heartbeat_age_seconds{process="detector"}'] == pytest.approx(2)


@pytest.mark.parametrize(("accept", "parse"), [SHORT_TEXT, OPENMETRICS], ids=["text", "openmetrics"])
def test_a_scrape_carries_every_metric_that_the_reference_lists(
    page: Stage, accept: str, parse: Callable[[str], Iterable[Metric]]
) -> None:
    page.alert()
    telemetry = Telemetry(page.app.state.site.telemetry.client)
    telemetry.count({counter("bearwatch_dead_letters_total", stream='a "quoted" \\ stream\n'): 3})
    answer = _scraper(page, Accept=accept).get("/metrics")
    assert answer.headers["content-type"].startswith(accept)
    families = list(parse(answer.text))
    said = {family.name + ("_total" if family.type == "counter" else ""): family for family in families}
    listed = re.findall(r"^\| `(bearwatch_\w+)` \|", FILE.read_text(), re.MULTILINE)
    assert set(said) == set(listed) == {*METRICS, *COUNTERS}
    assert all(family.documentation for family in families)
    (letters,) = said["bearwatch_dead_letters_total"].samples
    assert (letters.labels, letters.value) == ({"stream": 'a "quoted" \\ stream\n'}, 3)


def test_a_counter_of_another_release_comes_through(page: Stage) -> None:
    Telemetry(page.app.state.site.telemetry.client).count({counter("bearwatch_owls_total", camera_name="creek"): 2})
    assert _metrics(page)['bearwatch_owls_total{camera_name="creek"}'] == 2


def test_names_and_units_are_as_prometheus_asks_for(page: Stage) -> None:
    """What `promtool check metrics` complains about: units, suffixes, and labels that mean the same by two names."""
    page.alert()
    report(Telemetry(page.app.state.site.telemetry.client), "upper-creek", page.clock.now)
    families = list(text_string_to_metric_families(_scraper(page).get("/metrics").text))
    for family in families:
        name = family.name + ("_total" if family.type == "counter" else "")
        assert re.fullmatch(r"bearwatch_[a-z]+(_[a-z]+)*", name)
        assert (family.type == "counter") == name.endswith("_total"), name
        assert not re.search(r"_(ms|milliseconds|minutes|hours|days|percent|count|sum|bucket|gauge|counter)(_|$)", name)
        assert not {"camera", "cam", "camera_id"} & {label for sample in family.samples for label in sample.labels}


def test_frames_of_test_clips_count_for_no_camera_that_is_none() -> None:
    clip = _count_of("bearwatch_frames_scored_total", "canary:upper-creek", "scored")
    assert clip == 'bearwatch_test_clip_frames_total{camera_name="upper-creek",outcome="scored"}'


def test_health_asks_the_database(page: Stage) -> None:
    answer = page.stranger().get("/healthz")
    assert (answer.status_code, answer.json()) == (200, {"database": True, "redis": True, "disk": "ok", "clock": []})
    said = page.person().get("/api/v1/health").json()
    assert (said["database"], said["redis"], said["cameras_blind"]) == (True, True, 3)


def test_without_a_token_only_programs_where_the_operator_said_may_scrape(page: Stage) -> None:
    assert _scraper(page).get("/metrics").status_code == 200
    assert _scraper(page, "::1").get("/metrics").status_code == 200
    assert _scraper(page, "203.0.113.9").get("/metrics").status_code == 403
    assert _scraper(page, **{"X-Forwarded-For": "203.0.113.9"}).get("/metrics").status_code == 403


def test_a_ranger_who_is_blind_does_not_learn_how_many_alerts_are_open(page: Stage) -> None:
    page.alert()
    day_ranger = page.person()
    day_ranger.post("/watches", data={"campsite": "upper-pines"})
    on_this_machine = _scraper(page)
    on_this_machine.cookies = day_ranger.cookies
    for browser in (day_ranger, on_this_machine):
        answer = browser.get("/metrics")
        assert (answer.status_code, "open_alerts" in answer.text) == (403, False)


def test_with_a_token_whoever_shows_it_may_scrape(
    sqlite_database: Database, config: Config, redis_url: str, tmp_path: Path
) -> None:
    settings = Settings(redis_url=redis_url, bearwatch_data=tmp_path, bearwatch_metrics_token="a-secret-of-ours")
    app = create_app(settings, config, sqlite_database)
    with TestClient(app, client=("203.0.113.9", 50000)) as far_away:
        assert far_away.get("/metrics", headers={"Authorization": "Bearer a-secret-of-ours"}).status_code == 200
        assert far_away.get("/metrics", headers={"Authorization": "Bearer another"}).status_code == 403
        assert TestClient(app, client=("127.0.0.1", 50000)).get("/metrics").status_code == 403


def test_a_scrape_counts_each_alert_once_and_only_those_of_the_last_day(page: Stage) -> None:
    count = "bearwatch_capture_to_alert_seconds_count"
    page.alert("upper-creek", T0)
    page.clock.now += BACKFILL_S + 3600
    page.alert("upper-creek", page.clock.now - 10)
    assert [_metrics(page)[count] for _ in range(2)] == [1, 1]
    page.alert("upper-trail", page.clock.now - 5)
    assert _metrics(page)[count] == 2
