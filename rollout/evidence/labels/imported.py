"""Labels that were brought from elsewhere, as long as nobody has undone their import."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from db.models import ImportedLabel, LabelImport
from rollout.evidence.labels.labelled import Labelled
from rollout.evidence.labels.vocabulary import Source

ITEM = "import:"


def of_imports(
    session: Session, hidden: Collection[str], until: float, bears: Collection[str], only: Collection[int] | None = None
) -> Iterator[Labelled]:
    """The imported labels as they stood at ``until``, but those of ``hidden`` campsites; or ``only`` some of them."""
    query = (
        select(ImportedLabel)
        .join(LabelImport, LabelImport.id == ImportedLabel.import_id)
        .where(
            LabelImport.at <= until,
            or_(LabelImport.undone_at.is_(None), LabelImport.undone_at > until),
            ImportedLabel.campsite_id.not_in(hidden),
        )
    )
    if only is not None:
        query = query.where(ImportedLabel.id.in_(only))
    for row in session.scalars(query):
        yield Labelled(
            item=f"{ITEM}{row.id}",
            media=row.media,
            box=None if row.box is None else (row.box[0], row.box[1], row.box[2], row.box[3]),
            camera_id=row.camera_id,
            campsite_id=row.campsite_id,
            captured_at=row.captured_at,
            label=row.label,
            source=Source.IMPORT,
            probability=1.0,
            score=None,
            model=row.labeller if row.machine else "",
            infrared=row.infrared,
            is_bear=row.label in bears,
        )
