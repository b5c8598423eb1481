"""An MQTT 3.1.1 broker on loopback, just large enough: connect with a last will, publish (QoS 0 and 1), subscribe."""

from __future__ import annotations

import socket
import socketserver
import struct
from collections.abc import Iterator
from contextlib import contextmanager

from tests.support.services.http_servers import answering

CONNECT, CONNACK, PUBLISH, PUBACK, SUBSCRIBE, SUBACK, PINGREQ, PINGRESP, DISCONNECT = 1, 2, 3, 4, 8, 9, 12, 13, 14


class Broker(socketserver.ThreadingTCPServer):
    """Keeps what is published. With ``password`` set, it refuses everybody else."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Session)
        self.published: list[tuple[str, bytes, bool]] = []
        """Topic, payload, retained."""
        self.password: str | None = None
        self.sessions: list[socket.socket] = []

    def target(self, prefix: str = "", credentials: str = "") -> str:
        """Its address as the configuration writes it."""
        return f"mqtt://{credentials}127.0.0.1:{self.server_address[1]}/{prefix}"

    def said(self, topic: str) -> list[bytes]:
        """The payloads on a topic, oldest first."""
        return [payload for name, payload, _retained in self.published if name == topic]

    def hang_up(self) -> None:
        """Cut every connection, as a network does."""
        for connection in self.sessions:
            connection.shutdown(socket.SHUT_RDWR)


class _Session(socketserver.StreamRequestHandler):
    server: Broker

    def handle(self) -> None:
        will: tuple[str, bytes, bool] | None = None
        try:
            self.server.sessions.append(self.connection)
            while True:
                kind, flags, body = self._packet()
                if kind == CONNECT:
                    will, password = _read_connect(body)
                    refused = self.server.password is not None and password != self.server.password
                    self._answer(CONNACK, bytes([0, 4 if refused else 0]))
                elif kind == PUBLISH:
                    self._take(flags, body)
                elif kind == PINGREQ:
                    self._answer(PINGRESP, b"")
                elif kind == DISCONNECT:
                    will = None
                    return
        except (EOFError, OSError):
            pass
        finally:
            if will is not None:
                self.server.published.append(will)

    def _take(self, flags: int, body: bytes) -> None:
        topic, rest = _text(body)
        if flags & 0b0110:
            self._answer(PUBACK, rest[:2])
            rest = rest[2:]
        self.server.published.append((topic, rest, bool(flags & 1)))

    def _packet(self) -> tuple[int, int, bytes]:
        first, length, shift = self._bytes(1)[0], 0, 0
        while True:
            digit = self._bytes(1)[0]
            length |= (digit & 0x7F) << shift
            shift += 7
            if not digit & 0x80:
                return first >> 4, first & 15, self._bytes(length)

    def _bytes(self, count: int) -> bytes:
        found = self.rfile.read(count)
        if len(found) < count:
            raise EOFError
        return found

    def _answer(self, kind: int, body: bytes) -> None:
        self.wfile.write(bytes([kind << 4, len(body)]) + body)


def _read_connect(body: bytes) -> tuple[tuple[str, bytes, bool] | None, str]:
    """The last will and the password of a CONNECT packet."""
    _protocol, rest = _text(body)
    flags, rest = rest[1], rest[4:]
    _client, rest = _text(rest)
    will = None
    if flags & 0b100:
        topic, rest = _text(rest)
        payload, rest = _text(rest)
        will = (topic, payload.encode(), bool(flags & 0b100000))
    _user, rest = _text(rest) if flags & 0x80 else ("", rest)
    password, _rest = _text(rest) if flags & 0x40 else ("", rest)
    return will, password


def _text(data: bytes) -> tuple[str, bytes]:
    (length,) = struct.unpack(">H", data[:2])
    return data[2 : 2 + length].decode(), data[2 + length :]


@contextmanager
def brokering() -> Iterator[Broker]:
    """A running broker."""
    with answering(Broker()) as server:
        yield server
