"""What is installed stands in one place, pinned with hashes; which Python runs it is said in a sentence."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
GROUPS: dict[str, list[str | dict[str, str]]] = PROJECT["dependency-groups"]
SETS = sorted(path.stem for path in (ROOT / "requirements").glob("*.txt"))
CHECK = ROOT / "scripts" / "check-python"


def _named(group: str) -> list[Requirement]:
    found: list[Requirement] = []
    for entry in GROUPS[group]:
        found += [Requirement(entry)] if isinstance(entry, str) else _named(entry["include-group"])
    return found


def _locked(name: str) -> dict[str, tuple[Requirement, int]]:
    """Each requirement of a lock file with its number of hashes, by name."""
    text = (ROOT / "requirements" / f"{name}.txt").read_text().replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line and not line.lstrip().startswith("#")]
    pinned = [(Requirement(line.partition(" --hash")[0]), line.count("--hash=sha256:")) for line in lines]
    return {_plain(requirement.name): (requirement, hashes) for requirement, hashes in pinned}


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def test_there_is_a_lock_file_for_every_set_that_is_installed() -> None:
    assert set(SETS) == set(GROUPS) - {"base", "build"}
    assert [path.name for path in (ROOT / "requirements").iterdir() if path.suffix != ".txt"] == []


@pytest.mark.parametrize("name", SETS)
def test_a_lock_file_pins_everything_with_hashes_and_names_no_index(name: str) -> None:
    locked = _locked(name)
    assert [each for each, (requirement, _) in locked.items() if not str(requirement.specifier).startswith("==")] == []
    assert [each for each, (_, hashes) in locked.items() if not hashes] == []
    assert "://" not in (ROOT / "requirements" / f"{name}.txt").read_text()


@pytest.mark.parametrize("name", SETS)
def test_a_lock_file_holds_what_its_group_names(name: str) -> None:
    """Fails when pyproject.toml was changed, and `make lock` was not run."""
    locked, dev = _locked(name), _locked("dev")
    for wanted in _named(name):
        requirement, _ = locked[_plain(wanted.name)]
        assert wanted.specifier.contains(str(requirement.specifier).removeprefix("==")), wanted
    assert {each: str(locked[each][0].specifier) for each in locked} == {
        each: str(dev[each][0].specifier) for each in locked
    }


def _python(folder: Path, name: str, version: str, ensurepip: bool = True) -> None:
    """A Python that says which it is, as check-python asks, and can do no more."""
    script = folder / name
    minor = tuple(map(int, version.split(".")[:2]))
    script.write_text(
        '#!/bin/sh\ncase "$2" in\n'
        f"*python_version*) echo {version};;\n"
        f"*version_info*) exit {int(not (3, 11) <= minor < (3, 14))};;\n"
        f"*ensurepip*) exit {int(not ensurepip)};;\nesac\n"
    )
    script.chmod(0o755)


def _check(folder: Path, *words: str) -> tuple[int, str]:
    """What check-python says where nothing but ``folder`` is on the path."""
    bash = shutil.which("bash")
    assert bash
    done = subprocess.run(
        [bash, CHECK, *words], env={**os.environ, "PATH": str(folder)}, capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("there", "taken"),
    [
        (("python3.13", "python3.11"), "python3.11"),
        (("python3.12", "python3.13"), "python3.13"),
        (("python3",), "python3"),
    ],
)
def test_the_set_up_takes_a_python_that_is_there(tmp_path: Path, there: tuple[str, ...], taken: str) -> None:
    for name in there:
        _python(tmp_path, name, f"{name.removeprefix('python') if '.' in name else '3.12'}.1")
    assert _check(tmp_path) == (0, f"{taken}\n")


def test_a_python_that_only_seems_to_be_there_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "python3.11").write_text("#!/bin/sh\necho 'python3.11: command not found' >&2; exit 127\n")
    (tmp_path / "python3.11").chmod(0o755)
    _python(tmp_path, "python3", "3.13.0")
    assert _check(tmp_path) == (0, "python3\n")
    status, said = _check(tmp_path, "python3.11")
    assert (status, said.count("\n")) == (1, 1)
    assert said.startswith("python3.11 does not run: Bearwatch needs Python 3.11, 3.12 or 3.13.")


def test_an_old_python_is_named_with_its_version(tmp_path: Path) -> None:
    _python(tmp_path, "python3", "3.9.18")
    status, said = _check(tmp_path)
    assert status == 1
    assert said.startswith("python3 is Python 3.9.18; Bearwatch needs Python 3.11, 3.12 or 3.13. Call: make PYTHON=")


def test_no_python_at_all_is_said_with_what_to_install(tmp_path: Path) -> None:
    status, said = _check(tmp_path)
    assert (status, "apt-get install python3 python3-venv" in said) == (1, True)


def test_a_python_without_venv_is_told_its_package(tmp_path: Path) -> None:
    _python(tmp_path, "python3", "3.13.5", ensurepip=False)
    status, said = _check(tmp_path)
    assert (status, "apt-get install python3.13-venv" in said) == (1, True)


def test_the_script_and_the_project_speak_of_the_same_pythons() -> None:
    allowed = SpecifierSet(PROJECT["project"]["requires-python"])
    said = re.search(r'needs="Bearwatch needs Python ([^"]*)"', CHECK.read_text())
    assert said
    assert re.findall(r"3\.\d+", said.group(1)) == [f"3.{minor}" for minor in range(8, 30) if f"3.{minor}" in allowed]
