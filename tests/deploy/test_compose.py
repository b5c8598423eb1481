"""The files of compose are valid, run what `bearwatch up` runs, and give nobody more than they need."""

from __future__ import annotations

import os
import re
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from compose_spec import PyCompose

from bearwatch.cli import COMMANDS
from bearwatch.cli.init import environment_text
from bearwatch.local_site import SERVICES
from tests.support.services.redis_of_roles import ROLES

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "compose.yaml").read_text()
FILES = ("compose.yaml", "compose.boxes.yaml", "compose.box.yaml")
APPLICATION = ("migrate", "tracker", "detector", "detector-gpu", "controller", "jobs", "ui", "ingest", "outside")
WITH_DATABASE = {"migrate", "tracker", "controller", "jobs", "ui", "outside"}
NETWORKS = {
    "postgres": {"data"},
    "redis": {"frames", "work"},
    "migrate": {"data"},
    "tracker": {"work", "data"},
    "detector": {"work"},
    "detector-gpu": {"work"},
    "controller": {"work", "data"},
    "jobs": {"work", "data", "outward"},
    "ui": {"web", "work", "data"},
    "caddy": {"public", "web"},
    "ingest": {"frames", "cameras"},
    "outside": {"work", "data", "outward"},
}
"""Who meets whom: what is not here is not reached."""
SECRETS = {
    "POSTGRES_PASSWORD": {"postgres", *WITH_DATABASE},
    "BEARWATCH_SECRET_KEY": WITH_DATABASE,
    "BEARWATCH_SECRET_KEY_BEFORE": WITH_DATABASE,
    "BEARWATCH_ADMIN_PASSWORD": {"migrate"},
    "BEARWATCH_METRICS_TOKEN": {"ui"},
    **{f"REDIS_PASSWORD_{role.upper()}": {"redis", role} for role in ROLES},
}
SECRETS["REDIS_PASSWORD_DETECTOR"] |= {"detector-gpu"}


@pytest.fixture(scope="module")
def whole() -> dict[str, Any]:
    """The file with its anchors resolved."""
    found: dict[str, Any] = yaml.safe_load(TEXT)
    return found


@pytest.fixture(scope="module")
def services(whole: dict[str, Any]) -> dict[str, Any]:
    """Its services."""
    found: dict[str, Any] = whole["services"]
    return found


@pytest.mark.parametrize("name", FILES)
def test_it_follows_the_compose_specification(name: str) -> None:
    tree = yaml.safe_load(filled_in((ROOT / name).read_text()))
    PyCompose.from_yaml(yaml.safe_dump({k: v for k, v in tree.items() if not k.startswith("x-")})).validate()


def test_the_check_of_the_specification_can_fail() -> None:
    with pytest.raises(Exception, match=r"servcies|unknown|invalid|services"):
        PyCompose.from_yaml("servcies: {a: {image: b}}").validate()


def test_it_runs_the_same_processes_as_one_machine_does(services: dict[str, Any]) -> None:
    started = {services[name]["command"][0] for name in APPLICATION}
    assert started <= set(COMMANDS)
    assert started - {"migrate"} == set(SERVICES)
    assert all(services[name]["restart"] == "unless-stopped" for name in services if name != "migrate")


def test_nobody_meets_whom_they_do_not_need(whole: dict[str, Any], services: dict[str, Any]) -> None:
    assert {name: set(service["networks"]) for name, service in services.items()} == NETWORKS
    internal = {name for name, network in whole["networks"].items() if network and network.get("internal")}
    assert internal == {"frames", "work", "data", "web"}
    assert {name for name, nets in NETWORKS.items() if "web" in nets} == {"ui", "caddy"}  # whom the page believes
    assert (
        services["ui"]["environment"]["BEARWATCH_TRUSTED_PROXIES"]
        == whole["networks"]["web"]["ipam"]["config"][0]["subnet"]
    )


def test_every_secret_is_given_to_those_who_use_it_and_to_nobody_else(services: dict[str, Any]) -> None:
    given = {
        secret: {name for name, service in services.items() if _names(service.get("environment", {})) & {secret}}
        for secret in SECRETS
    }
    assert given == SECRETS
    files = {name: service.get("env_file", []) for name, service in services.items()}
    assert {file["path"] for each in files.values() for file in each} == {"site.env"}
    assert all(not files[name] for name in ("postgres", "redis", "caddy"))


def test_who_writes_the_record_reaches_the_database_and_nobody_else_does(services: dict[str, Any]) -> None:
    addressed = {name for name in APPLICATION if "DATABASE_URL" in services[name]["environment"]}
    assert addressed == WITH_DATABASE == {name for name in NETWORKS if "data" in NETWORKS[name]} - {"postgres"}
    assert "postgres" not in services["ingest"]["depends_on"]
    assert services["ingest"]["volumes"] == [services["tracker"]["volumes"][0]]


def test_every_process_is_its_own_user_in_redis(services: dict[str, Any]) -> None:
    for name in set(APPLICATION) - {"migrate"}:
        role = services[name]["command"][0]
        assert services[name]["environment"]["REDIS_URL"].startswith(f"redis://{role}:${{REDIS_PASSWORD_{role.upper()}")
    users = re.findall(r"^user (\w+) on >\$(\w+)", (ROOT / "deploy/redis/users.acl").read_text(), re.MULTILINE)
    assert users == [(role, f"REDIS_PASSWORD_{role.upper()}") for role in ROLES]
    assert set(services["redis"]["environment"]) == {secret for _, secret in users}


@pytest.mark.parametrize("file", ["compose.yaml", "compose.box.yaml"])
def test_every_container_is_bound(file: str) -> None:
    for name, service in yaml.safe_load((ROOT / file).read_text())["services"].items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert all(service[bound] for bound in ("mem_limit", "pids_limit")), name
        assert service["logging"]["options"]["max-size"] == "10m", name
        assert not service.get("privileged"), name
        if name not in ("postgres", "caddy"):
            assert "cap_add" not in service, name


def test_every_variable_is_in_the_environment_that_init_writes(services: dict[str, Any]) -> None:
    text = environment_text()
    offered = set(re.findall(r"^#? ?([A-Z_]+)=", text, re.MULTILINE))
    used = {name for file in FILES for name in _names(re.sub("#.*", "", (ROOT / file).read_text()))}
    assert used - offered == {"WEB_SUBNET", "BOXES_PORT", "BEARWATCH_SECRET_KEY_BEFORE"}
    assert offered <= used
    fresh = re.findall(r"=([0-9a-f]{40})$", text, re.MULTILINE)
    assert len(fresh) == len(set(fresh)) == len(re.findall("@fresh@", (ROOT / "bearwatch/example.env").read_text()))


def test_there_is_no_default_password() -> None:
    optional = {"BEARWATCH_METRICS_TOKEN", "BEARWATCH_SECRET_KEY_BEFORE", "BEARWATCH_ADMIN_PASSWORD"}
    for name in set(SECRETS) - optional:
        assert set(re.findall(rf"\${{{name}([^A-Z_][^}}]*)}}", TEXT)) == {f":?write {name} into .env"}, name
    for name in optional:
        assert set(re.findall(rf"\${{{name}([^A-Z_][^}}]*)}}", TEXT)) == {"-"}, name


def test_only_the_proxy_is_published_and_with_boxes_redis_with_tls(services: dict[str, Any]) -> None:
    assert {name: service["ports"] for name, service in services.items() if "ports" in service} == {
        "caddy": ["${HTTP_PORT:-80}:80", "${HTTPS_PORT:-443}:443"]
    }
    boxes = yaml.safe_load((ROOT / "compose.boxes.yaml").read_text())["services"]
    assert {name: service["ports"] for name, service in boxes.items()} == {"redis": ["${BOXES_PORT:-6380}:6380"]}
    assert boxes["redis"]["environment"]["REDIS_TLS"] == "/tls"


def test_cookies_are_secure_and_messages_name_the_address_that_the_proxy_serves(services: dict[str, Any]) -> None:
    page = services["ui"]["environment"]
    assert page["BEARWATCH_SECURE_COOKIES"] == "true"
    address = services["caddy"]["environment"]["SITE_ADDRESS"]
    assert (
        page["BEARWATCH_PUBLIC_URL"] == services["jobs"]["environment"]["BEARWATCH_PUBLIC_URL"] == f"https://{address}"
    )
    proxy = (ROOT / "deploy/caddy/Caddyfile").read_text()
    for line in ("{$SITE_ADDRESS:localhost} {", "reverse_proxy ui:8000 {", "header_up X-Forwarded-For {remote_host}"):
        assert line in proxy
    assert proxy.count("{") == proxy.count("}")


def test_what_passes_through_redis_lies_on_no_disk(services: dict[str, Any]) -> None:
    assert services["redis"]["volumes"] == ["./deploy/redis:/etc/bearwatch:ro"]
    assert "/data" in services["redis"]["tmpfs"]


def test_the_image_has_the_driver_of_the_database_and_all_that_the_processes_import(services: dict[str, Any]) -> None:
    locked = (ROOT / f"requirements/{services['jobs']['build']['args']['SET']}.txt").read_text()
    driver = services["jobs"]["environment"]["DATABASE_URL"].partition("://")[0].partition("+")[2]
    for package in (driver, "sqlalchemy", "av", "onnxruntime", "fastapi", "rq"):
        assert f"\n{package}==" in f"\n{locked}"


def test_a_new_container_reports_as_the_same_machine_as_the_old_one(services: dict[str, Any]) -> None:
    names = {each: services[each]["environment"].get("BEARWATCH_MACHINE") for each in APPLICATION}
    reporting = ("detector", "detector-gpu", "jobs", "ingest")
    assert [names[each] for each in reporting] == list(reporting)


def test_a_missing_configuration_is_no_new_folder() -> None:
    for name in ("compose.yaml", "compose.box.yaml"):
        for service in yaml.safe_load((ROOT / name).read_text())["services"].values():
            binds = [each for each in service.get("volumes", []) if isinstance(each, dict)]
            assert all(each["bind"] == {"create_host_path": False} for each in binds)


def test_every_service_that_stays_has_a_health_check_that_starts_no_python(services: dict[str, Any]) -> None:
    for name, service in services.items():
        check = service["healthcheck"]
        assert (check == {"disable": True}) is (name == "migrate")
        assert not re.search("python|bearwatch [a-z]", str(check.get("test", ""))), name


@pytest.mark.parametrize("name", ["tracker", "detector", "controller", "jobs", "outside", "ingest"])
def test_a_container_is_well_while_its_own_process_gives_a_sign(
    services: dict[str, Any], tmp_path: Path, name: str
) -> None:
    sign = tmp_path / "alive"
    *words, script = services[name]["healthcheck"]["test"][1:]
    command = [*words, script.replace("$$", "$").replace("/tmp/alive", str(sign))]
    assert "/tmp/alive" in script
    assert _status(command) != 0  # it has never given one
    sign.touch()
    assert _status(command) == 0
    os.utime(sign, (time.time() - 90, time.time() - 90))
    assert _status(command) != 0


def filled_in(text: str) -> str:
    """As compose reads it: defaults where there are some, a word where one is wanted."""

    def value(found: re.Match[str]) -> str:
        default = re.match(r":?-(.*)", found[2])
        return default[1] if default else "secret"

    return re.sub(r"\$\{([A-Z_]+)([^}]*)\}", value, text).replace("$$", "$")


def _status(command: list[str]) -> int:
    return subprocess.run(command, capture_output=True, check=False).returncode


def _names(found: Any) -> set[str]:
    """Variables that a text or a mapping asks the environment for."""
    return set(re.findall(r"\$\{([A-Z_]+)", str(found)))
