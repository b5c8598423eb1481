"""No process asks for a name, or calls an address, that the configuration does not name. Watched at their sockets."""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from sqlalchemy import select

from db.models import Alert, Delivery, DeliveryStatus
from db.session import Database
from rollout.alerting.alerts import page
from simulation.cameras.builtin import load_test_scenes
from simulation.cameras.staged_server import StagedCameras
from tests.support.services.heartbeat_listener import Listener, listening
from tests.support.services.mqtt_broker import Broker, brokering
from tests.support.services.webhook import Webhook, serving
from tests.support.sockets import Address, Seen, Watch, read, watching
from tests.support.waiting import wait_for

MAKER = "mobile.events.data.microsoft.com"
PASSWORD = "nobody-else-is-told"
CI_MARKS = ("CI", "GITHUB_ACTIONS", "TF_BUILD")
ASK_FOR_A_NAME = """
import ctypes
found = ctypes.c_void_p()
ctypes.CDLL(None).getaddrinfo(b"bears.example.invalid", b"443", None, ctypes.byref(found))
"""
CALL_NUMBERS = """
import socket
for family, kind, address in [(2, 2, ("192.0.2.7", 99)), (10, 2, ("2001:db8::7", 98))]:
    try: socket.socket(family, kind).sendto(b"hello", address)
    except OSError: pass
"""
ONNX_RUNTIME_ALONE = """
import sys, onnxruntime
session = onnxruntime.InferenceSession(sys.argv[1], providers=["CPUExecutionProvider"])
print("ready", flush=True); sys.stdin.read()
"""
ENGINES = """
import sys
import numpy as np
from detector.models.bundle import ModelBundle
from detector.engines.choose import engine_for
for runtime in ("onnx", "torch"):
    engine = engine_for(ModelBundle.open("built-in"), device="cpu", runtime=runtime)
    engine.infer(np.zeros((1, engine.input_px, engine.input_px, 3), np.uint8))
print("ready", flush=True); sys.stdin.read()
"""


def python(code: str, *arguments: str) -> list[str]:
    """A command that runs some lines of Python."""
    return [sys.executable, "-c", code, *arguments]


def environment(home: Path, **more: str) -> dict[str, str]:
    """This process's own, but for what would keep a library from reporting, and with a home directory to look into."""
    home.mkdir(exist_ok=True)
    kept = {k: v for k, v in os.environ.items() if k not in CI_MARKS and "TELEMETRY" not in k and "XDG" not in k}
    return {**kept, "HOME": str(home), **more}


def ready(watch: Watch) -> None:
    """Wait until the process says so."""
    assert watch.process.stdout is not None
    assert watch.process.stdout.readline() == "ready\n"


def test_the_watch_sees_a_name_that_native_code_asks_for(tmp_path: Path) -> None:
    with watching(python(ASK_FOR_A_NAME), tmp_path / "w", environment(tmp_path / "home"), muted=True) as watch:
        assert watch.process.wait(60) == 0
    assert any("bears.example.invalid" in name for name in watch.seen().names)
    assert watch.seen().strangers(set())


def test_the_watch_sees_addresses_that_a_grandchild_calls(tmp_path: Path) -> None:
    command = ["sh", "-c", '"$0" -c "$1"; exit 3', sys.executable, CALL_NUMBERS]
    with watching(command, tmp_path / "w", environment(tmp_path / "home"), muted=True) as watch:
        assert watch.process.wait(60) == 3
    seen = watch.seen()
    assert {("192.0.2.7", 99), ("2001:db8::7", 98)} == set(seen.addresses)
    assert seen.strangers({("192.0.2.7", 99), ("2001:db8::7", 98)}) == []
    assert [line.partition(" ")[0] for line in seen.strangers({("192.0.2.7", 99)})] == ["2001:db8::7:98"]


def inet(host: str, port: int) -> str:
    """An address as strace writes it."""
    return f'{{sa_family=AF_INET, sin_port=htons({port}), sin_addr=inet_addr("{escaped(host)}")}}'


def escaped(text: str) -> str:
    """A string as strace writes it."""
    return "".join(f"\\x{byte:02x}" for byte in text.encode())


def strangers(*lines: str) -> list[str]:
    """Whatever a thread has called, by its calls."""
    return read(["\n".join((*lines, "+++ exited with 0 +++"))]).strangers(set())


def test_each_kind_of_call_is_read() -> None:
    assert strangers(f'sendto(7, "\\x01", 1, 0, {inet("192.0.2.7", 99)}, 16) = 1')[0].startswith("192.0.2.7:99 by")
    assert strangers("io_uring_setup(8, {flags=0}) = 5")[0].startswith("cannot be followed")
    assert strangers(f'connect(3, {{sa_family=AF_UNIX, sun_path="{escaped("/a")}"}}, 110) = 0') == []
    assert strangers('connect(3, {sa_family=AF_UNSPEC, sa_data="\\x00\\x00"}, 16) = 0') == []


def test_what_a_program_says_to_itself_on_loopback_goes_nowhere() -> None:
    taken = [f"bind(3, {inet('127.0.0.1', 0)}, 16) = 0", f"getsockname(3, {inet('127.0.0.1', 40001)}, [16]) = 0"]
    called = f"connect(4, {inet('127.0.0.1', 40001)}, 16) = -1 EINPROGRESS (Operation now in progress)"
    assert strangers(*taken, called) == []
    assert len(strangers(called)) == 1
    assert len(strangers(*taken, called.replace("40001", "40002"))) == 1
    far = [each.replace(escaped("127.0.0.1"), escaped("192.0.2.7")) for each in (*taken, called)]
    assert len(strangers(*far)) == 1


def test_a_resolver_behind_a_unix_socket_is_one_too() -> None:
    asked = '{"name":"bears.example.invalid"}'
    path = escaped("/run/systemd/resolve/io.systemd.Resolve")
    connected = f'connect(3, {{sa_family=AF_UNIX, sun_path="{path}"}}, 42) = 0'
    assert strangers(connected, f'sendto(3, "{escaped(asked)}", 33, 0, NULL, 0) = 33') == [f"asked for {asked}"]
    assert strangers(f'sendto(3, "{escaped(asked)}", 33, 0, NULL, 0) = 33') == []


@pytest.mark.long
@pytest.mark.timeout(480)
def test_a_detector_asks_for_nothing_where_onnx_runtime_alone_asks_for_its_maker(tmp_path: Path) -> None:
    """The library's reports come after some seconds: ours is watched for longer than the other takes to ask."""
    model = str(Path(__file__).parents[2] / "detector" / "bundles" / "campsite" / "model.onnx")
    ours, bare = tmp_path / "ours", tmp_path / "bare"
    with watching(python(ENGINES), tmp_path / "a", environment(ours)) as engines:
        ready(engines)
        with watching(python(ONNX_RUNTIME_ALONE, model), tmp_path / "b", environment(bare), muted=True) as alone:
            ready(alone)
            wait_for(lambda: MAKER in alone.seen().names, 90)
    assert engines.seen().strangers(set()) == []
    assert not (ours / ".cache" / "Microsoft").exists(), "a number of this machine was kept"
    assert (bare / ".cache" / "Microsoft").exists()


@dataclass
class Site:
    """A whole site under the watch, and what its configuration names."""

    watch: Watch
    address: str
    database: Database
    named: set[Address]
    staff: list[str]
    listener: Listener
    webhook: Webhook
    broker: Broker


@contextmanager
def watched_site(folder: Path) -> Iterator[Site]:
    """`bearwatch up` with two cameras, three ways to tell staff, and a service elsewhere that is called."""
    with ExitStack() as stack:
        cameras = stack.enter_context(StagedCameras(load_test_scenes(2)))
        listener = stack.enter_context(listening())
        webhook = stack.enter_context(serving())
        broker = stack.enter_context(brokering())
        staff = [f"hmac+{listener.url('/staff')}?key=0123456789abcdef", webhook.target, broker.target("bears")]
        file = folder / "bearwatch.yaml"
        lines = [f"  {name}: {{campsite: c, url: {json.dumps(cameras.url(name))}}}" for name in cameras.names]
        file.write_text(
            "regions: {r: {timezone: UTC}}\ncampsites: {c: {region: r}}\ncameras:\n" + "\n".join(lines) + "\n"
            "detector: {quiet_gap_s: 4, engine: onnx}\n"
            f"rollout: {{staff: {json.dumps(staff)}}}\n"
            f"outside: {{ping_url: {json.dumps(listener.url('/alive'))}, every_s: 10}}\n"
        )
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        command = [sys.executable, "-m", "bearwatch", "up", "--config", str(file), "--data", str(folder / "data")]
        env = environment(folder / "home", BEARWATCH_ADMIN_PASSWORD=PASSWORD)
        watch = stack.enter_context(watching([*command, "--port", str(port)], folder / "watch", env))
        assert watch.process.stdout is not None
        assert "Bearwatch" in "".join(iter(watch.process.stdout.readline, "  Ctrl-C stops everything.\n"))
        database = Database(f"sqlite:///{folder / 'data' / 'bearwatch.sqlite3'}")
        stack.callback(database.close)
        urls = [cameras.url(name) for name in cameras.names]
        ports = [httpx.URL(url).port or 0 for url in urls]
        ports += [each.server_address[1] for each in (listener, webhook, broker)]
        yield Site(watch, f"http://127.0.0.1:{port}", database, {("127.0.0.1", each) for each in ports}, staff,
                   listener, webhook, broker)  # fmt: skip
        assert watch.end(signal.SIGINT) == 0


def be_a_ranger(site: Site) -> None:
    """Log in and open the pages that ask other processes and libraries for most."""
    with httpx.Client(base_url=site.address, headers={"Origin": site.address}, timeout=30) as browser:
        assert browser.post("/login", data={"name": "ranger", "password": PASSWORD}).status_code == 303
        for path in ("/", "/rollout", "/cameras", "/reports", "/models", "/try", "/healthz", "/api/v1/alerts"):
            assert browser.get(path, follow_redirects=True).status_code == 200, path


def some_alert(database: Database) -> bool:
    """Whether a bear has been seen."""
    with database.read() as session:
        return session.scalar(select(Alert.id)) is not None


def all_sent(database: Database) -> bool:
    """Whether every message has been delivered."""
    with database.read() as session:
        return {each.status for each in session.scalars(select(Delivery))} == {DeliveryStatus.SENT}


@pytest.mark.long
@pytest.mark.timeout(480)
def test_a_whole_site_calls_nobody_but_whom_its_configuration_names(tmp_path: Path) -> None:
    with watched_site(tmp_path) as site:
        be_a_ranger(site)
        wait_for(lambda: some_alert(site.database), 120)
        with site.database.write() as session:
            assert page(session, key="k", title="t", body="b", targets=site.staff, now=time.time()) == 3
        wait_for(lambda: all_sent(site.database), 60)
        wait_for(lambda: "/alive" in site.listener.paths, 60)
        assert "/staff" in site.listener.paths
        assert site.webhook.received
        assert site.broker.said("bears/events")
    seen: Seen = site.watch.seen()
    assert seen.strangers(site.named) == []
    assert site.named - set(seen.addresses) == set(), "the watch has not seen what was certainly called"
    assert len(list(site.watch.folder.glob("calls.*"))) > 8, "the processes were not followed"
    assert not (tmp_path / "home" / ".cache" / "Microsoft").exists()
