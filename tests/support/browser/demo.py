"""The demo as a newcomer starts it: one command, an address and a password."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Page

ROOT = Path(__file__).parents[3]


@dataclass
class Demo:
    """A running demo as a newcomer has it: what it printed, and where its data is."""

    process: subprocess.Popen[str]
    address: str
    password: str
    data: Path


@contextmanager
def running_demo(
    data: Path,
    program: Sequence[str] = (sys.executable, "-m", "bearwatch"),
    folder: Path = ROOT,
    environment: Mapping[str, str] | None = None,
) -> Iterator[Demo]:
    """`bearwatch demo`, as `make demo` runs it, until the block ends."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [*program, "demo", "--data", str(data), "--port", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=folder, env=environment)
    assert process.stdout is not None
    said = ""
    while "Ctrl-C" not in said:
        line = process.stdout.readline()
        assert line, f"the demo ended before its page was up; it said: {said}"
        said += line
    password = re.search(r"password (\S+)", said)
    assert password, said
    try:
        yield Demo(process, f"http://127.0.0.1:{port}", password.group(1), data)
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()


def sign_in(page: Page, demo: Demo) -> None:
    """Log in with what the demo printed."""
    page.goto(f"{demo.address}/")
    page.get_by_label("Name").fill("ranger")
    page.get_by_label("Password").fill(demo.password)
    page.get_by_role("button", name="Sign in").click()
