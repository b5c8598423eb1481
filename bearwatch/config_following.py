"""The configuration follows its file while a process runs: taken whole, or refused whole and said.

Every process of a site reads the same file in the same way. The readers of cameras take a change on the fly
(:meth:`ingest.ingest_process.Ingest.take`); every other process whose part of it has changed ends in order and begins
again in its place: what waits for it in Redis waits for a few seconds, and nothing is lost.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final

from core.config import Config
from core.config_file import ConfigError, load_config
from core.file_stamps import Stamp, config_stamps, stamp

log = logging.getLogger(__name__)

CHECK_EVERY_S: Final = 1.0

Take = Callable[[Config, Config], None]
"""What is done with a configuration that holds from now on; the one before comes first."""

_begin_again = threading.Event()


def load_whole(path: Path) -> Config:
    """Read the configuration and check it with its rollout plan. A small box that has no database packages checks its
    own part. Raises :class:`core.config_file.ConfigError`.
    """
    try:
        from rollout.stages.spec_file import load_configured
    except ModuleNotFoundError:
        return load_config(path)
    return load_configured(path).config


class ConfigFollower:
    """Looks at the files about once a second; whatever is wrong with them, the last good configuration holds."""

    def __init__(self, path: Path, first: Callable[[Path], Config] = load_whole) -> None:
        """``first`` reads the configuration to begin with, and raises :class:`core.config_file.ConfigError`."""
        self.path = path
        before = stamp(path)  # looked at first: what is written while it is read counts as a change
        self.config = first(path)
        self._seen: list[Stamp] = [before, *config_stamps(path, self.config)[1:]]
        self._settling = self._seen

    def check(self) -> Config | None:
        """The configuration that was in force until now, when another one holds from now on; else None.

        A file counts as written when it looks the same twice: an editor may still be at it.
        """
        now = config_stamps(self.path, self.config)
        if now == self._seen:
            return None
        settled = now == self._settling
        self._settling = now
        if not settled:
            return None
        self._seen = now
        try:
            config = load_whole(self.path)
        except ConfigError as error:
            log.error("the configuration cannot be used, what was in force stays in force:\n%s", error)
            return None
        self._seen = [*now[:1], *config_stamps(self.path, config)[1:]]
        self._settling = self._seen
        if config == self.config:
            return None
        before, self.config = self.config, config
        return before

    def start(self, stop: threading.Event, take: Take) -> None:
        """Follow on a thread until ``stop`` is set."""
        threading.Thread(target=self._run, args=(stop, take), name="configuration", daemon=True).start()

    def _run(self, stop: threading.Event, take: Take) -> None:
        while not stop.wait(CHECK_EVERY_S):
            before = self.check()
            if before is not None:
                log.info("the configuration has changed and holds from now on: %s", self.path)
                take(before, self.config)


def but_the_plan(before: Config, after: Config) -> bool:
    """Whether anything has changed beside the rollout plan, which is followed where it is decided."""
    return before.model_copy(update={"rollout": after.rollout}) != after


def begin_again_when(matters: Callable[[Config, Config], bool]) -> Take:
    """End this process in order and begin it again where a change matters to it."""

    def take(before: Config, after: Config) -> None:
        if matters(before, after):
            _begin_again.set()
            os.kill(os.getpid(), signal.SIGTERM)

    return take


def begin_again_if_wanted() -> None:
    """Called when everything of this process has ended: become it anew, under the same process id."""
    if _begin_again.is_set():
        log.info("beginning again with the changed configuration")
        sys.stdout.flush()
        sys.stderr.flush()
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])
