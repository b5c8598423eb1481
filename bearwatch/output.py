"""Tables on standard output."""

from __future__ import annotations

from rich.console import Console


class Output(Console):
    """Rich's console, except that a reader who leaves early ends a table as it ends any other output."""

    def on_broken_pipe(self) -> None:
        """Let the command's edge answer it: see :mod:`bearwatch.terminal`."""
        raise BrokenPipeError
