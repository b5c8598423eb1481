"""A bar for each step of a long command, on standard error; none where nobody watches."""

from __future__ import annotations

from typing import Self

from rich.console import Console
from rich.progress import Progress

from db.table_copy import Told


class StepBars:
    """Shown as long as the block lasts."""

    def __init__(self) -> None:
        console = Console(stderr=True)
        self._progress = Progress(console=console, transient=True, disable=not console.is_terminal)

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def begin(self, step: str) -> Told:
        """A bar for a step; what it returns is told what is done and what there is in all, 0 where nobody knows."""
        task = self._progress.add_task(step, total=None)
        return lambda done, total: self._progress.update(
            task, completed=done, total=total or None, description=step if total else f"{step}: {done}"
        )
