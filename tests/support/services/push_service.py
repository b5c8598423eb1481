"""A push service, and browsers that wait at it: a real HTTP server that keeps what it is sent."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import http_ece  # type: ignore[import-untyped]  # it ships no types
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from review_ui.push.encryption import encoded
from review_ui.push.sending import Device
from tests.support.services.http_servers import answering


@dataclass(frozen=True)
class Browser:
    """A browser's keys; another implementation than ours reads with them."""

    private: ec.EllipticCurvePrivateKey
    secret: bytes

    @classmethod
    def new(cls) -> Browser:
        """Fresh keys."""
        return cls(ec.generate_private_key(ec.SECP256R1()), os.urandom(16))

    @property
    def p256dh(self) -> str:
        """The public key, as a page gives it out."""
        form = serialization.PublicFormat.UncompressedPoint
        return encoded(self.private.public_key().public_bytes(serialization.Encoding.X962, form))

    @property
    def auth(self) -> str:
        """The shared secret, as a page gives it out."""
        return encoded(self.secret)

    def read(self, body: bytes) -> bytes:
        """Decrypt a message."""
        return bytes(http_ece.decrypt(body, private_key=self.private, auth_secret=self.secret, version="aes128gcm"))


@dataclass
class PushService:
    """What came, by path, and what is answered to it."""

    origin: str
    came: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)
    answers: dict[str, int] = field(default_factory=dict)

    def device(self, name: str, browser: Browser) -> Device:
        """A browser's address here."""
        return Device(f"{self.origin}/{name}", browser.p256dh, browser.auth)

    def names(self) -> list[str]:
        """Who was told, in order of name."""
        return sorted(path.strip("/") for path, _, _ in self.came)


@contextmanager
def push_service() -> Iterator[PushService]:
    """Run one on a free port."""
    service = PushService("")

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            service.came.append((self.path, dict(self.headers), body))
            self.send_response(service.answers.get(self.path.strip("/"), 201))
            self.send_header("Location", f"{service.origin}/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    service.origin = f"http://127.0.0.1:{server.server_address[1]}"
    with answering(server):
        yield service
