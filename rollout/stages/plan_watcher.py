"""The configuration and the plan in it as a process knows them: read again when their files change."""

from __future__ import annotations

import logging
import os
import threading
from pathlib import Path
from typing import Final

from core.config import Config
from core.config_file import ConfigError, Document
from core.file_stamps import Stamp, config_stamps
from rollout.evidence.comparison import EvidenceRule
from rollout.stages.plan import RolloutPlan, empty_plan
from rollout.stages.spec_file import Configured, load_configured, plan_in

log = logging.getLogger(__name__)


class PlanWatcher:
    """Holds what is in force. A mistake in a changed file is logged and kept in ``problem``; nothing else changes.

    Several threads may ask at once.
    """

    def __init__(self, path: Path, config: Config, plan: RolloutPlan) -> None:
        self.path = path
        self.config = config
        self.plan = plan
        self.problem: str | None = None
        """What is wrong with the files; None while they are as they should be."""
        self._guard = threading.Lock()
        self._seen: list[Stamp] = self._stamps()

    @classmethod
    def load(cls, path: Path) -> PlanWatcher:
        """Read a configuration file. Raises :class:`core.config_file.ConfigError` for a mistake in it."""
        config, plan = load_configured(path)
        return cls(path, config, plan)

    @classmethod
    def over(cls, path: Path, config: Config) -> PlanWatcher:
        """Over a configuration that was read already. A plan that cannot be read leads nowhere and is a ``problem``:
        it can be stopped all the same.
        """
        watcher = cls(path, config, empty_plan())
        try:
            watcher.plan = plan_in(Document(str(path), os.environ, None, {}), config)
        except ConfigError as error:
            watcher._broken(error)
        return watcher

    def refresh(self) -> bool:
        """Read again what has changed; returns whether what is in force is new. Costs two reads of files' times."""
        with self._guard:
            stamps = self._stamps()
            if stamps == self._seen:
                return False
            self._seen = stamps
            try:
                self.config, self.plan = load_configured(self.path)
            except ConfigError as error:
                self._broken(error)
                return False
            # What was read may name a file that was not looked at before; its changes count from now on.
            self._seen += self._stamps()[len(stamps) :]
            self.problem = None
            return True

    def current(self) -> RolloutPlan:
        """The plan in force now, after :meth:`refresh`."""
        self.refresh()
        return self.plan

    def evidence_rule(self) -> EvidenceRule:
        """How the plan in force now says that sightings and detections are matched."""
        return self.current().evidence_rule()

    def _broken(self, error: ConfigError) -> None:
        self.problem = str(error)
        log.error("the configuration cannot be used, what was in force stays in force:\n%s", error)

    def _stamps(self) -> list[Stamp]:
        return config_stamps(self.path, self.config)


def in_force(path: Path) -> Configured:
    """What holds now for a job of this process: the file as it is, or as it was before somebody made a mistake in it.

    Raises :class:`core.config_file.ConfigError` where this process has never read it without a mistake.
    """
    with _GUARD:
        watcher = _WATCHERS.get(path)
        if watcher is None:
            watcher = _WATCHERS[path] = PlanWatcher.load(path)
    watcher.refresh()
    return Configured(watcher.config, watcher.plan)


_WATCHERS: Final[dict[Path, PlanWatcher]] = {}
_GUARD: Final = threading.Lock()
