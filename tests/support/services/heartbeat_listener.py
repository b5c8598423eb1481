"""A service elsewhere, on loopback, that is called while all is well and while it is not."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.support.services.http_servers import answering


class Listener(ThreadingHTTPServer):
    """Keeps the path and the body of each call. ``status`` is its answer; it waits for ``patience`` before that."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.status = 200
        self.patience = threading.Event()
        self.patience.set()

    def url(self, path: str = "/ping/s3cret-key") -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.server_address[1]}{path}"

    @property
    def paths(self) -> list[str]:
        """The paths that were called, in order."""
        return [path for path, _ in self.calls]


class _Handler(BaseHTTPRequestHandler):
    server: Listener

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.calls.append((self.path, json.loads(body)))
        self.server.patience.wait()
        self.send_response(self.server.status)
        if self.server.status == 302:
            self.send_header("Location", self.server.url("/elsewhere"))
        self.end_headers()

    def log_message(self, *_arguments: object) -> None:
        """Quiet."""


@contextmanager
def listening() -> Iterator[Listener]:
    """A running service."""
    with answering(Listener()) as server:
        try:
            yield server
        finally:
            server.patience.set()
