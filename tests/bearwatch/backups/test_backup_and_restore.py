"""A site with a record, pictures, a model and keys is backed up while it runs, and stands elsewhere as it was."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import sqlite3
import tarfile
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from bearwatch.cli import main
from core.clock import now_s
from core.redis_client import connect
from core.secret_box import SecretBox, install
from core.settings import settings
from core.telemetry import Telemetry
from db.ledger import record
from db.ledger_anchors import drop_anchor
from db.migrate import upgrade
from db.models import Delivery, User
from db.session import Database
from rollout.alerting.alerts import page
from tests.support.november_2026 import restore as restore_november
from tests.support.services.servers import create_database, drop_database

HOOK = "hmac+https://hooks.example/bears?key=S3cret-Of-The-Hook"
PLACES = (
    "regions: {r: {timezone: UTC}}\ncampsites: {upper-pines: {region: r}}\nrollout: {file: plans/rollout.yaml}\n"
    "cameras: {creek: {campsite: upper-pines, url: clips/a.mp4}, far: {campsite: upper-pines, url: '../b.mp4'}}\n"
)


@dataclass
class Place:
    """A data folder and a configuration."""

    root: Path

    @property
    def data(self) -> Path:
        return self.root / "var"

    @property
    def config(self) -> Path:
        return self.root / "bearwatch.yaml"

    @property
    def words(self) -> list[str]:
        return ["--data", str(self.data), "--config", str(self.config)]

    def tables(self) -> list[str]:
        with closing(sqlite3.connect(self.data / "bearwatch.sqlite3")) as file:
            return list(file.iterdump())

    def files(self) -> dict[str, str]:
        """Every file but the database's, with its digest."""
        found = (path for path in self.root.rglob("*") if path.is_file() and ".sqlite3" not in path.name)
        return {str(path.relative_to(self.root)): hashlib.sha256(path.read_bytes()).hexdigest() for path in found}


@pytest.fixture(scope="module")
def november_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The database of a site with weeks of record, brought to today's schema."""
    file = tmp_path_factory.mktemp("november") / "bearwatch.sqlite3"
    restore_november(f"sqlite:///{file}")
    database = Database(f"sqlite:///{file}")
    upgrade(database)
    with database.write() as session:  # the key of that site's second factors is not kept with it
        session.execute(update(User).values(totp_sealed=None))
    database.close()
    return file


@pytest.fixture
def site(tmp_path: Path, november_file: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    """Everything that a site has: also a secret that only its key opens."""
    here = Place(tmp_path / "here")
    monkeypatch.setenv("REDIS_URL", f"unix://{tmp_path / 'no-redis.sock'}")
    monkeypatch.delenv("DATABASE_URL", raising=False)
    for name, content in {
        "var/media/2026-11-02/creek/00112233445566778899aabbccddeeff.jpg": b"\xff\xd8 a bear",
        "var/bundles/campsite-1/weights.safetensors": b"weights" * 1000,
        "var/reports/2026-11-02.json": b"{}",
        "var/boxes.json": b"[]",
        "var/run/redis.log": b"of this moment",
        "var/reserve.space": b"\0" * 1000,
        "plans/rollout.yaml": b"stages: []\n",
        "clips/a.mp4": b"footage",
    }.items():
        file = here.root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    here.config.write_text(PLACES)
    shutil.copy(november_file, here.data / "bearwatch.sqlite3")
    _seal_an_address(here.data)
    return here


def _seal_an_address(data: Path) -> None:
    install(SecretBox(None, data / "secret.key"))
    database = Database(f"sqlite:///{data / 'bearwatch.sqlite3'}")
    with database.write() as session:
        page(session, key="test", title="t", body="b", targets=[HOOK], now=1.8e9)
        record(session, at=1.8e9, kind="test", subject="s", actor="a")
    with database.read() as session:
        drop_anchor(session, data / "ledger.anchors", 1.8e9)
    database.close()
    install(None)


@pytest.fixture
def there(tmp_path: Path) -> Place:
    """Where there is nothing yet."""
    return Place(tmp_path / "there")


def _json(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def _backup(place: Place, to: Path, capsys: pytest.CaptureFixture[str], *more: str) -> tuple[Path, dict[str, Any]]:
    capsys.readouterr()
    assert main(["backup", str(to), *place.words, "--json", *more]) in (0, 1)
    told = _json(capsys)
    return Path(told["file"]), told


def test_a_site_stands_in_an_empty_place_as_it_was(
    site: Place, there: Place, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = site.tables()
    archive, told = _backup(site, tmp_path, capsys)
    assert told["sha256"] == hashlib.sha256(archive.read_bytes()).hexdigest()
    assert archive.stat().st_mode & 0o777 == 0o600
    assert main(["restore", str(archive), *there.words, "--json"]) == 0
    done = _json(capsys)
    assert (done["problems"], done["lost_secrets"], done["set_aside"]) == ([], 0, None)
    assert there.tables() == before == site.tables()
    momentary = {"var/run/redis.log", "var/reserve.space"}
    assert there.files() == {name: digest for name, digest in site.files().items() if name not in momentary}
    assert all(path.stat().st_mode & 0o077 == 0 for path in there.data.rglob("*"))
    assert main(["ledger", "verify", "--anchors", str(there.data / "ledger.anchors"), *there.words]) == 0
    assert "unbroken" in capsys.readouterr().out
    database = Database(f"sqlite:///{there.data / 'bearwatch.sqlite3'}")
    with database.read() as session:
        assert HOOK in session.scalars(select(Delivery.target)).all()
    database.close()


def test_what_is_not_in_the_archive_is_named(site: Place, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "b.mp4").write_bytes(b"beside the site")
    (site.data / "elsewhere").symlink_to(tmp_path)
    assert main(["backup", str(tmp_path / "site.tar"), *site.words]) == 1
    said = capsys.readouterr().out
    assert "Not in it: data/elsewhere, which is a link, or no file." in said
    assert "Not in it: ../b.mp4, which the configuration names, and which lies outside" in said


def test_writers_go_on_while_the_database_is_copied(
    site: Place, there: Place, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    writer = Database(f"sqlite:///{site.data / 'bearwatch.sqlite3'}")
    with writer.write() as session:
        record(session, at=1.8e9, kind="test", subject="in time", actor="a")
    archive, _ = _backup(site, tmp_path, capsys)  # what was committed lies in the write-ahead log still
    with writer.write() as session:
        record(session, at=1.8e9, kind="test", subject="too late", actor="a")
    writer.close()
    assert main(["restore", str(archive), *there.words]) == 0
    dump = "\n".join(there.tables())
    assert ("in time" in dump, "too late" in dump) == (True, False)


def test_a_place_that_is_not_empty_is_left_alone_until_somebody_says_otherwise(
    site: Place, there: Place, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    archive, _ = _backup(site, tmp_path, capsys)
    there.data.mkdir(parents=True)
    (there.data / "bearwatch.sqlite3").write_text("another site's")
    there.config.write_text("another's")
    assert main(["restore", str(archive), *there.words]) == 2
    assert "is not empty (bearwatch.sqlite3)" in capsys.readouterr().err
    assert sorted(there.files()) == ["bearwatch.yaml"]
    assert main(["restore", str(archive), *there.words, "--replace", "--json"]) == 0
    aside = Path(_json(capsys)["set_aside"])
    assert (aside / "bearwatch.sqlite3").read_text() == "another site's"
    assert (aside / "bearwatch.yaml").read_text() == "another's"
    assert there.tables() == site.tables()
    _, told = _backup(there, tmp_path / "again.tar", capsys)
    assert not any("before-restore" in file["name"] for file in told["files"])


def test_a_configuration_that_is_mounted_stays_where_it_is(
    site: Place, there: Place, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    archive, _ = _backup(site, tmp_path, capsys)
    there.root.mkdir()
    there.config.write_text("mounted")
    assert main(["restore", str(archive), *there.words]) == 2
    assert "--keep-config leaves it as it is" in capsys.readouterr().err
    assert main(["restore", str(archive), *there.words, "--keep-config"]) == 0
    assert there.config.read_text() == "mounted"


def test_an_archive_without_keys_opens_nothing_and_says_so_when_it_is_back(
    site: Place, there: Place, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    archive, told = _backup(site, tmp_path, capsys, "--without-keys")
    assert {name for name, _ in told["left_out"]} >= {"data/secret.key", "data/boxes.json"}
    key = (site.data / "secret.key").read_bytes().strip()
    assert key not in archive.read_bytes()
    assert main(["restore", str(archive), *there.words]) == 1
    assert "1 secrets were sealed with a key that is not here" in capsys.readouterr().err
    shutil.copy(site.data / "secret.key", there.data)
    assert main(["secrets", "rotate", *there.words, "--json"]) == 0
    assert _json(capsys)["lost"] == 0


def _rewritten(archive: Path, change: dict[str, bytes | None], target: Path) -> Path:
    """The archive with other members: new content, or none where it is left out."""
    with tarfile.open(archive) as old, tarfile.open(target, "w") as new:
        for member in old.getmembers():
            content = change.get(member.name, old.extractfile(member).read())  # type: ignore[union-attr]
            if content is not None:
                member.size = len(content)
                new.addfile(member, io.BytesIO(content))
    return target


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"data/boxes.json": b"[1]"}, "data/boxes.json is not what it was"),
        ({"data/boxes.json": None}, "data/boxes.json is missing"),
        ({"manifest.json": None}, "broken off"),
        ({"manifest.json": b"{}"}, "manifest cannot be read"),
        ({"database/bearwatch.sqlite3": b"no database"}, "bearwatch.sqlite3 is not what it was"),
    ],
)
def test_a_damaged_archive_is_found_out_before_anything_is_put_anywhere(
    site: Place, there: Place, tmp_path: Path, capsys: pytest.CaptureFixture[str], change: dict[str, bytes | None],
    said: str,
) -> None:  # fmt: skip
    archive, _ = _backup(site, tmp_path, capsys)
    broken = _rewritten(archive, change, tmp_path / "broken.tar")
    for words in (["restore", str(broken), "--check"], ["restore", str(broken), *there.words]):
        assert main(words) == 2
        assert said in capsys.readouterr().err
    assert there.files() == {}
    assert main(["restore", str(archive), "--check"]) == 0


def test_an_archive_that_ends_half_way_or_is_none_is_refused(
    site: Place, there: Place, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    archive, _ = _backup(site, tmp_path, capsys)
    for number, content in enumerate((archive.read_bytes()[: archive.stat().st_size // 2], b"", b"no archive" * 500)):
        broken = tmp_path / f"broken{number}.tar"
        broken.write_bytes(content)
        assert main(["restore", str(broken), *there.words]) == 2
        assert capsys.readouterr().err
    assert there.files() == {}


@pytest.mark.parametrize("name", ["../outside", "data/../../outside", "/etc/outside", "elsewhere/x", "data//x"])
def test_an_archive_reaches_nothing_outside_its_place(
    there: Place, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    there.root.mkdir()
    with tarfile.open(tmp_path / "hostile.tar", "w") as archive:
        info = tarfile.TarInfo(name)
        info.size = 1
        archive.addfile(info, io.BytesIO(b"x"))
    assert main(["restore", str(tmp_path / "hostile.tar"), *there.words]) == 2
    assert "which is no file of a site" in capsys.readouterr().err
    assert not list(tmp_path.rglob("outside"))


def test_a_link_in_an_archive_is_refused(there: Place, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with tarfile.open(tmp_path / "hostile.tar", "w") as archive:
        info = tarfile.TarInfo("data/media")
        info.type, info.linkname = tarfile.SYMTYPE, str(tmp_path)
        archive.addfile(info)
    assert main(["restore", str(tmp_path / "hostile.tar"), *there.words]) == 2
    assert "which is no file of a site" in capsys.readouterr().err


def test_a_broken_ledger_is_backed_up_and_named_and_takes_no_older_archives_place(
    site: Place, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "archives"
    folder.mkdir()
    old = folder / "bearwatch-20260101T000000Z.tar"
    old.touch()
    with closing(sqlite3.connect(site.data / "bearwatch.sqlite3")) as file:
        file.execute("UPDATE ledger SET actor = 'nobody' WHERE seq = 2")
        file.commit()
    assert main(["backup", str(folder), *site.words, "--keep", "1"]) == 1
    assert "THE LEDGER IS BROKEN: entry 2 was changed" in capsys.readouterr().out
    assert old.exists()


def test_only_the_newest_archives_are_kept_and_nothing_else_is_touched(
    site: Place, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "archives"
    folder.mkdir()
    for name in ("bearwatch-20260101T000000Z.tar", "bearwatch-20260102T000000Z.tar", "notes.tar"):
        (folder / name).touch()
    archive, told = _backup(site, folder, capsys, "--keep", "2")
    assert told["removed"] == ["bearwatch-20260101T000000Z.tar"]
    left = sorted(path.name for path in folder.iterdir())
    assert left == [
        "bearwatch-20260102T000000Z.tar",
        archive.name,
        "notes.tar",
    ]


def test_a_running_site_is_not_restored_over(
    site: Place, there: Place, tmp_path: Path, redis_url: str, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    archive, _ = _backup(site, tmp_path, capsys)
    monkeypatch.setenv("REDIS_URL", redis_url)
    settings.cache_clear()
    Telemetry(connect(redis_url)).beat("jobs", now_s(), {})
    assert main(["restore", str(archive), *there.words, "--replace"]) == 2
    assert "This site runs (jobs" in capsys.readouterr().err
    assert there.files() == {}


def test_a_site_goes_from_sqlite_to_postgresql_and_back_with_every_row(
    site: Place, there: Place, postgresql_address: str, tmp_path: Path, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    archive, told = _backup(site, tmp_path, capsys)
    monkeypatch.setenv("DATABASE_URL", create_database(postgresql_address, "backup"))
    settings.cache_clear()
    assert main(["restore", str(archive), *there.words, "--json"]) == 0
    assert _json(capsys)["lost_secrets"] == 0
    assert not (there.data / "bearwatch.sqlite3").exists()
    assert main(["restore", str(archive), *there.words, "--replace"]) == 2
    assert "holds a site already" in capsys.readouterr().err
    again, second = _backup(there, tmp_path / "second.tar", capsys)
    assert second["database"] == "postgresql"
    assert {key: second[key] for key in ("rows", "revision", "ledger_head")} == {
        key: told[key] for key in ("rows", "revision", "ledger_head")
    }
    database = Database(settings().database)
    with database.write() as session:  # numbers go on behind the last that was there
        page(session, key="new", title="t", body="b", targets=[HOOK], now=now_s())
    database.close()
    monkeypatch.delenv("DATABASE_URL")
    settings.cache_clear()
    third = Place(tmp_path / "third")
    assert main(["restore", str(again), *third.words]) == 0
    rows = [line for line in site.tables() if line.startswith("INSERT")]
    assert sorted(line for line in third.tables() if line.startswith("INSERT")) == sorted(rows)
    drop_database(postgresql_address, "backup")
