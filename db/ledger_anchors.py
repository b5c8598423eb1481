"""Anchors: what the ledger's newest entry was, hour by hour, in a file that the database's user cannot reach.

The chain alone shows that an entry was changed by whoever did not compute the rest of it anew. Whoever can write to the
database can do that, or cut the tail off, and the chain is whole again. An anchor that was written before, somewhere
else, still knows which entry stood where. One line of JSON for each: ``{"at": …, "seq": …, "hash": …}``.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from db.models import LedgerEntry


@dataclass(frozen=True, slots=True)
class LedgerAnchor:
    """At ``at`` the newest entry had this number and this hash."""

    at: float
    seq: int
    hash: str


@dataclass(frozen=True, slots=True)
class AnchorCheck:
    """How many anchors were compared, up to which entry they reach, and the first that does not fit."""

    anchors: int
    up_to: int
    why: str | None


class UnreadableAnchors(ValueError):
    """The file of anchors is none; the message says which line."""


def drop_anchor(session: Session, file: Path, now: float) -> LedgerAnchor | None:
    """Write down what the newest entry is, if it is another one than the last time; returns what was written.

    Raises OSError when the file cannot be written.
    """
    newest = select(LedgerEntry.seq, LedgerEntry.hash).order_by(LedgerEntry.seq.desc()).limit(1)
    row = session.execute(newest).first()
    if row is None:
        return None
    known = read_anchors(file) if file.exists() else []
    if known and (known[-1].seq, known[-1].hash) == (row.seq, row.hash):
        return None
    anchor = LedgerAnchor(now, row.seq, row.hash)
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("a") as out:
        out.write(json.dumps(asdict(anchor)) + "\n")
        out.flush()
        os.fsync(out.fileno())
    return anchor


def read_anchors(file: Path) -> list[LedgerAnchor]:
    """All anchors of a file, in order. Raises :class:`UnreadableAnchors` and OSError."""
    found = []
    for number, line in enumerate(file.read_text().splitlines(), 1):
        try:
            said = json.loads(line)
            found.append(LedgerAnchor(float(said["at"]), int(said["seq"]), str(said["hash"])))
        except (ValueError, KeyError, TypeError) as error:
            raise UnreadableAnchors(f"{file}, line {number}: not an anchor: {error!r}") from error
    return found


def check_anchors(session: Session, anchors: list[LedgerAnchor]) -> AnchorCheck:
    """Compare the ledger with its anchors: every entry that one names has to be there, as it was then."""
    reached = 0
    for count, anchor in enumerate(anchors, 1):
        stands = session.scalar(select(LedgerEntry.hash).where(LedgerEntry.seq == anchor.seq))
        if stands is None:
            return AnchorCheck(
                count, reached, f"entry {anchor.seq} was there and is not any more: the tail was cut off"
            )
        if stands != anchor.hash:
            return AnchorCheck(
                count, reached, f"entry {anchor.seq} is another one than it was: the chain was computed anew"
            )
        if anchor.seq < reached:
            return AnchorCheck(count, reached, f"the anchors go back from entry {reached} to {anchor.seq}")
        reached = anchor.seq
    return AnchorCheck(len(anchors), reached, None)
