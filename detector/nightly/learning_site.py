"""What a run of the nightly job is given: a site, its company on the machine, and words for what goes wrong."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Final

from core.config import Config
from core.media import MediaStore
from db.session import Database
from detector.learn.recipe import NIGHT_RECIPE, Recipe
from detector.models.bundle import BUILT_IN_NAME
from rollout.evidence.challenger_gate import ChallengerRules
from rollout.evidence.matching import MatchRule

WORK: Final = "learning"
MODELS: Final = "models"
_DIRECTORY_CHARS: Final = 16


@dataclass(frozen=True, slots=True)
class LearningSite:
    """Where a run reads and writes. ``data`` is the site's folder, ``media`` its pictures, ``rule`` the plan's.

    ``anchor`` names the frozen model that no challenger may fall behind: the built-in one, which only a new version of
    the program changes. ``rules`` are the gate's, ``recipe`` says how long the steps are and which layers take them.
    """

    database: Database
    config: Config
    media: MediaStore
    data: Path
    rule: MatchRule = field(default_factory=MatchRule)
    anchor: str = BUILT_IN_NAME
    rules: ChallengerRules = field(default_factory=ChallengerRules)
    recipe: Recipe = NIGHT_RECIPE


@dataclass(frozen=True, slots=True)
class Company:
    """Who else is there: frames that wait for the detector (None: not known), and whether this process shall end."""

    waiting: Callable[[], int | None] = lambda: None
    stopped: Callable[[], bool] = lambda: False
    sleep: Callable[[float], None] = time.sleep


class NothingToLearn(Exception):
    """There is nothing to do yet, or nothing may be done now; the message says what."""


class LessonError(Exception):
    """The challenger could not be trained or judged; the message says why."""


def work_folder(data: Path, run: int) -> Path:
    """Where a run keeps what it needs to go on after it was killed."""
    return data / WORK / f"run-{run}"


def model_folder(digest: str) -> PurePosixPath:
    """Where a learnt model lies, below the site's folder."""
    return PurePosixPath(MODELS) / digest[:_DIRECTORY_CHARS]
