"""`bearwatch doctor` names what is wrong on a real machine with real servers, one line each, with what to do."""

from __future__ import annotations

import json
import shutil
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import redis

from bearwatch.cli import main
from bearwatch.doctor.finding import Finding, Patient, examine
from bearwatch.doctor.machine import kind_of
from bearwatch.doctor.reach import certificate
from bearwatch.doctor.servers import version_of
from core.clock import now_s
from core.config import Config
from core.secret_box import SecretBox
from core.settings import Settings, settings
from core.telemetry import Telemetry
from db.ledger import record
from db.models import PushKey
from db.places import sync_places
from db.session import Database
from tests.support.drawn_scenes import ground, noisy, with_animal, write_video
from tests.support.services.certificates import authority, signed_for

PLACES = (
    "regions: {r: {timezone: UTC}}\ncampsites: {upper-pines: {region: r}}\n"
    "cameras: {creek: {campsite: upper-pines, url: %s}}\n"
)


@pytest.fixture
def site(tmp_path: Path, migrated_file: Path, redis_url: str, config: Config, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in which nothing is wrong: a database, a camera that is a clip, a Redis, a free port."""
    clip = write_video(
        tmp_path / "clip.mp4", [noisy(with_animal(ground(), 10 + number), number) for number in range(20)]
    )
    (tmp_path / "bearwatch.yaml").write_text(PLACES % clip)
    data = tmp_path / "var"
    data.mkdir()
    shutil.copy(migrated_file, data / "bearwatch.sqlite3")
    (data / "bearwatch.sqlite3").chmod(0o600)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    for name, value in {
        "REDIS_URL": redis_url,
        "BEARWATCH_DATA": str(data),
        "BEARWATCH_CONFIG": str(tmp_path / "bearwatch.yaml"),
        "BEARWATCH_UI_PORT": str(port),
        "BEARWATCH_DEVICE": "cpu",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("DATABASE_URL", raising=False)
    settings.cache_clear()
    return tmp_path


def found(capsys: pytest.CaptureFixture[str], *more: str) -> tuple[int, list[dict[str, Any]]]:
    """The exit status, and what is not good."""
    capsys.readouterr()
    status = main(["doctor", "--json", "--timeout", "2", *more])
    said = json.loads(capsys.readouterr().out)
    assert said["ok"] is (status == 0)
    return status, [each for each in said["findings"] if each["level"] != "good"]


def wrong(capsys: pytest.CaptureFixture[str], *more: str) -> list[str]:
    """What is wrong, as ``what: text``; each with what to do."""
    status, bad = found(capsys, *more)
    lines = [f"{each['what']}: {each['text']}" for each in bad if each["level"] == "wrong"]
    assert status == bool(lines)
    assert all(each["remedy"] for each in bad)
    return lines


def test_where_nothing_is_wrong_it_says_so(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert wrong(capsys) == []
    assert main(["doctor"]) == 0
    out = capsys.readouterr().out
    assert "good      camera: creek: h264" in out
    assert "is sound" in out
    assert out.splitlines()[-1].startswith("0 wrong")


def test_a_mistake_in_the_configuration_is_named_and_the_rest_is_examined(
    site: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (site / "bearwatch.yaml").write_text("regions: {r: {timezone: Moon}}\n")
    lines = wrong(capsys)
    assert any(line.startswith("configuration:") and "Moon" in line for line in lines)
    assert {line.partition(":")[0] for line in lines} == {"configuration"}


def test_a_camera_that_does_not_answer_is_named(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (site / "clip.mp4").write_bytes(b"no video")
    assert [line.partition(": ")[2][:6] for line in wrong(capsys)] == ["creek:"]
    assert wrong(capsys, "--no-cameras") == []


def test_files_that_others_can_read_are_named(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (site / "var" / "secret.key").write_text("key")
    (site / "var" / "secret.key").chmod(0o644)
    status, bad = found(capsys, "--no-cameras")
    line = next(each for each in bad if each["what"] == "rights")
    assert (status, "can be read by others (0644)" in line["text"]) == (1, True)
    assert line["remedy"] == f"chmod 600 {site / 'var' / 'secret.key'}"


def test_a_port_that_another_program_holds_is_named(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", settings().bearwatch_ui_port)):
        assert wrong(capsys, "--no-cameras", "--timeout", "0.5") == [
            f"port: 127.0.0.1:{settings().bearwatch_ui_port} cannot be used: another program listens there"
        ]


def test_a_redis_that_is_away_or_throws_keys_away_is_named(
    site: Path, redis_client: redis.Redis, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    try:
        redis_client.config_set("maxmemory-policy", "allkeys-lru")
        assert wrong(capsys, "--no-cameras") == ["redis: it throws away keys (allkeys-lru): frames vanish in silence"]
        redis_client.config_set("maxmemory", 1)
        assert any("MB are used" in line for line in wrong(capsys, "--no-cameras"))
    finally:
        redis_client.config_set("maxmemory", 512 << 20)
        redis_client.config_set("maxmemory-policy", "noeviction")
    monkeypatch.setenv("REDIS_URL", "redis://127.0.0.1:1/0")
    settings.cache_clear()
    assert wrong(capsys, "--no-cameras")[0].startswith("redis: does not answer")


def test_a_process_that_fell_silent_and_one_that_is_missing_are_named(
    site: Path, redis_client: redis.Redis, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("tracker:0", "detector:here-1", "jobs"):
        Telemetry(redis_client).beat(name, now_s(), {})
    Telemetry(redis_client).beat("controller", now_s() - 300, {})
    lines = wrong(capsys, "--no-cameras")
    assert next(line for line in lines if "silent" in line).startswith("processes: controller has been silent for 30")
    assert "processes: no ingest runs" in lines
    assert len(lines) == 2


def test_a_database_of_another_schema_in_the_future_or_damaged_is_named(
    site: Path, config: Config, capsys: pytest.CaptureFixture[str]
) -> None:
    file = site / "var" / "bearwatch.sqlite3"
    database = Database(f"sqlite:///{file}")
    with database.write() as session:
        sync_places(session, config)
        record(session, at=now_s() + 900, kind="test", subject="s", actor="a")
        session.connection().exec_driver_sql("UPDATE alembic_version SET version_num = '0020'")
        session.add(PushKey(id=1, private_key="x", public_key="x", created_at=1.0, told_seq=0))
        sealed = SecretBox("a key that nobody has", site / "nowhere").seal("x", "key of push messages")
        session.flush()
        session.connection().exec_driver_sql("UPDATE push_keys SET private_key = ?", (sealed,))
    database.close()
    lines = wrong(capsys, "--no-cameras")
    assert lines[0].startswith("database: it has the schema 0020, this program 00")
    assert lines[1].startswith("clock: the record's newest entry is")
    assert lines[2].startswith("keys: 1 secrets of the database are opened by no key")
    content = bytearray(file.read_bytes())
    for page in range(20, len(content) // 4096):
        content[page * 4096 : page * 4096 + 16] = b"\xff" * 16
    file.write_bytes(content)
    assert any(line.startswith("database: ") and "schema" not in line for line in wrong(capsys, "--no-cameras"))


def test_without_a_database_it_says_so_and_makes_none(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (site / "var" / "bearwatch.sqlite3").unlink()
    assert [line.partition(" at ")[0] for line in wrong(capsys, "--no-cameras")] == ["database: There is no database"]
    assert not (site / "var" / "bearwatch.sqlite3").exists()


def test_a_public_address_in_clear_is_doubtful_and_cookies_in_clear_behind_https_are_wrong(
    site: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BEARWATCH_PUBLIC_URL", "http://bears.example")
    settings.cache_clear()
    _, bad = found(capsys, "--no-cameras")
    assert any("is no https:// address" in each["text"] for each in bad)
    monkeypatch.setenv("BEARWATCH_PUBLIC_URL", "https://127.0.0.1:1")
    settings.cache_clear()
    lines = wrong(capsys, "--no-cameras")
    assert [line.partition(":")[0] for line in lines] == ["public_url", "public_url"]
    assert "cookies travel in clear" in lines[0]
    assert "127.0.0.1:1 does not answer" in lines[1]


@contextmanager
def tls_server(folder: Path, days: float) -> Iterator[tuple[int, Path]]:
    """A server that shows a certificate for 127.0.0.1 which ends in ``days``; its port and who signed it."""
    signer = authority(folder)
    until = datetime.now(UTC) + timedelta(days=days)
    chain, key = signed_for(signer, folder, "127.0.0.1", until)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain, key)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        done = threading.Thread(target=_shake_hands, args=(listening, context))
        done.start()
        yield listening.getsockname()[1], signer.file
        done.join()


def _shake_hands(listening: socket.socket, context: ssl.SSLContext) -> None:
    connection, _ = listening.accept()
    try:
        context.wrap_socket(connection, server_side=True).close()
    except (ssl.SSLError, OSError):
        connection.close()


@pytest.mark.parametrize(
    ("days", "known", "level", "said"),
    [
        (90, True, "good", "holds for 9"),
        (5, True, "doubtful", "holds for 5 days"),
        (-1, True, "wrong", "not believed: certificate has expired"),
        (90, False, "wrong", "not believed"),
    ],
)
def test_a_certificate_is_believed_while_it_holds(
    tmp_path: Path, days: float, known: bool, level: str, said: str
) -> None:
    with tls_server(tmp_path, days + 0.1) as (port, signer):
        context = ssl.create_default_context(cafile=str(signer) if known else None)
        patient = Patient(Settings(), None, now_s(), 5.0)
        finding = certificate("public_url", "127.0.0.1", port, patient, context)
    assert (finding.level, said in finding.text) == (level, True), finding


def test_an_examination_that_fails_is_a_line_and_hides_no_other() -> None:
    def broken(_patient: Patient) -> Iterator[Finding]:
        raise RuntimeError("of this machine")

    def sound(_patient: Patient) -> Iterator[Finding]:
        yield Finding("good", "sound", "is sound")

    lines = list(examine(Patient(Settings(), None, 0.0, 1.0), (broken, sound)))
    assert [each.level for each in lines] == ["wrong", "good"]
    assert "of this machine" in lines[0].text


def test_the_file_system_of_a_folder_is_that_of_the_nearest_mount() -> None:
    mounts = "/dev/sda1 / ext4 rw 0 0\nserver:/x /srv nfs4 rw 0 0\n/dev/sdb /srv/my\\040disk xfs rw 0 0\n"
    assert kind_of(Path("/srv/site"), mounts) == "nfs4"
    assert kind_of(Path("/srv/my disk/site"), mounts) == "xfs"
    assert kind_of(Path("/var"), mounts) == "ext4"
    assert kind_of(Path("/var"), "") == "unknown"


@pytest.mark.parametrize(
    ("said", "version"), [("7.2.4", (7, 2)), ("9", (9, 0)), ("255.255.255", (255, 255)), ("", (0, 0))]
)
def test_a_version_is_read(said: str, version: tuple[int, int]) -> None:
    assert version_of(said) == version
