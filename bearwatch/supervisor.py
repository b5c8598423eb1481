"""Run all processes of one machine, restart what dies, and leave nothing behind.

Children run in sessions of their own, so that a terminal's Ctrl-C reaches the supervisor alone and it can stop them
in order: first what takes in new work, last what others depend on. The kernel ends them if the supervisor is killed.
"""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import FrameType
from typing import Protocol

from bearwatch.embedded import NoRedisServer, die_with_parent

log = logging.getLogger(__name__)

FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 30.0
STEADY_AFTER_S = 30.0
"""A process that has run this long is healthy: its next death is a first one again."""
STOP_WITHIN_S = 8.0


@dataclass(frozen=True, slots=True)
class Program:
    """A process to keep running. ``arguments`` follow ``python -m bearwatch``."""

    name: str
    arguments: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)


class ManagedServer(Protocol):
    """Something else that must live, as the embedded Redis: looked after beside the programs."""

    def alive(self) -> bool:
        """Whether it runs."""

    def start(self) -> None:
        """Start it and wait until it answers."""


@dataclass
class _Child:
    program: Program
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    deaths: int = 0
    start_at: float = 0.0


def pause_s(deaths: int) -> float:
    """How long to wait before starting a process again that has died ``deaths`` times in a row."""
    return float(min(FIRST_PAUSE_S * 2 ** (deaths - 1), LONGEST_PAUSE_S))


class Supervisor:
    """Keeps programs running until it is told to stop. Programs are started in order and stopped in reverse."""

    def __init__(self, programs: Sequence[Program], servers: Sequence[ManagedServer] = ()) -> None:
        self._children = [_Child(program) for program in programs]
        self._servers = servers
        self._stop = threading.Event()
        self._wanted: Sequence[Program] | None = None

    def stop_on_signals(self) -> None:
        """Stop on Ctrl-C and SIGTERM."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._on_signal)

    def change(self, programs: Sequence[Program]) -> None:
        """From now on keep these running: who is not among them is ended, who is new is started. From any thread."""
        self._wanted = programs

    def request_stop(self) -> None:
        """Make :meth:`run` return soon."""
        self._stop.set()

    def run(self) -> None:
        """Start everything, restart what dies, and stop everything at the end, whatever the end is."""
        try:
            while not self._stop.is_set():
                for server in self._servers:
                    _revive(server)
                self._take_change()
                for child in self._children:
                    self._supervise(child)
                self._stop.wait(0.2)
        finally:
            self._stop_all()

    def _take_change(self) -> None:
        wanted, self._wanted = self._wanted, None
        if wanted is None:
            return
        names = {program.name for program in wanted}
        leaving = [child for child in self._children if child.program.name not in names]
        known = {child.program.name for child in self._children}
        self._children = [child for child in self._children if child.program.name in names]
        self._children += [_Child(program) for program in wanted if program.name not in known]
        for child in leaving:
            if child.process is not None and child.process.poll() is None:
                child.process.terminate()
                _await_end(child.program.name, child.process, time.monotonic() + STOP_WITHIN_S)

    def pids(self) -> dict[str, int]:
        """Process ids of what runs now, by name."""
        return {
            child.program.name: child.process.pid
            for child in self._children
            if child.process is not None and child.process.poll() is None
        }

    def _supervise(self, child: _Child) -> None:
        now = time.monotonic()
        if child.process is not None and child.process.poll() is not None:
            self._note_death(child, now)
        if child.process is None and now >= child.start_at and not self._stop.is_set():
            child.process = _spawn(child.program)
            child.started_at = now

    def _note_death(self, child: _Child, now: float) -> None:
        code = child.process.returncode if child.process else None
        child.deaths = 1 if now - child.started_at > STEADY_AFTER_S else child.deaths + 1
        child.start_at = now + pause_s(child.deaths)
        child.process = None
        log.error("%s ended with %s; starting it again in %.1f s", child.program.name, code, child.start_at - now)

    def _stop_all(self) -> None:
        for child in reversed(self._children):
            if child.process is not None and child.process.poll() is None:
                child.process.terminate()
        deadline = time.monotonic() + STOP_WITHIN_S
        for child in reversed(self._children):
            if child.process is not None:
                _await_end(child.program.name, child.process, deadline)

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        log.info("stopping (%s)", signal.Signals(number).name)
        self._stop.set()


def _revive(server: ManagedServer) -> None:
    if not server.alive():
        log.error("the embedded Redis has ended; starting it again")
        try:
            server.start()
        except NoRedisServer as error:
            log.error("%s", error)  # tried again in a moment: the rest of the watch goes on without it


def _spawn(program: Program) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "bearwatch", *program.arguments],
        stdin=subprocess.DEVNULL,
        env={**os.environ, **program.environment},
        preexec_fn=die_with_parent,
        start_new_session=True,
    )


def _await_end(name: str, process: subprocess.Popen[bytes], deadline: float) -> None:
    try:
        process.wait(timeout=max(0.1, deadline - time.monotonic()))
    except subprocess.TimeoutExpired:
        log.warning("%s did not stop in time and is killed", name)
        process.kill()
        process.wait()
