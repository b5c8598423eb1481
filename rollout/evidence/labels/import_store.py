"""Store a checked import, and take one back. Both are all or nothing, and stand in the ledger."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from core.media import MediaStore
from core.messages import Box, content_digest
from db.ledger import record
from db.models import ImportedLabel, LabelImport
from db.session import Database
from rollout.evidence.labels.collection import collection
from rollout.evidence.labels.importing import CheckedLabel
from rollout.evidence.labels.label_scope import EveryLabel
from rollout.evidence.labels.labelled import picture_of, same_place
from rollout.evidence.matching import MatchRule

COMMAND_LINE = "operator at the machine"
"""Who did it, in the ledger, where nobody said so."""


@dataclass(frozen=True, slots=True)
class ImportOrigin:
    """Where an import is from, and who brings it in."""

    format: str
    file: str
    digest: str
    timezone: str
    machine: bool
    user_id: int | None


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import has stored. ``number`` is None when all of it was here already."""

    number: int | None
    stored: int
    already_here: int


class PictureChanged(ValueError):
    """A picture is not what it was when it was checked."""


class ImportGone(ValueError):
    """There is no such import, or it has been undone."""


def store_import(
    database: Database,
    media: MediaStore,
    labels: Sequence[CheckedLabel],
    origin: ImportOrigin,
    now: float,
    advance: Callable[[], None] = lambda: None,
) -> Imported:
    """Store labels with their pictures, but those that are here already: same picture, same box, same word.

    Pictures lie under the day on which they were brought in: from then on they are kept as long as evidence is.
    Whatever goes wrong (:class:`core.media.MediaFull`, a picture that vanished, the database), nothing is left behind.
    """
    with database.read() as session:
        new = _not_here_yet(session, labels, now)
    if not new:
        return Imported(None, 0, len(labels))
    written: list[str] = []
    try:
        keys = [_put(media, each, now, written, advance) for each in new]
        with database.write() as session:
            number = _write(session, list(zip(new, keys, strict=True)), origin, now)
    except BaseException:
        for key in written:
            media.remove(key)
        raise
    return Imported(number, len(new), len(labels) - len(new))


def undo_import(session: Session, number: int, user_id: int | None, now: float) -> int:
    """Take an import back; how many labels it had. Its rows stay. Raises :class:`ImportGone`."""
    undone = session.execute(
        update(LabelImport)
        .where(LabelImport.id == number, LabelImport.undone_at.is_(None))
        .values(undone_at=now, undone_by_id=user_id)
    )
    if undone.rowcount != 1:  # type: ignore[attr-defined]  # an UPDATE's result counts rows
        raise ImportGone(f"there is no import {number} that stands")
    count = session.scalar(select(func.count(ImportedLabel.id)).where(ImportedLabel.import_id == number)) or 0
    record(
        session,
        at=now,
        kind="labels.import_undone",
        subject=f"import:{number}",
        actor=_actor(user_id),
        body={"import": number, "labels": count},
    )
    return count


def _put(media: MediaStore, each: CheckedLabel, now: float, written: list[str], advance: Callable[[], None]) -> str:
    """Store a picture; its key is ``written`` when it was not there before."""
    content = each.file.read_bytes()
    if content_digest(content) != each.content:
        raise PictureChanged(f"{each.file} has changed while it was read")
    key = media.key(each.camera, now, content)
    if not media.path(key).exists():
        written.append(key)
    advance()
    return media.put(each.camera, now, content)


def _write(session: Session, labels: Sequence[tuple[CheckedLabel, str]], origin: ImportOrigin, now: float) -> int:
    row = LabelImport(
        at=now, format=origin.format, file=origin.file, digest=origin.digest, timezone=origin.timezone,
        machine=origin.machine, user_id=origin.user_id,
    )  # fmt: skip
    session.add(row)
    session.flush()
    session.add_all(_row(row.id, each, key) for each, key in labels)
    session.flush()
    record(
        session,
        at=now,
        kind="labels.imported",
        subject=f"import:{row.id}",
        actor=_actor(origin.user_id),
        body={"import": row.id, "format": origin.format, "file": origin.file, "digest": origin.digest,
              "labels": len(labels)},
    )  # fmt: skip
    return row.id


def _row(number: int, each: CheckedLabel, key: str) -> ImportedLabel:
    return ImportedLabel(
        import_id=number, label=each.label, campsite_id=each.campsite, camera_id=each.camera,
        captured_at=each.captured_at, infrared=each.infrared, box=each.box, media=key, file=each.named, said=each.said,
        labeller=each.labeller, machine=each.machine,
    )  # fmt: skip


def _not_here_yet(session: Session, labels: Sequence[CheckedLabel], now: float) -> list[CheckedLabel]:
    """Those of which no label of the same picture says the same of the same place in it; each only once."""
    here: dict[tuple[str, str], list[Box | None]] = defaultdict(list)
    for known in collection(session, EveryLabel(MatchRule()), now):
        if known.media is not None:
            here[picture_of(known.media), known.label].append(known.box)
    new = []
    for each in labels:
        boxes = here[each.content, each.label]
        if not any(same_place(each.box, box) for box in boxes):
            boxes.append(each.box)
            new.append(each)
    return new


def _actor(user_id: int | None) -> str:
    return COMMAND_LINE if user_id is None else f"user:{user_id}"
