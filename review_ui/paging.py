"""Lists of the API come in pages: ``limit`` rows after the cursor ``after``, and ``next_after`` for the next page.

The cursor is the number of the last row, so that nothing is skipped or shown twice while new rows arrive.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from fastapi import Query
from pydantic import BaseModel, ConfigDict

After = Annotated[int, Query(ge=0, lt=2**31, description="the `next_after` of the page before; 0 for the first page")]
Limit = Annotated[int, Query(ge=1, le=200, description="how many at most")]


class Strict(BaseModel):
    """A body in which an unknown field is an error."""

    model_config = ConfigDict(extra="forbid")


def next_after(numbers: Sequence[int], limit: int) -> int | None:
    """The cursor of the next page; None on the last one."""
    return numbers[-1] if len(numbers) == limit else None
