"""Learn from what rangers have said: train a challenger from the champion, judge it, and register it if it passed.

`bearwatch learn --now` runs the nightly job now, behind everything else on this machine; killed, it goes on when it is
begun again. `bearwatch learn status` says what the last nights were. Nothing is promoted by it: people do that."""

from __future__ import annotations

import argparse
import json
import sys
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import redis
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from bearwatch.processes import stop_on_signals
from bearwatch.site_options import add_site_options, site_settings
from core.config import Config
from core.config_file import load_config
from core.media import MediaStore
from core.redis_client import connect
from core.settings import Settings
from core.streams import DETECTORS, FrameStreams, frames_stream
from db.existing import open_existing
from db.models import LearningRun, LearningStatus, LearningTrigger
from db.session import Database
from detector.nightly.guard import step_back
from detector.nightly.learning_site import Company, LearningSite
from detector.nightly.night import learn
from detector.nightly.run_store import AlreadyLearning, recent_runs
from rollout.stages.plan import evidence_rule
from rollout.stages.spec_file import load_configured

SHOWN = 10


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What to do, and where."""
    parser.add_argument("action", nargs="?", choices=("status",), help="what the last nights were")
    parser.add_argument("--now", action="store_true", help="train and judge a challenger now")
    parser.add_argument("--nightly", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--seed", type=int, default=1, help="same seed, same labels, same challenger (1)")
    parser.add_argument("--json", action="store_true", help="the outcome as one JSON document on standard output")
    add_site_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """Exit status 0 when the run ended, accepted or not, or there was nothing to learn; 1 when something was wrong, or
    another process is at it; 2 for a command line that says nothing."""
    if arguments.now == (arguments.action == "status"):
        print("bearwatch learn: write `bearwatch learn --now` or `bearwatch learn status`", file=sys.stderr)
        return 2
    current = site_settings(arguments)
    database = open_existing(current.database)
    try:
        return _status(arguments, database) if arguments.action else _learn(arguments, current, database)
    except AlreadyLearning as error:
        print(f"bearwatch learn: {error}", file=sys.stderr)
        return 1
    finally:
        database.close()


def _learn(arguments: argparse.Namespace, current: Settings, database: Database) -> int:
    config, plan = load_configured(current.bearwatch_config)
    stop = stop_on_signals()
    site = LearningSite(
        database,
        config,
        MediaStore(current.media_dir),
        current.bearwatch_data,
        evidence_rule(plan.defaults.evidence).match,
    )
    step_back()
    trigger = LearningTrigger.NIGHTLY if arguments.nightly else LearningTrigger.PERSON
    company = Company(frames_waiting(current.redis, config), stop.is_set)
    with LearningBar(database, quiet=arguments.nightly):
        row = learn(site, trigger, company, arguments.seed)
    if arguments.json:
        print(json.dumps(as_json(row)))
    else:
        print(_line(row))
    return 1 if row.status in (LearningStatus.FAILED, LearningStatus.RUNNING) else 0


def frames_waiting(address: str, config: Config) -> Callable[[], int | None]:
    """How many frames wait for the detector, asked anew each time; None while Redis does not answer."""
    client = connect(address)
    streams = {shard: FrameStreams(client, shard) for shard in config.shards()}

    def waiting() -> int | None:
        try:
            return sum(sum(each.waiting(frames_stream(shard), DETECTORS)) for shard, each in streams.items())
        except redis.RedisError:
            return None

    return waiting


class LearningBar:
    """A bar on standard error that follows the row while the block runs."""

    def __init__(self, database: Database, quiet: bool) -> None:
        columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
        self.database = database
        self.over = threading.Event()
        self.progress = Progress(*columns, console=Console(stderr=True), disable=quiet)
        self.thread = threading.Thread(target=self._follow, daemon=True)

    def __enter__(self) -> None:
        self.progress.start()
        self.thread.start()

    def __exit__(self, *_: object) -> None:
        self.over.set()
        self.thread.join()
        self.progress.stop()

    def _follow(self) -> None:
        task = self.progress.add_task("beginning", total=None)
        while not self.over.wait(1):
            with self.database.read() as session:
                row = recent_runs(session, 1)[0:1]
            for each in row:
                if each.status == LearningStatus.RUNNING:
                    self.progress.update(task, description=each.stage, completed=each.done, total=each.total or None)


def _status(arguments: argparse.Namespace, database: Database) -> int:
    config = load_config(arguments.config)
    with database.read() as session:
        rows = recent_runs(session, SHOWN)
    if arguments.json:
        print(json.dumps({"nightly": config.learning.nightly, "runs": [as_json(row) for row in rows]}))
        return 0
    nightly = "at midnight" if config.learning.nightly else "never by itself (`learning.nightly` is false)"
    print(f"Learning runs {nightly}. {'The newest runs:' if rows else 'It has not run yet.'}")
    for row in rows:
        print(_line(row))
    return 0


def _line(row: LearningRun) -> str:
    began = datetime.fromtimestamp(row.started_at, UTC).strftime("%Y-%m-%d %H:%M UTC")
    if row.status == LearningStatus.RUNNING:
        done = f", {row.done} of {row.total}" if row.total else ""
        return f"run {row.id}, {began}: running, {row.stage}{done}"
    return f"run {row.id}, {began}: {row.status}: {row.said}"


def as_json(row: LearningRun) -> dict[str, Any]:
    """A run with its lineage."""
    return {column.key: getattr(row, column.key) for column in LearningRun.__table__.columns}
