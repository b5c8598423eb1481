"""Run everything on this machine: readers, detector, tracker, jobs and the page, with an embedded Redis and SQLite
unless REDIS_URL and DATABASE_URL say otherwise. Ctrl-C stops all of it."""

from __future__ import annotations

import argparse
import socket
import sys
import threading
import time
from contextlib import nullcontext, suppress
from pathlib import Path

from bearwatch.config_following import ConfigFollower
from bearwatch.local_site import (
    FirstAccount,
    embedded_redis,
    environment,
    prepare_database,
    programs,
    supervisor,
)
from bearwatch.processes import keep_private
from bearwatch.site_options import add_site_options, site_settings
from core.logs import configure_logging
from core.redis_client import exposed_address
from core.settings import Settings, settings
from review_ui.auth.accounts import WeakPassword
from rollout.stages.spec_file import load_configured


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The file, and what else differs from site to site."""
    add_site_options(parser)
    parser.add_argument("--host", default=settings().bearwatch_ui_host, help="address the page listens on")
    parser.add_argument("--port", type=int, default=settings().bearwatch_ui_port, help="port the page listens on")
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default=settings().bearwatch_device)


def run(arguments: argparse.Namespace) -> int:
    """Run until Ctrl-C."""
    chosen = site_settings(arguments).model_copy(
        update={
            "bearwatch_ui_host": arguments.host,
            "bearwatch_ui_port": arguments.port,
            "bearwatch_device": arguments.device,
        }
    )
    return run_site(chosen, arguments.config)


def run_site(chosen: Settings, config_file: Path, staged: bool = False) -> int:
    """Run everything of one machine until it is told to stop. ``staged``: nothing in it is real."""
    keep_private(chosen)
    configure_logging("bearwatch", chosen.bearwatch_log)
    config, _plan = load_configured(config_file)  # a mistake is said now, not by a process that dies again and again
    in_clear = exposed_address(chosen)
    if in_clear:
        print(in_clear, file=sys.stderr)
        return 1
    host, port = chosen.bearwatch_ui_host, chosen.bearwatch_ui_port
    if _listens(host, port):
        print(f"Something listens on {host}:{port} already; stop it, or choose another with --port.", file=sys.stderr)
        return 1
    try:
        account = prepare_database(chosen, config, staged)
    except WeakPassword as error:
        print(f"BEARWATCH_ADMIN_PASSWORD: {error}", file=sys.stderr)
        return 1
    with nullcontext() if chosen.redis_url else embedded_redis(chosen) as embedded:
        watch = supervisor(chosen, config_file, embedded)
        watch.stop_on_signals()
        env = environment(chosen, config_file, embedded.url if embedded else chosen.redis)
        follower = ConfigFollower(config_file)
        follower.start(threading.Event(), lambda _before, after: watch.change(programs(env, after)))
        # Said once the page answers, so that nobody opens it too early.
        threading.Thread(target=announce, args=(chosen, account, staged), daemon=True).start()
        watch.run()
    print("Everything has stopped.", file=sys.stderr)
    return 0


def announce(chosen: Settings, account: FirstAccount | None, staged: bool = False) -> None:
    """Wait until the page answers, then say where it is and, the first time, how to get in."""
    while not _listens(chosen.bearwatch_ui_host, chosen.bearwatch_ui_port):
        time.sleep(0.2)
    with suppress(BrokenPipeError):  # nobody reads it, as behind `| head`: the watch goes on
        _say_where(chosen, account, staged)


def _say_where(chosen: Settings, account: FirstAccount | None, staged: bool) -> None:
    print(f"\n  Bearwatch: http://{chosen.bearwatch_ui_host}:{chosen.bearwatch_ui_port}", flush=True)
    if account:
        print(f"  Log in as {account.name!r} with the password {account.password}", flush=True)
        if not staged:
            print("  (shown this once; you choose your own when you have logged in)", flush=True)
    print("  Ctrl-C stops everything.\n", flush=True)


def _listens(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), timeout=1).close()
    except OSError:
        return False
    return True
