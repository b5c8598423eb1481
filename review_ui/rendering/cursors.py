"""Lists of the API come in pages: ``limit`` rows after the cursor ``after``, and ``next_after`` for the next page.

The cursor names the last row, by its number or by its key, so that nothing is skipped or shown twice while new rows
arrive. Lists that are read backwards say ``before`` instead.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, TypeVar

from fastapi import Query
from pydantic import BaseModel, ConfigDict, Field

Row = TypeVar("Row")

After = Annotated[int, Query(ge=0, lt=2**31, description="the `next_after` of the page before; 0 for the first page")]
AfterKey = Annotated[
    str, Query(max_length=200, description="the `next_after` of the page before; empty for the first page")
]
Before = Annotated[
    int | None, Query(ge=1, lt=2**31, description="the `next_before` of the page before; leave it out for the newest")
]
BeforeKey = Annotated[
    str, Query(max_length=200, description="the `next_before` of the page before; empty for the newest")
]
Limit = Annotated[int, Query(ge=1, le=200, description="how many at most")]

NextAfter = Annotated[int | None, Field(description="give it as `after` to get the next page; null on the last one")]
NextAfterKey = Annotated[str | None, Field(description="give it as `after` to get the next page; null on the last one")]
NextBefore = Annotated[int | None, Field(description="give it as `before` to get older ones; null on the last page")]
NextBeforeKey = Annotated[str | None, Field(description="give it as `before` to get older ones; null on the last page")]


class StrictBody(BaseModel):
    """A body in which an unknown field is an error."""

    model_config = ConfigDict(extra="forbid")


def next_after(numbers: Sequence[int], limit: int) -> int | None:
    """The cursor of the next page; None on the last one."""
    return numbers[-1] if len(numbers) == limit else None


def page_of(rows: Sequence[Row], key: Callable[[Row], str], after: str, limit: int) -> tuple[list[Row], str | None]:
    """A page of rows that are in memory, in the order of their keys, with the cursor of the next one."""
    left = sorted((row for row in rows if key(row) > after), key=key)
    return left[:limit], key(left[limit - 1]) if len(left) > limit else None
