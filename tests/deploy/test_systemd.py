"""The units of systemd are understood, hardened, and start commands that there are."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from bearwatch.cli import COMMANDS
from bearwatch.local_site import SERVICES

UNITS = Path(__file__).parents[2] / "deploy" / "systemd"
SERVICE_FILES = sorted(UNITS.glob("*.service"))
HARDENED = {
    "NoNewPrivileges=yes", "CapabilityBoundingSet=", "ProtectSystem=strict", "ProtectHome=yes", "PrivateTmp=yes",
    "PrivateDevices=yes", "ProtectKernelTunables=yes", "ProtectKernelModules=yes", "ProtectControlGroups=yes",
    "RestrictNamespaces=yes", "LockPersonality=yes", "SystemCallFilter=@system-service", "UMask=0077",
}  # fmt: skip
ANALYZE = shutil.which("systemd-analyze")
MOST_EXPOSED = 2.5
"""What `systemd-analyze security` may say of a unit that stays: 10 is a service as it comes."""


@pytest.mark.parametrize("unit", SERVICE_FILES, ids=lambda path: path.name)
def test_a_unit_is_hardened_and_starts_a_command_that_there_is(unit: Path) -> None:
    lines = set(unit.read_text().splitlines())
    assert lines >= HARDENED
    words = next(line for line in lines if line.startswith("ExecStart=")).split()
    assert words[0] == "ExecStart=/opt/bearwatch/.venv/bin/bearwatch"
    assert words[1] in COMMANDS or words[1] == "%i"
    assert not any("PASSWORD" in line or "SECRET" in line for line in lines)


def test_a_frozen_process_is_ended_and_one_that_gives_no_sign_by_design_is_not() -> None:
    one = (UNITS / "bearwatch@.service").read_text()
    assert ("WatchdogSec=120" in one, "NotifyAccess=main" in one, "Restart=always" in one) == (True, True, True)
    assert "WatchdogSec" not in (UNITS / "bearwatch.service").read_text()  # its processes give signs, not itself
    dropped_in = {path.parent.name.removeprefix("bearwatch@").partition(".")[0] for path in UNITS.glob("*.d/*.conf")}
    assert dropped_in == {"ui", "detector"}
    assert dropped_in <= set(SERVICES)
    assert "WatchdogSec=0" in (UNITS / "bearwatch@ui.service.d/page.conf").read_text()


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """The units where an operator would put them, with a program where they look for it."""
    program = tmp_path / "bearwatch"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    for path in UNITS.rglob("*"):
        place = tmp_path / "units" / path.relative_to(UNITS)
        if path.is_dir():
            place.mkdir(parents=True)
            continue
        place.parent.mkdir(parents=True, exist_ok=True)
        text = path.read_text().replace("/opt/bearwatch/.venv/bin/bearwatch", str(program))
        place.write_text(text.replace("file:/opt/bearwatch", f"file:{tmp_path}"))
    for service in SERVICES:
        (tmp_path / "units" / f"bearwatch@{service}.service").symlink_to("bearwatch@.service")
    return tmp_path / "units"


@pytest.mark.skipif(ANALYZE is None, reason="systemd-analyze is not here")
def test_systemd_understands_every_line(installed: Path) -> None:
    names = [
        str(path) for path in sorted(installed.glob("*.*")) if path.is_file() and path.name != "bearwatch@.service"
    ]
    done = subprocess.run([ANALYZE or "", "verify", "--man=no", *names], capture_output=True, text=True, check=False)
    ours = [line for line in done.stderr.splitlines() if "bearwatch" in line]
    assert ours == []
    assert len(names) == 4 + len(SERVICES)


@pytest.mark.skipif(ANALYZE is None, reason="systemd-analyze is not here")
def test_the_check_of_systemd_can_fail(tmp_path: Path) -> None:
    unit = tmp_path / "bearwatch-wrong.service"
    unit.write_text("[Service]\nExecStart=/nowhere/bearwatch\nProtectSytem=strict\n")
    done = subprocess.run([ANALYZE or "", "verify", "--man=no", unit], capture_output=True, text=True, check=False)
    assert "ProtectSytem" in done.stderr


@pytest.mark.skipif(ANALYZE is None, reason="systemd-analyze is not here")
@pytest.mark.parametrize("name", ["bearwatch.service", "bearwatch@ui.service", "bearwatch-box.service"])
def test_little_is_open_to_a_process_that_was_taken_over(installed: Path, name: str) -> None:
    done = subprocess.run(
        [ANALYZE or "", "security", "--offline=yes", "--no-pager", str(installed / name)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    level = re.search(r"Overall exposure level for .*: ([0-9.]+)", done.stdout)
    assert level is not None, done.stderr
    assert float(level[1]) <= MOST_EXPOSED, done.stdout
