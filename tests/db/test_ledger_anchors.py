"""The ledger beside its anchors: what the chain alone cannot show."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from sqlalchemy import delete, select, update

from bearwatch.cli import main
from bearwatch.housekeeping import anchor_ledger
from db.ledger import GENESIS, digest, record, verify
from db.ledger_anchors import UnreadableAnchors, check_anchors, drop_anchor, read_anchors
from db.models import LedgerEntry
from db.session import Database


def write(database: Database, first: int, last: int) -> None:
    """Entries with these numbers."""
    with database.write() as session:
        for number in range(first, last + 1):
            record(session, at=float(number), kind="x", subject=f"alert:{number}", actor="user:1")


def rewrite(database: Database, seq: int) -> None:
    """Somebody who can write to the database changes an entry, and computes all hashes behind it anew."""
    with database.write() as session:
        previous = GENESIS
        for entry in session.scalars(select(LedgerEntry).order_by(LedgerEntry.seq)):
            if entry.seq == seq:
                entry.actor = "user:666"
            entry.previous, previous = previous, ""
            entry.hash = previous = digest(entry)


@pytest.fixture
def anchored(database: Database, tmp_path: Path) -> Path:
    """Ten entries, with anchors at the fourth and the eighth."""
    file = tmp_path / "elsewhere" / "anchors"
    for first, last in ((1, 4), (5, 8), (9, 10)):
        write(database, first, last)
        if last < 10:
            anchor_ledger(database, file, float(last))
    return file


def why(database: Database, file: Path) -> str | None:
    """What does not fit, where the chain itself is whole."""
    with database.read() as session:
        assert verify(session).broken_at is None
        return check_anchors(session, read_anchors(file)).why


def test_a_ledger_that_nobody_has_touched_fits_its_anchors(database: Database, anchored: Path) -> None:
    assert why(database, anchored) is None
    assert [anchor.seq for anchor in read_anchors(anchored)] == [4, 8]
    assert anchored.stat().st_size == len(anchored.read_bytes())


def test_a_tail_that_was_cut_off_is_found_also_when_others_grew_in_its_place(
    database: Database, anchored: Path
) -> None:
    with database.write() as session:
        session.execute(delete(LedgerEntry).where(LedgerEntry.seq > 5))
    assert why(database, anchored) == "entry 8 was there and is not any more: the tail was cut off"
    write(database, 6, 12)
    with database.write() as session:
        session.execute(update(LedgerEntry).where(LedgerEntry.seq > 5).values(actor="user:666"))
    rewrite(database, 6)
    assert why(database, anchored) == "entry 8 is another one than it was: the chain was computed anew"


@pytest.mark.parametrize("seq", [1, 4, 7, 8])
def test_a_chain_that_was_computed_anew_is_found(database: Database, anchored: Path, seq: int) -> None:
    rewrite(database, seq)
    assert "computed anew" in (why(database, anchored) or "")


def test_nothing_new_needs_no_anchor_and_an_empty_ledger_has_none(database: Database, tmp_path: Path) -> None:
    file = tmp_path / "anchors"
    with database.read() as session:
        assert drop_anchor(session, file, 1.0) is None
    write(database, 1, 1)
    for _ in range(3):
        anchor_ledger(database, file, 2.0)
    assert len(read_anchors(file)) == 1


def test_the_command_says_so(
    sqlite_database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "anchors"
    write(sqlite_database, 1, 4)
    anchor_ledger(sqlite_database, file, 4.0)
    monkeypatch.setenv("DATABASE_URL", str(sqlite_database.url))
    assert main(["ledger", "verify", "--anchors", str(file), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["anchored"] == {"anchors": 1, "up_to": 4, "why": None}
    with sqlite_database.write() as session:
        session.execute(delete(LedgerEntry).where(LedgerEntry.seq > 2))
    assert main(["ledger", "verify", "--anchors", str(file)]) == 1
    assert "NOT AS IT WAS: entry 4" in capsys.readouterr().out
    assert main(["ledger", "verify", "--anchors", str(tmp_path / "none")]) == 2
    file.write_text("nonsense\n")
    with pytest.raises(UnreadableAnchors, match="line 1"):
        read_anchors(file)
