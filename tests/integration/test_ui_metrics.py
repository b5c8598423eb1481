"""What Prometheus and a supervisor are told, without a login: counts, and nothing about people or single alerts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.config import Config
from core.telemetry import Telemetry, counter
from db.session import Database
from review_ui.routes.metrics import METRICS
from tests.factories import T0
from tests.ui_cast import Stage, report, stage


@pytest.fixture
def page(database: Database, config: Config, redis_url: str, tmp_path: Path) -> Iterator[Stage]:
    with stage(database, config, redis_url, tmp_path) as made:
        yield made


def _metrics(page: Stage) -> dict[str, float]:
    text = page.stranger().get("/metrics").text
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


def test_every_metric_is_described(page: Stage) -> None:
    page.alert()
    text = page.stranger().get("/metrics").text
    shown = set(re.findall(r"# HELP (\S+)", text))
    assert shown <= set(METRICS)
    assert set(re.findall(r"# TYPE (\S+)", text)) >= shown


def test_health_asks_the_database(page: Stage) -> None:
    answer = page.stranger().get("/healthz")
    assert (answer.status_code, answer.json()) == (200, {"database": True, "redis": True})
    said = page.person().get("/api/v1/health").json()
    assert (said["database"], said["redis"], said["cameras_blind"]) == (True, True, 3)
