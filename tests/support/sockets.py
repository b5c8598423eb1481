"""Watch what a process and all its descendants call, at the kernel's door: native code is seen as Python is.

Python's audit hooks see Python alone, and looking at /proc now and then misses a question that takes a millisecond.
strace stops each call itself. Its threads write a file each, so that no line is cut by another.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from ipaddress import ip_address
from pathlib import Path

import psutil
import pytest

ROOT = Path(__file__).parents[2]
SENDING = "sendto,sendmsg,sendmmsg"
_WATCHED = f"connect,bind,getsockname,{SENDING},io_uring_setup"
_PAYLOAD_BYTES = 256
_DNS_PORT = 53
_DNS_HEADER_BYTES = 12
_RESOLVERS = re.compile(r"/nscd/|systemd[/.]resolve|avahi-daemon")
"""Unix sockets of whoever asks for names on others' behalf."""

_CALL = re.compile(r"(?P<what>[a-z_]+)\((?P<fd>\d+), (?P<rest>.*)\) += (?P<result>-?\w+)")
_INET = re.compile(r'sin_port=htons\((\d+)\), sin_addr=inet_addr\("([^"]*)"\)')
_INET6 = re.compile(r'sin6_port=htons\((\d+)\).*?inet_pton\(AF_INET6, "([^"]*)"')
_UNIX = re.compile(r'sun_path=@?"([^"]*)"')
_BYTES = re.compile(r'"((?:\\x[0-9a-f]{2})+)"')

Address = tuple[str, int]


@dataclass(frozen=True)
class Seen:
    """What was called: ``addresses`` (host, port) with the calls that named them, ``names`` that were asked for."""

    addresses: Mapping[Address, list[str]]
    names: frozenset[str]
    uncovered: tuple[str, ...]
    """Calls that strace cannot follow: what they sent is unknown."""

    def strangers(self, named: set[Address]) -> list[str]:
        """Whatever was called though nobody named it, a line each. To ask for a name is to call a stranger."""
        called = [f"{host}:{port} by {calls[0]}" for (host, port), calls in self.addresses.items()
                  if (host, port) not in named]  # fmt: skip
        return [*sorted(f"asked for {name}" for name in self.names), *called, *self.uncovered]


@dataclass
class Watch:
    """A process that is watched. ``process`` is strace, which ends as the process does."""

    process: subprocess.Popen[str]
    folder: Path
    _root: psutil.Process | None = field(default=None)

    def tell(self, number: signal.Signals) -> None:
        """Send a signal to the process itself, where it still runs."""
        if self._root is None:
            self._root = next(iter(psutil.Process(self.process.pid).children()), None)
        if self._root is not None and self._root.is_running():
            self._root.send_signal(number)

    def seen(self) -> Seen:
        """What it has called so far."""
        return read(file.read_text(errors="replace") for file in sorted(self.folder.glob("calls.*")))

    def end(self, number: signal.Signals = signal.SIGTERM, within_s: float = 30.0) -> int:
        """Stop it, and wait until nothing that it has started is left and all of it is written down."""
        if self.process.poll() is None:
            self.tell(number)
            try:
                self.process.wait(timeout=within_s)
            except subprocess.TimeoutExpired:
                self.tell(signal.SIGKILL)
                self.process.wait()
        for stream in (self.process.stdin, self.process.stdout):
            if stream is not None:
                stream.close()
        return self.process.returncode


@contextmanager
def watching(
    command: Sequence[str], folder: Path, environment: Mapping[str, str], *, muted: bool = False
) -> Iterator[Watch]:
    """Run a command of the project under the watch. ``muted``: nothing that it sends leaves; it is told that there is
    no network, and what it wanted to send is seen all the same.

    Skips the test where the machine forbids that a process is traced.
    """
    problem = why_not()
    if problem:
        pytest.skip(problem)
    folder.mkdir(parents=True)
    mute = ["-e", f"inject={SENDING}:error=ENETUNREACH"] if muted else []
    strace = ["strace", "-ff", "-xx", "-s", str(_PAYLOAD_BYTES), "--seccomp-bpf", "-e", "signal=none"]
    strace += ["-e", f"trace={_WATCHED}", *mute, "-o", str(folder / "calls"), "--", *command]
    pipe = subprocess.PIPE
    process = subprocess.Popen(strace, stdin=pipe, stdout=pipe, text=True, cwd=ROOT, env=dict(environment))
    watch = Watch(process, folder)
    try:
        yield watch
    finally:
        watch.end()


@cache
def why_not() -> str | None:
    """Why no process can be watched here; None where it can. Raises RuntimeError where only strace is missing."""
    if shutil.which("strace") is None:
        raise RuntimeError("strace is missing; `make test` installs it, or: apt-get install strace")
    tried = subprocess.run(
        ["strace", "-f", "--seccomp-bpf", "-e", "trace=connect", "-o", os.devnull, "true"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    return None if tried.returncode == 0 else f"this machine lets nobody trace a process: {tried.stderr.strip()}"


def read(threads: Iterable[str]) -> Seen:
    """What the threads' records say, one text a thread."""
    book = _Book()
    for text in threads:
        thread = _Thread(book)
        for line in text.splitlines():
            if line.startswith("io_uring_setup("):
                book.uncovered.append(f"cannot be followed: {line}")
            elif call := _CALL.match(line):
                thread.take(call, line)
    called = {address: calls for address, calls in book.addresses.items() if address not in book.own}
    return Seen(called, frozenset(book.names), tuple(book.uncovered))


@dataclass
class _Book:
    """What all threads together have called. ``own`` are places on loopback that they themselves have taken."""

    addresses: dict[Address, list[str]] = field(default_factory=dict)
    names: set[str] = field(default_factory=set)
    own: set[Address] = field(default_factory=set)
    uncovered: list[str] = field(default_factory=list)


@dataclass
class _Thread:
    """One thread's calls in their order, and which of its descriptors lead to a resolver or were given a place."""

    book: _Book
    asking: set[str] = field(default_factory=set)
    bound: set[str] = field(default_factory=set)

    def take(self, call: re.Match[str], line: str) -> None:
        """The next call."""
        what, descriptor, rest = call["what"], call["fd"], call["rest"]
        if what in ("bind", "getsockname"):
            self._place(what, descriptor, rest)
        elif what == "connect":
            self._connect(descriptor, rest, line, call["result"] == "0")
        else:
            self._send(descriptor, rest, line)

    def _place(self, what: str, descriptor: str, rest: str) -> None:
        """A program that wakes itself up through loopback takes a free port, and asks which one it was given."""
        if what == "bind":
            self.bound.add(descriptor)
        if descriptor in self.bound:
            self.book.own |= {(host, port) for host, port in _addresses(rest) if ip_address(host).is_loopback}

    def _connect(self, descriptor: str, rest: str, line: str, answered: bool) -> None:
        self.bound.discard(descriptor)
        path = _UNIX.search(rest)
        asks = bool(path and _RESOLVERS.search(_text(path[1])) and answered)
        for host, port in _addresses(rest):
            self.book.addresses.setdefault((host, port), []).append(_readable(line))
            asks = port == _DNS_PORT
        self.asking.add(descriptor) if asks else self.asking.discard(descriptor)

    def _send(self, descriptor: str, rest: str, line: str) -> None:
        asks = descriptor in self.asking
        for host, port in _addresses(rest):
            self.book.addresses.setdefault((host, port), []).append(_readable(line))
            asks = asks or port == _DNS_PORT
        if asks:
            payloads = _BYTES.finditer(_INET6.sub("", _INET.sub("", rest)))
            self.book.names.update(_question(_raw(found[1])) for found in payloads)


def _addresses(rest: str) -> list[Address]:
    return [(_text(found[2]), int(found[1])) for found in (*_INET.finditer(rest), *_INET6.finditer(rest))]


def _question(packet: bytes) -> str:
    """The name that a DNS packet asks for; of any other question, its readable part."""
    labels, at = [], _DNS_HEADER_BYTES
    while at < len(packet) and 0 < packet[at] < 64 and at + packet[at] < len(packet):
        labels.append(packet[at + 1 : at + 1 + packet[at]].decode("ascii", "replace"))
        at += 1 + packet[at]
    if labels and at < len(packet) and packet[at] == 0:
        return ".".join(labels).lower()
    return re.sub(rb"[^ -~]+", b" ", packet).decode().strip()


def _raw(escaped: str) -> bytes:
    return bytes.fromhex(escaped.replace("\\x", ""))


def _text(escaped: str) -> str:
    return _raw(escaped).decode("utf-8", "replace") if "\\x" in escaped else escaped


def _readable(line: str) -> str:
    return _BYTES.sub(lambda found: repr(_raw(found[1]).decode("utf-8", "replace")), line)[:300]
