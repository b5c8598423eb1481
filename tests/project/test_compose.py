"""compose.yaml is valid, runs what `bearwatch up` runs, and gives nobody more than they need."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from compose_spec import PyCompose

from bearwatch.cli import COMMANDS
from bearwatch.local_site import SERVICES

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "compose.yaml").read_text()
APPLICATION = ("migrate", "tracker", "detector", "detector-gpu", "controller", "jobs", "ui", "ingest", "outside")


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    """The services with their anchors resolved."""
    found: dict[str, Any] = yaml.safe_load(TEXT)["services"]
    return found


def test_it_follows_the_compose_specification() -> None:
    plain = yaml.safe_dump({k: v for k, v in yaml.safe_load(TEXT).items() if not k.startswith("x-")})
    PyCompose.from_yaml(plain).validate()


def test_the_check_of_the_specification_can_fail() -> None:
    with pytest.raises(Exception, match=r"servcies|unknown|invalid|services"):
        PyCompose.from_yaml("servcies: {a: {image: b}}").validate()


def test_it_runs_the_same_processes_as_one_machine_does(services: dict[str, Any]) -> None:
    assert set(SERVICES) <= set(services)
    for name in APPLICATION:
        assert services[name]["command"][0] in COMMANDS


def test_nothing_that_runs_on_one_machine_is_missing_or_lacks_its_servers(services: dict[str, Any]) -> None:
    """Watchdog, test clips, deliveries, history and retention are threads of `jobs`."""
    started = {service["command"][0] for name, service in services.items() if name in APPLICATION}
    assert started - {"migrate"} == set(SERVICES)
    for name in SERVICES:
        assert {"REDIS_URL", "DATABASE_URL"} <= set(services[name]["environment"])
        assert services[name]["restart"] == "unless-stopped"


def test_the_image_has_the_driver_of_the_database_and_all_that_the_processes_import(services: dict[str, Any]) -> None:
    chosen = services["jobs"]["build"]["args"]["SET"]
    locked = (ROOT / f"requirements/{chosen}.txt").read_text()
    driver = services["jobs"]["environment"]["DATABASE_URL"].partition("://")[0].partition("+")[2]
    for package in (driver, "sqlalchemy", "av", "onnxruntime", "fastapi", "rq"):
        assert f"\n{package}==" in f"\n{locked}"


def test_a_new_container_reports_as_the_same_machine_as_the_old_one(services: dict[str, Any]) -> None:
    names = {each: services[each]["environment"].get("BEARWATCH_MACHINE") for each in APPLICATION}
    reporting = ("detector", "detector-gpu", "jobs", "ingest")
    assert [names[each] for each in reporting] == list(reporting)


def test_no_service_is_privileged_and_all_run_read_only(services: dict[str, Any]) -> None:
    for name in APPLICATION:
        assert services[name]["read_only"] is True
        assert services[name]["cap_drop"] == ["ALL"]
    assert all(not service.get("privileged") for service in services.values())


def test_every_service_that_stays_has_a_health_check(services: dict[str, Any]) -> None:
    assert [name for name, service in services.items() if "healthcheck" not in service] == ["migrate"]


def test_there_is_no_default_password(services: dict[str, Any]) -> None:
    secrets = [
        str(value)
        for service in services.values()
        for key, value in service.get("environment", {}).items()
        if "PASSWORD" in key or "AUTH" in key or "URL" in key
    ]
    assert len(secrets) > 4
    assert all(":?write" in secret for secret in secrets)


def test_the_page_is_published_on_loopback_only(services: dict[str, Any]) -> None:
    published = [port for service in services.values() for port in service.get("ports", [])]
    assert published == ["127.0.0.1:8000:8000"]


def test_ingest_never_meets_the_database(services: dict[str, Any]) -> None:
    assert "postgres" not in services["ingest"]["depends_on"]


def test_redis_appends_and_never_evicts(services: dict[str, Any]) -> None:
    command = services["redis"]["command"][-1]
    assert "--appendonly yes" in command
    assert "noeviction" in command
