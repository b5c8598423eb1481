"""What an examination finds, and what it looks at."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final, Literal

from core.config import Config
from core.settings import Settings

Level = Literal["wrong", "doubtful", "good"]
LEVELS: Final[tuple[Level, ...]] = ("wrong", "doubtful", "good")


@dataclass(frozen=True, slots=True)
class Finding:
    """One line: about ``what``, in words, with what to do where something is to be done."""

    level: Level
    what: str
    text: str
    remedy: str = ""

    def __str__(self) -> str:
        return f"{self.what}: {self.text}" + (f". Do: {self.remedy}" if self.remedy else "")


@dataclass(frozen=True, slots=True)
class Patient:
    """The site that is examined. ``config`` is None where it cannot be used; ``patience_s`` bounds each question."""

    settings: Settings
    config: Config | None
    now: float
    patience_s: float


Examination = Callable[[Patient], Iterable[Finding]]


def good(what: str, text: str) -> Finding:
    """As it should be."""
    return Finding("good", what, text)


def doubtful(what: str, text: str, remedy: str) -> Finding:
    """It works, and may not tomorrow, or not for everybody."""
    return Finding("doubtful", what, text, remedy)


def wrong(what: str, text: str, remedy: str) -> Finding:
    """Something does not work."""
    return Finding("wrong", what, text, remedy)


def examine(patient: Patient, examinations: Iterable[Examination]) -> Iterator[Finding]:
    """Everything that the examinations find, one after the other; one that fails is a finding itself."""
    for each in examinations:
        try:
            yield from each(patient)
        except Exception as error:  # noqa: BLE001  # no fault of this machine may hide the others
            name = each.__name__
            yield wrong(name, f"could not be examined: {error!r}", "look at it by hand, and report this line")
