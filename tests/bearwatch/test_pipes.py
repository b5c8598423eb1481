"""A reader that leaves early, as `| head` does, ends a command without a word: with the status of a broken pipe."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from bearwatch.cli import COMMANDS
from bearwatch.terminal import CLOSED_EARLY
from db.session import Database

ROOT = Path(__file__).parents[2]
PLACES = (
    "regions: {r: {timezone: UTC}}\ncampsites: {upper-pines: {region: r}}\n"
    "cameras: {creek: {campsite: upper-pines, url: nowhere.mp4}}\n"
)
EVERY_HELP = """
import json, os, sys
from importlib import import_module
from bearwatch.cli import COMMANDS, main, module_of
ended = {}
for name in COMMANDS:
    import_module(module_of(name))
for name in COMMANDS:
    child = os.fork()
    if child == 0:
        os._exit(main([name, "--help"]))
    ended[name] = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
print(json.dumps(ended), file=sys.stderr)
"""


def _environment() -> dict[str, str]:
    """Ours, with Python's usual buffering: without it argparse itself swallows what happens to a help text."""
    return {key: value for key, value in os.environ.items() if key != "PYTHONUNBUFFERED"}


def _into_a_closed_pipe(*words: str, **environment: str) -> tuple[int, str]:
    """Run a command whose reader has left already; its exit status and what it said on standard error."""
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "bearwatch", *words]
    env = {**_environment(), **environment}
    try:
        done = subprocess.run(
            command, cwd=ROOT, env=env, stdout=writing, stderr=subprocess.PIPE, text=True, check=False
        )
    finally:
        os.close(writing)
    return done.returncode, done.stderr


def test_the_help_of_every_command_may_be_cut_off() -> None:
    """One process for each command, forked from one that has imported them all: starting anew would take a minute, and
    taking everything down in order as long again."""
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [sys.executable, "-c", EVERY_HELP],
        cwd=ROOT, env=_environment(), stdout=writing, stderr=subprocess.PIPE, text=True, check=False,
    )  # fmt: skip
    os.close(writing)
    assert json.loads(done.stderr) == dict.fromkeys(COMMANDS, CLOSED_EARLY)


def test_the_overview_and_the_version_may_be_cut_off() -> None:
    assert _into_a_closed_pipe("--help") == (CLOSED_EARLY, "")
    assert _into_a_closed_pipe("--version") == (CLOSED_EARLY, "")


@pytest.mark.parametrize(
    "words",
    [
        ("user", "add", "night-ranger"),
        ("rollout", "status"),
        ("report", "daily", "--json"),
        ("check", "--timeout", "1"),
        ("simulate", "--scenarios", "list"),
        ("simulate", "--scenarios", "good", "--policies", "default", "--seasons", "1"),
    ],
    ids=" ".join,
)
def test_what_a_command_says_may_be_cut_off(sqlite_database: Database, tmp_path: Path, words: tuple[str, ...]) -> None:
    file = tmp_path / "bearwatch.yaml"
    file.write_text(PLACES)
    where = {"BEARWATCH_DATA": str(tmp_path), "BEARWATCH_CONFIG": str(file), "REDIS_URL": "redis://127.0.0.1:9"}
    status, said = _into_a_closed_pipe(*words, **where)
    assert (status, "Traceback" in said, "Broken pipe" in said) == (CLOSED_EARLY, False, False), said


def test_a_reader_that_takes_one_line_gets_it() -> None:
    line = f"set -o pipefail; {sys.executable} -m bearwatch --help | head -n 1"
    done = subprocess.run(["bash", "-c", line], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("usage: bearwatch COMMAND [options]\n", "")
    assert done.returncode in (0, CLOSED_EARLY)  # a short help may be taken whole before head leaves
