"""Every command knows which site it is about, and none makes a new database because it stands in the wrong folder."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import redirect_stdout
from importlib import import_module
from io import StringIO
from itertools import product
from pathlib import Path

import pytest

from bearwatch.cli import COMMANDS, main, module_of
from bearwatch.cli.models import ARGUMENTS
from bearwatch.site_options import add_site_options
from db.existing import NoDatabase, open_existing
from db.migrate import upgrade
from db.session import Database
from tests.support.services.servers import create_database, drop_database

ROOT = Path(__file__).parents[2]
SITELESS = {"demo", "init", "replay", "simulate", "evaluate", "train", "export", "camera-sim", "sort"}
"""They work on no site: `demo` makes one of its own, `replay` takes a configuration only if it is given one."""
MAKERS = {"up", "migrate", "restore"}
"""They may make a new database; so may `demo`, in its own folder."""
WITHOUT_DATABASE = {"check", "doctor", "ingest", "detector", "alive"}
PROCESSES = {"tracker", "controller", "jobs", "ui", "outside"}
WORDS = {"weather": ["weather.csv"], "user": ["night-ranger"], "labels": ["labels.csv"], "box": ["creek"],
         "backup": ["."]}  # fmt: skip
"""What else a command needs before it is understood."""
SITELESS_WAYS = {("models", "sign"), ("models", "verify")}
"""A bundle on its way between machines."""
PLACES = (
    "regions: {r: {timezone: UTC}}\ncampsites: {upper-pines: {region: r}}\n"
    "cameras: {creek: {campsite: upper-pines, url: a.mp4}}\n"
)


def _parser(name: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=name)
    import_module(module_of(name)).add_arguments(parser)
    return parser


def _ways(name: str) -> Iterator[list[str]]:
    """Every action of a command, as words."""
    positional = [action for action in _parser(name)._actions if not action.option_strings and action.choices]
    for chosen in product(*(map(str, action.choices or ()) for action in positional)):
        if (name, *chosen) in SITELESS_WAYS:
            continue
        yield [name, *chosen, *WORDS.get(name, []), *["12345678"] * (name == "models" and ARGUMENTS[chosen[0]])]


def _run(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    ours = ("DATABASE_URL", "REDIS_URL", "BEARWATCH_")
    env = {key: value for key, value in os.environ.items() if not key.startswith(ours)} | {"PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [sys.executable, "-m", "bearwatch", *words], cwd=folder, env=env, capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a configuration, but without a site's database; the environment names none."""
    for name in ("DATABASE_URL", "BEARWATCH_DATA", "BEARWATCH_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bearwatch.yaml").write_text(PLACES)
    (tmp_path / "weather.csv").write_text("at,campsite,sky\n2027-01-15T02:30+00:00,upper-pines,clear\n")
    return tmp_path


@pytest.mark.parametrize("name", sorted(set(COMMANDS) - SITELESS))
def test_every_command_of_a_site_takes_the_same_two_options(name: str) -> None:
    shared = argparse.ArgumentParser(add_help=False)
    add_site_options(shared)
    taken = {tuple(action.option_strings): (action.default, action.help) for action in _parser(name)._actions}
    for action in shared._actions:
        assert taken.get(tuple(action.option_strings)) == (action.default, action.help)


def test_no_command_is_forgotten_here() -> None:
    assert set(COMMANDS) >= SITELESS | MAKERS | WITHOUT_DATABASE | PROCESSES


@pytest.mark.parametrize("name", sorted(set(COMMANDS) - SITELESS - MAKERS - WITHOUT_DATABASE - PROCESSES))
def test_a_command_in_another_folder_makes_no_database_and_names_the_one_it_looked_for(
    elsewhere: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = sorted(elsewhere.rglob("*"))
    for words in _ways(name):
        status = main(words)
        said = capsys.readouterr()
        assert (status, said.out) == (2, ""), words
        assert said.err.startswith(f"There is no database at {elsewhere / 'var' / 'bearwatch.sqlite3'}: name"), words
        assert "--data" in said.err, words
        assert "`bearwatch up`" in said.err, words
        assert "assword" not in said.err, words
    assert sorted(elsewhere.rglob("*")) == before


@pytest.mark.parametrize("name", sorted(PROCESSES))
def test_a_process_in_another_folder_makes_no_database_either(elsewhere: Path, name: str) -> None:
    before = sorted(elsewhere.rglob("*"))
    done = _run(elsewhere, name, "--data", "lost")
    assert (done.returncode, done.stdout) == (2, "")
    assert f"There is no database at {elsewhere / 'lost' / 'bearwatch.sqlite3'}: name" in done.stderr
    assert "Traceback" not in done.stderr
    assert sorted(elsewhere.rglob("*")) == before


def test_migrate_makes_a_site_that_other_commands_find_from_anywhere(elsewhere: Path, tmp_path: Path) -> None:
    site = ["--config", str(elsewhere / "bearwatch.yaml"), "--data", str(elsewhere / "site")]
    away = tmp_path / "away"
    away.mkdir()
    made = _run(away, "migrate", *site)
    assert (made.returncode, "First account: 'ranger'" in made.stdout) == (0, True), made.stderr
    assert (elsewhere / "site" / "bearwatch.sqlite3").is_file()
    added = _run(away, "user", "add", "night-ranger", "--json", *site)
    assert json.loads(added.stdout)["name"] == "night-ranger", added.stderr
    listed = StringIO()
    with redirect_stdout(listed):
        assert main(["user", "list", "--json", *site]) == 0
    assert {each["name"] for each in json.loads(listed.getvalue())["users"]} == {"ranger", "night-ranger"}
    assert list(away.iterdir()) == []


def test_a_database_that_was_never_migrated_is_not_taken_for_a_site(database_url: str) -> None:
    with pytest.raises(NoDatabase, match=r"There is no database at|is empty"):
        open_existing(database_url)
    database = Database(database_url)
    upgrade(database)
    database.close()
    open_existing(database_url).close()


def test_an_empty_file_is_not_taken_for_a_site(tmp_path: Path) -> None:
    (tmp_path / "bearwatch.sqlite3").touch()
    with pytest.raises(NoDatabase, match=r"bearwatch\.sqlite3 is empty"):
        open_existing(f"sqlite:///{tmp_path / 'bearwatch.sqlite3'}")


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("a bear was here\n" * 100)
    with pytest.raises(NoDatabase, match=r"notes\.txt cannot be opened \(file is not a database\)"):
        open_existing(f"sqlite:///{tmp_path / 'notes.txt'}")


def test_a_server_without_that_database_is_named_without_its_password(postgresql_address: str) -> None:
    address = postgresql_address.format(name="nosuch").replace("postgres@", "postgres:s3cret@")
    with pytest.raises(NoDatabase, match="nosuch") as refused:
        open_existing(address)
    assert "s3cret" not in str(refused.value)


def test_whoever_waits_for_a_database_is_not_turned_away_while_it_is_away(postgresql_address: str) -> None:
    """Jobs and the caller of the service elsewhere go on without it: to say so is what they are for."""
    address = postgresql_address.format(name="away")
    database = open_existing(address, patient=True)
    create_database(postgresql_address, "away")
    try:
        upgrade(database)
        open_existing(address, patient=True).close()
    finally:
        database.close()
        drop_database(postgresql_address, "away")
