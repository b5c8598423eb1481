"""A whole site whose processes each have a user of their own in Redis: nothing that it needs is refused."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from sqlalchemy import select

from bearwatch.local_site import environment, prepare_database, programs
from bearwatch.supervisor import Supervisor
from core.redis_client import connect
from core.settings import Settings
from core.telemetry import Telemetry
from db.models import Alert
from db.session import Database
from rollout.stages.spec_file import load_configured
from simulation.cameras.builtin import load_test_scenes
from simulation.cameras.staged_server import StagedCameras
from tests.support.live_site import PASSWORD
from tests.support.services.heartbeat_listener import Listener, listening
from tests.support.services.redis_of_roles import ROLES, RedisOfRoles, redis_of_roles
from tests.support.waiting import wait_for


@pytest.mark.long
def test_every_process_has_the_rights_that_it_needs(tmp_path: Path) -> None:
    with redis_of_roles(tmp_path) as server, StagedCameras(load_test_scenes(2)) as cameras, listening() as listener:
        file = tmp_path / "bearwatch.yaml"
        lines = [
            f"  {name}: {{campsite: c, url: '{cameras.url(name)}', record_url: '{cameras.url(name)}'}}"
            for name in cameras.names
        ]
        file.write_text(
            "regions: {r: {timezone: UTC}}\ncampsites: {c: {region: r}}\ncameras:\n"
            + "\n".join(lines)
            + f"\nrollout: {{staff: ['json://{listener.url('/staff').removeprefix('http://')}']}}"
            + f"\noutside: {{ping_url: '{listener.url('/alive')}', every_s: 10}}\n"
        )
        settings = Settings(bearwatch_data=tmp_path / "var", bearwatch_ui_port=8765, bearwatch_log="WARNING",
                            bearwatch_admin_password=PASSWORD)  # fmt: skip
        config, _plan = load_configured(file)
        prepare_database(settings, config)
        wanted = programs(environment(settings, file, "redis://nobody"), config)
        own = [replace(each, environment={**each.environment, "REDIS_URL": server.url(each.name)}) for each in wanted]
        assert {each.name for each in own} == set(ROLES)
        site = Supervisor(own)
        thread = threading.Thread(target=site.run)
        thread.start()
        try:
            _watch(settings, server, listener)
        finally:
            print("\n".join(server.refusals()))
            site.request_stop()
            thread.join()
        assert server.refusals() == []


def _watch(settings: Settings, server: RedisOfRoles, listener: Listener) -> None:
    database = Database(settings.database)
    address = f"http://127.0.0.1:{settings.bearwatch_ui_port}"
    client = connect(server.url("controller"))
    wait_for(lambda: _alerts(database), 120)
    with httpx.Client(base_url=address, headers={"Origin": address}, timeout=20) as browser:
        browser.post("/login", data={"name": "ranger", "password": PASSWORD})
        alert = browser.get("/api/v1/alerts", params={"status": "open"}).json()["alerts"][0]
        for page in (
            "/",
            "/cameras",
            f"/alerts/{alert['id']}",
            "/cameras/now",
            "/rollout",
            "/healthz",
            "/models",
            "/try",
        ):
            assert browser.get(page).status_code < 500, page
        body = {"verdict": "bear", "seen_version": alert["version"], "idempotency_key": "roles-of-a-live-site"}
        assert browser.post(f"/api/v1/alerts/{alert['id']}/decisions", json=body).is_success
    wait_for(lambda: "/alive" in listener.paths, 60)
    wait_for(lambda: {name.partition(":")[0] for name in Telemetry(client).heartbeats()} >= set(ROLES) - {"ui"}, 60)
    client.close()
    database.close()


def _alerts(database: Database) -> int:
    with database.read() as session:
        return len(session.scalars(select(Alert.id)).all())
