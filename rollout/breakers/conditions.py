"""The tiny language of ``when`` and ``site_if``: comparisons joined by ``or``. Parsed once, evaluated purely.

    condition := "any breaker input older than" NUMBER "intervals" | clause { "or" clause }
    clause    := quantity [ op [NUMBER "*"] (NUMBER | quantity) ] [ "for" DURATION | "consecutive" ]
    quantity  := NAME [ "/" NAME ]
    op        := "<" | "<=" | ">" | ">=" | "==" | "!="
    DURATION  := NUMBER ("s" | "m" | "h" | "d")

A bare quantity means "is above 0". Truth has three values: a quantity without a value is neither met nor unmet.
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches
from functools import lru_cache
from typing import Final

from rollout.breakers.input_metrics import INPUT_METRICS
from rollout.breakers.trip_scope import Scope

OPERATORS: Final[dict[str, Callable[[float, float], bool]]] = {
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge, "==": operator.eq, "!=": operator.ne,
}  # fmt: skip
SECONDS: Final = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
COUNTED_IN_A_ROW: Final = frozenset({"planted_clip_missed", "self_proof_failed"})

_STALE = re.compile(r"any breaker input older than (\d+(?:\.\d+)?) intervals")
_CLAUSE = re.compile(
    r"(?P<name>[a-z_][a-z0-9_]*)(?:\s*/\s*(?P<per>[a-z_][a-z0-9_]*))?"
    r"(?:\s*(?P<op><=|>=|==|!=|<|>)\s*(?:(?P<number>\d+(?:\.\d+)?)(?:\s*\*\s*(?P<times>[a-z_][a-z0-9_]*))?"
    r"|(?P<other>[a-z_][a-z0-9_]*)))?"
    r"(?:\s+for\s+(?P<hold>\d+(?:\.\d+)?)(?P<unit>[smhd])|\s+(?P<row>consecutive))?"
)
_HOW = (
    "write `quantity op number`, with `for 5m` or `or …` behind it, as `redis_lag_s > 60 for 2m or redis_len > 20000`"
)

ValueOf = Callable[[str], float | None]


@dataclass(frozen=True, slots=True)
class Clause:
    """One comparison: ``name [/ per]`` against ``limit [* times]``, true for ``hold_s`` seconds on end."""

    text: str
    name: str
    per: str | None
    op: str
    limit: float
    times: str | None
    hold_s: float

    @property
    def names(self) -> tuple[str, ...]:
        """The quantities that it needs."""
        return tuple(name for name in (self.name, self.per, self.times) if name)


@dataclass(frozen=True, slots=True)
class Condition:
    """Clauses joined by ``or``; or, with ``stale_intervals``, the question whether any input is too old."""

    text: str
    clauses: tuple[Clause, ...]
    scope: Scope
    """Of what the quantities are: the condition is asked once for each of these."""
    stale_intervals: float | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check of a clause found. ``met`` is None when a value is missing."""

    met: bool | None
    value: float | None
    limit: float | None


@lru_cache(maxsize=256)
def parse(text: str) -> Condition:
    """Read a condition. Raises ValueError with what to write instead."""
    words = " ".join(text.split())
    stale = _STALE.fullmatch(words)
    if stale:
        return Condition(words, (), Scope.REGION, float(stale.group(1)))
    clauses = tuple(_clause(part.strip()) for part in re.split(r"\sor\s", words))
    scopes = {INPUT_METRICS[name].scope for clause in clauses for name in clause.names}
    if len(scopes) > 1:
        named = ", ".join(f"{n} is per {INPUT_METRICS[n].scope}" for clause in clauses for n in clause.names)
        raise ValueError(f"{text!r} mixes quantities of different things ({named}); write two breakers' worth of one")
    return Condition(words, clauses, scopes.pop())


def evaluate(clause: Clause, value_of: ValueOf) -> Finding:
    """Compare. A missing value, or one divided by 0, is neither met nor unmet. NaN is a missing value."""
    value, limit = value_of(clause.name), clause.limit
    if clause.per:
        below = value_of(clause.per)
        value = value / below if value is not None and below else None
    if clause.times:
        factor = value_of(clause.times)
        if factor is None:
            return Finding(None, value, None)
        limit *= factor
    if value is None or math.isnan(value):
        return Finding(None, None, limit)
    return Finding(OPERATORS[clause.op](value, limit), value, limit)


def _clause(text: str) -> Clause:
    match = _CLAUSE.fullmatch(text)
    if match is None:
        raise ValueError(f"cannot read {text!r}; {_HOW}")
    found = match.groupdict()
    limit, times = float(found["number"] or 1.0), found["times"] or found["other"]
    if found["op"] is None:
        limit = 0.0
    for name in (found["name"], found["per"], times):
        if name is not None and name not in INPUT_METRICS:
            raise ValueError(unknown(name))
    if found["row"] and found["name"] not in COUNTED_IN_A_ROW:
        raise ValueError(f"{found['name']} is not counted in a row; leave out `consecutive`, or write `for 5m`")
    hold_s = float(found["hold"]) * SECONDS[found["unit"]] if found["hold"] else 0.0
    return Clause(text, found["name"], found["per"], found["op"] or ">", limit, times, hold_s)


def unknown(name: str) -> str:
    """What to write instead of a quantity that does not exist."""
    near = get_close_matches(name, INPUT_METRICS, n=1)
    hint = f"; did you mean {near[0]}?" if near else f"; known: {', '.join(sorted(INPUT_METRICS))}"
    return f"unknown quantity {name!r}{hint}"
