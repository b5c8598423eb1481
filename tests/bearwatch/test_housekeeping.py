"""Jobs: deliveries that Redis forgot are found, and pictures go when their time is over, not before."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

from bearwatch.housekeeping import (
    draw_audits,
    draw_watch_hours,
    keep_house,
    remind_of_drills,
    remove_old_pictures,
    sweep_outbox,
    write_reports,
)
from core.config import Config
from core.config_file import ConfigError
from core.media import MediaStore
from core.site_config import Retention
from db.models import Alert, Delivery, DeliveryStatus, Encounter, Mode, Verdict
from db.session import Database
from rollout.alerting.alerts import Decision, decide
from rollout.alerting.recipients import Recipients
from rollout.stages.plan_watcher import in_force
from tests.support.cast import add_user, grant, open_encounter
from tests.support.factories import T0, jpeg
from tests.support.services.webhook import Webhook, serving
from tests.support.waiting import wait_for

ROOT = Path(__file__).parents[2]
DAY_S = 86_400.0


@pytest.fixture
def media(tmp_path: Path) -> MediaStore:
    """An empty store."""
    return MediaStore(tmp_path / "media")


def test_pictures_that_no_encounter_needs_go_first(database: Database, config: Config, media: MediaStore) -> None:
    encounter = open_encounter(database, config, media)
    thumbnail = media.put("upper-creek", T0, jpeg(33))
    retention = Retention(media_days=30, evidence_days=400)

    assert remove_old_pictures(database, media, retention, T0 + 29 * DAY_S) == 0
    assert remove_old_pictures(database, media, retention, T0 + 32 * DAY_S) == 1
    assert media.get(thumbnail) is None
    assert media.get(encounter.cover or "") is not None


def test_when_the_evidence_goes_its_rows_stay_and_say_so(database: Database, config: Config, media: MediaStore) -> None:
    open_encounter(database, config, media)
    assert remove_old_pictures(database, media, Retention(), T0 + 402 * DAY_S) == 1
    with database.read() as session:
        encounter = session.scalars(select(Encounter)).one()
        assert encounter.cover is None
        assert [frame.media for frame in encounter.frames] == [None, None, None]
        assert encounter.peak_score == pytest.approx(0.9)
    assert media.days() == []


@pytest.mark.parametrize(
    "job", [sweep_outbox, keep_house, remind_of_drills, write_reports, draw_audits, draw_watch_hours]
)
def test_a_mistake_in_the_configuration_stops_no_job(
    sqlite_database: Database, redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, job: Callable[[], int]
) -> None:
    file = tmp_path / "bearwatch.yaml"
    places = "regions: {r: {timezone: UTC}}\ncampsites: {c: {region: r}%s}\ncameras: {k: {campsite: c, url: x.mp4}}\n"
    file.write_text(places % "")
    monkeypatch.setenv("BEARWATCH_CONFIG", str(file))
    monkeypatch.setenv("BEARWATCH_DATA", str(tmp_path))
    monkeypatch.setenv("DATABASE_URL", str(sqlite_database.url))
    monkeypatch.setenv("REDIS_URL", redis_url)
    assert list(in_force(file).config.campsites) == ["c"]
    file.write_text("cameras: {")
    job()
    assert list(in_force(file).config.campsites) == ["c"]
    file.write_text(places % ", d: {region: r}")
    assert list(in_force(file).config.campsites) == ["c", "d"]


def test_a_process_that_never_read_its_configuration_does_no_job(tmp_path: Path) -> None:
    file = tmp_path / "bearwatch.yaml"
    file.write_text("cameras: {")
    with pytest.raises(ConfigError, match="not YAML"):
        in_force(file)


@pytest.fixture
def service() -> Iterator[Webhook]:
    """A web service to be told of bears."""
    with serving() as webhook:
        yield webhook


def test_a_delivery_whose_errand_was_never_queued_is_found_and_sent(
    sqlite_database: Database, config: Config, media: MediaStore, service: Webhook, redis_url: str, tmp_path: Path
) -> None:
    """The real jobs process with RQ's cron; nobody has told it that there is something to do."""
    now = time.time()
    open_encounter(sqlite_database, config, media, start=now - 5)
    with sqlite_database.write() as session:
        add_user(session)
        grant(session, "upper-pines", Mode.ASSISTED, granted_at=now - 60, expires_at=now + 60)
        alert = session.scalars(select(Alert)).one()
        recipients = Recipients(campers={"upper-pines": (service.target,)})
        decide(session, Decision(alert.id, 1, Verdict.BEAR, 1, "k", True), recipients, now)
    file = tmp_path / "bearwatch.yaml"
    file.write_text(
        "regions: {r: {timezone: UTC}}\ncampsites: {c: {region: r}}\ncameras: {k: {campsite: c, url: a.mp4}}"
    )
    environment = {
        **os.environ,
        "REDIS_URL": redis_url,
        "DATABASE_URL": str(sqlite_database.url),
        "BEARWATCH_CONFIG": str(file),
        "BEARWATCH_DATA": str(tmp_path),
    }
    jobs = subprocess.Popen([sys.executable, "-m", "bearwatch", "jobs"], env=environment, cwd=ROOT)
    try:
        wait_for(lambda: service.received, 200)  # the cron looks by the minute, once it has started
        time.sleep(0.5)  # long enough for a second one to come, were there one
    finally:
        jobs.send_signal(signal.SIGTERM)
        jobs.wait(timeout=60)
    assert len(service.received) == 1
    with sqlite_database.read() as session:
        assert session.scalars(select(Delivery)).one().status == DeliveryStatus.SENT
