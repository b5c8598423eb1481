"""A TLS terminator before a server that speaks in clear, as stunnel or a proxy would be."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_CHUNK = 65536


@contextmanager
def tls_front(port: int, behind: int, chain: Path, key: Path) -> Iterator[None]:
    """Listens on ``port`` with TLS, and hands everything to ``behind`` on this machine."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain, key)
    open_ones: list[socket.socket] = []
    with socket.create_server(("127.0.0.1", port)) as listening:
        threading.Thread(target=_accept, args=(listening, context, behind, open_ones), daemon=True).start()
        yield
        listening.shutdown(socket.SHUT_RDWR)
    for each in open_ones:
        with suppress(OSError):
            each.close()


def _accept(listening: socket.socket, context: ssl.SSLContext, behind: int, open_ones: list[socket.socket]) -> None:
    while True:
        try:
            plain, _ = listening.accept()
        except OSError:
            return
        threading.Thread(target=_carry, args=(plain, context, behind, open_ones), daemon=True).start()


def _carry(plain: socket.socket, context: ssl.SSLContext, behind: int, open_ones: list[socket.socket]) -> None:
    """Both ways until either side has had enough. One TLS connection belongs to one thread at a time for each way."""
    try:
        plain.settimeout(10)
        secured = context.wrap_socket(plain, server_side=True)
        secured.settimeout(None)
        server = socket.create_connection(("127.0.0.1", behind))
    except (OSError, ssl.SSLError):
        plain.close()
        return
    open_ones += [secured, server]
    back = threading.Thread(target=_pump, args=(server, secured), daemon=True)
    back.start()
    _pump(secured, server)
    back.join()
    secured.close()
    server.close()


def _pump(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError, ssl.SSLError, ValueError):
        while data := source.recv(_CHUNK):
            target.sendall(data)
    with suppress(OSError, ValueError):
        target.shutdown(socket.SHUT_RDWR)
