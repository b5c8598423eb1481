"""The ways out, against real servers: signed webhooks, MQTT, Apprise; what may be tried again and what not."""

from __future__ import annotations

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from rollout.alerting.channels import Message, address_problem, is_permanent, send, sign, verify
from rollout.alerting.mqtt import Lines, MqttLink, NotDelivered
from tests.support.factories import T0
from tests.support.services.http_servers import answering
from tests.support.services.mqtt_broker import Broker, brokering
from tests.support.services.webhook import serving
from tests.support.waiting import wait_for

FACTS = {"type": "new", "before": None, "after": {"alert": 7, "status": "confirmed"}}


class Receiver(ThreadingHTTPServer):
    """Keeps headers and bodies; answers with ``status``."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.received: list[tuple[str, dict[str, str], bytes]] = []
        self.status = 204

    def target(self, query: str = "?key=s3cret") -> str:
        """Its address, signed."""
        return f"hmac+http://127.0.0.1:{self.server_address[1]}/siren{query}"


class _Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.received.append((self.path, dict(self.headers), body))
        self.send_response(self.server.status)
        if self.server.status == 302:
            self.send_header("Location", "/elsewhere")
        self.end_headers()

    def log_message(self, *_arguments: object) -> None:
        """Quiet."""


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A web service that checks signatures."""
    server = Receiver()
    with answering(server):
        yield server


@pytest.fixture
def broker() -> Iterator[Broker]:
    """An MQTT broker."""
    with brokering() as running:
        yield running


def message(target: str) -> Message:
    """A warning for one address."""
    return Message(12, target, "Bear at Upper Pines", "Bear at Upper Pines. Camera Creek.", FACTS)


def test_a_webhook_is_signed_and_its_key_stays_at_home(receiver: Receiver) -> None:
    send(message(receiver.target("?key=s3cret&zone=3")), T0)
    ((path, headers, body),) = receiver.received
    assert path == "/siren?zone=3"
    assert verify("s3cret", headers, body, T0 + 10)
    assert headers["Bearwatch-Delivery"] == "12"
    assert json.loads(body) == {"delivery": 12, "text": "Bear at Upper Pines. Camera Creek.", **FACTS}


def test_a_forged_late_or_unsigned_webhook_is_refused() -> None:
    body, stamp = b"{}", str(int(T0))
    good = {"bearwatch-timestamp": stamp, "bearwatch-signature": sign("k", int(T0), body)}
    assert verify("k", good, body, T0)
    assert not verify("other", good, body, T0)
    assert not verify("k", good, b"{ }", T0)
    assert not verify("k", good, body, T0 + 301)
    assert not verify("k", {**good, "bearwatch-timestamp": str(int(T0) + 1)}, body, T0)
    assert not verify("k", {"bearwatch-timestamp": "soon"}, body, T0)
    assert not verify("k", {}, body, T0)


@pytest.mark.parametrize(
    ("status", "permanent"), [(404, True), (410, True), (302, True), (429, False), (500, False), (503, False)]
)
def test_a_refusal_is_for_good_and_an_overload_is_not(receiver: Receiver, status: int, permanent: bool) -> None:
    receiver.status = status
    with pytest.raises(NotDelivered, match=f"HTTP {status}") as raised:
        send(message(receiver.target()), T0)
    assert raised.value.permanent is permanent is is_permanent(status)
    assert len(receiver.received) == 1, "a signed message follows no redirect"


@pytest.mark.parametrize(
    ("target", "says"),
    [
        ("hmac+https://siren.example/", r"hmac\+https://host/path\?key=SECRET"),
        ("carrier-pigeon://loft", "no service has this kind of address"),
        ("mqtt:///bears", "mqtt://host/prefix"),
    ],
)
def test_a_wrong_address_is_for_good(target: str, says: str) -> None:
    with pytest.raises(NotDelivered, match=says) as raised:
        send(message(target), T0)
    assert raised.value.permanent
    assert address_problem(target), "`bearwatch check` says so before a bear comes"


@pytest.mark.parametrize(
    "target", ["json://h/x", "mqtt://broker", "hmac+https://siren.example/?key=k", "mailto://a:b@c.de"]
)
def test_a_good_address_is_good(target: str) -> None:
    assert address_problem(target) is None


def test_nobody_at_home_is_worth_another_try() -> None:
    for target in ("hmac+http://127.0.0.1:9/?key=k", "json://127.0.0.1:9/x"):
        with pytest.raises(NotDelivered) as raised:
            send(message(target), T0)
        assert not raised.value.permanent


def test_what_apprise_is_told_with_a_4xx_is_for_good() -> None:
    with serving() as service:
        service.status = 403
        with pytest.raises(NotDelivered, match="403") as raised:
            send(message(service.target), T0)
        assert raised.value.permanent


def test_mqtt_says_what_happens_and_that_it_is_there(broker: Broker) -> None:
    lines = Lines()
    lines.open([broker.target("park")])
    wait_for(lambda: broker.said("park/available") == [b"online"])
    lines.publish(broker.target("park"), FACTS)
    wait_for(lambda: broker.said("park/events"))
    assert json.loads(broker.said("park/events")[0]) == FACTS
    assert ("park/available", b"online", True) in broker.published, "retained, for whoever comes later"
    lines.close()
    wait_for(lambda: broker.said("park/available")[-1] == b"offline")


def test_when_the_process_dies_the_broker_says_offline_by_itself(broker: Broker) -> None:
    line = MqttLink(broker.target())
    try:
        wait_for(lambda: broker.said("bearwatch/available"))
        broker.hang_up()
        wait_for(lambda: b"offline" in broker.said("bearwatch/available"))
    finally:
        line.close()


def test_a_broker_that_refuses_the_password_is_for_good(broker: Broker) -> None:
    broker.password = "right"
    lines = Lines()
    try:
        with pytest.raises(NotDelivered, match="refuses us") as raised:
            lines.publish(broker.target(credentials="us:wrong@"), FACTS)
        assert raised.value.permanent
        lines.publish(broker.target(credentials="us:right@"), FACTS)
    finally:
        lines.close()
    assert len(broker.said("bearwatch/events")) == 1
