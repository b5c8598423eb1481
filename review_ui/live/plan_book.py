"""The road as this process knows it: from the configuration, read again when its files change."""

from __future__ import annotations

import logging
import threading
from pathlib import Path

from core.config import Config
from core.config_file import ConfigError, load_config
from rollout.evidence.comparison import EvidenceRule
from rollout.stages.plan import Road, nowhere
from rollout.stages.spec_file import load_road, road_of

log = logging.getLogger(__name__)


class RoadBook:
    """Holds the road in force, as the controller does for itself: a mistake in a changed file leaves the old one.

    A road that could not be read even once leads nowhere, and can be stopped all the same.
    """

    def __init__(self, path: Path, config: Config) -> None:
        self._path = path
        self._own_file = config.rollout.file
        self._guard = threading.Lock()
        self._read = self._stamps()
        self.problem: str | None = None
        """What is wrong with the files, None when they are as they should be."""
        self._road = nowhere()
        try:
            self._road = road_of(config, path.parent)
        except ConfigError as error:
            self._broken(error)

    def road(self) -> Road:
        """The road now. Looks at the files' times at each call, and reads them only when they have changed."""
        with self._guard:
            stamps = self._stamps()
            if stamps != self._read and stamps[0] is not None:
                self._read = stamps
                self._read_again()
            return self._road

    def evidence_rule(self) -> EvidenceRule:
        """How the road says that sightings and detections are matched."""
        return EvidenceRule.of(self.road().defaults.evidence)

    def _read_again(self) -> None:
        try:
            config = load_config(self._path)
            self._own_file = config.rollout.file
            self._road, self.problem = load_road(self._path, config), None
        except ConfigError as error:
            self._broken(error)

    def _broken(self, error: ConfigError) -> None:
        self.problem = str(error)
        log.error("the road cannot be read:\n%s", error)

    def _stamps(self) -> list[tuple[float, int] | None]:
        own = [self._path.parent / self._own_file] if self._own_file else []
        return [_stamp(file) for file in (self._path, *own)]


def _stamp(file: Path) -> tuple[float, int] | None:
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_mtime, found.st_size
