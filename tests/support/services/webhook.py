"""A web service on loopback that takes messages, and can be told to fail."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.support.services.http_servers import answering


class Webhook(ThreadingHTTPServer):
    """Keeps what it is sent while its ``status`` is 200."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.received: list[dict[str, Any]] = []
        self.status = 200

    @property
    def target(self) -> str:
        """Its address as Apprise writes it."""
        return f"json://127.0.0.1:{self.server_address[1]}/bears"


class _Handler(BaseHTTPRequestHandler):
    server: Webhook

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.server.status == 200:
            self.server.received.append(json.loads(body))
        self.send_response(self.server.status)
        self.end_headers()

    def log_message(self, *_arguments: object) -> None:
        """Quiet."""


@contextmanager
def serving() -> Iterator[Webhook]:
    """A running service."""
    with answering(Webhook()) as server:
        yield server
