"""MQTT: what happens on ``<prefix>/events``, and on ``<prefix>/available`` whether anybody would say so.

One connection for each address stays open for as long as the process lives: the broker says ``offline`` for it by
itself when the process dies (its last will). The prefix is the address's path, ``bearwatch`` if it has none::

    mqtt://user:${MQTT_PASSWORD}@broker.example/park
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Iterable, Mapping
from typing import Any, Final
from urllib.parse import unquote, urlsplit

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

log = logging.getLogger(__name__)

CONNECT_WITHIN_S: Final = 5.0
PUBLISH_WITHIN_S: Final = 10.0
KEEPALIVE_S: Final = 30
ONLINE: Final = "online"
OFFLINE: Final = "offline"
REFUSED_FOR_GOOD: Final = frozenset({"Bad user name or password", "Not authorized", "Client identifier not valid"})


class NotDelivered(Exception):
    """It was not sent. ``permanent``: it would fail again in the same way, somebody has to correct something."""

    def __init__(self, detail: str, *, permanent: bool = False) -> None:
        super().__init__(detail)
        self.permanent = permanent


def host_and_prefix(target: str) -> tuple[str, str]:
    """The broker and the topics' prefix. Raises :class:`NotDelivered` for an address without a host."""
    parts = urlsplit(target)
    if not parts.hostname:
        raise NotDelivered("an MQTT address is written mqtt://host/prefix", permanent=True)
    return parts.hostname, unquote(parts.path.strip("/")) or "bearwatch"


class MqttLink:
    """One connection to one broker, kept up by a thread of its own."""

    def __init__(self, target: str) -> None:
        host, self.prefix = host_and_prefix(target)
        parts = urlsplit(target)
        self.refused: str | None = None
        self._up = threading.Event()
        self._client = paho.Client(CallbackAPIVersion.VERSION2, protocol=paho.MQTTv311)
        if parts.username:
            self._client.username_pw_set(unquote(parts.username), unquote(parts.password or ""))
        if parts.scheme == "mqtts":
            self._client.tls_set()
        self._client.will_set(f"{self.prefix}/available", OFFLINE, qos=1, retain=True)
        self._client.on_connect = self._connected
        self._client.on_disconnect = self._disconnected
        self._client.reconnect_delay_set(1, 30)
        self._client.connect_async(host, parts.port or (8883 if parts.scheme == "mqtts" else 1883), KEEPALIVE_S)
        self._client.loop_start()

    def publish(self, facts: Mapping[str, Any]) -> None:
        """Publish an event and wait until the broker has it. Raises :class:`NotDelivered`."""
        deadline = time.monotonic() + CONNECT_WITHIN_S
        while not self._up.wait(0.05):
            if self.refused:
                raise NotDelivered(f"the broker refuses us: {self.refused}", permanent=self.refused in REFUSED_FOR_GOOD)
            if time.monotonic() > deadline:
                raise NotDelivered("the broker does not answer")
        info = self._client.publish(f"{self.prefix}/events", json.dumps(facts, ensure_ascii=False), qos=1)
        try:
            info.wait_for_publish(PUBLISH_WITHIN_S)
        except (ValueError, RuntimeError) as error:
            raise NotDelivered(f"not published: {error}") from error
        if not info.is_published():
            raise NotDelivered("the broker did not acknowledge the message")

    def close(self) -> None:
        """Say that nobody is here any more, and hang up."""
        if self._up.is_set():
            self._client.publish(f"{self.prefix}/available", OFFLINE, qos=1, retain=True).wait_for_publish(1.0)
        self._client.disconnect()
        self._client.loop_stop()

    def _connected(self, client: paho.Client, _data: Any, _flags: Any, code: Any, _properties: Any) -> None:
        if code.is_failure:
            self.refused = str(code)
            return
        self.refused = None
        client.publish(f"{self.prefix}/available", ONLINE, qos=1, retain=True)
        self._up.set()

    def _disconnected(self, _client: paho.Client, _data: Any, _flags: Any, _code: Any, _properties: Any) -> None:
        self._up.clear()


class Lines:
    """The open connections of this process, by address."""

    def __init__(self) -> None:
        self._lines: dict[str, MqttLink] = {}
        self._lock = threading.Lock()

    def open(self, targets: Iterable[str]) -> None:
        """Connect to every MQTT address among ``targets``, so that ``available`` is true from the start."""
        for target in targets:
            if target.partition("://")[0].lower() in ("mqtt", "mqtts"):
                try:
                    self._line(target)
                except (NotDelivered, OSError) as error:
                    log.error("an MQTT address cannot be used: %s", error)

    def publish(self, target: str, facts: Mapping[str, Any]) -> None:
        """Publish on the connection of an address. Raises :class:`NotDelivered`."""
        try:
            self._line(target).publish(facts)
        except OSError as error:
            raise NotDelivered(f"the broker is not reached: {error}") from error

    def close(self) -> None:
        """Hang up everywhere."""
        with self._lock:
            lines, self._lines = self._lines, {}
        for line in lines.values():
            line.close()

    def _line(self, target: str) -> MqttLink:
        with self._lock:
            if target not in self._lines:
                self._lines[target] = MqttLink(target)
            return self._lines[target]


LINES: Final = Lines()
