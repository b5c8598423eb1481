"""Changes to labels: what somebody wants to correct, kept together until it is applied as one reviewed change.

Labels themselves are not stored. They follow from what people have decided and seen (see ``rollout/evidence/labels``),
and from the applied changes on top of that, so that a decision taken back takes its label with it.
"""

from __future__ import annotations

from enum import StrEnum

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from db.models.account_tables import User
from db.models.base import Base


class ChangeStatus(StrEnum):
    """Where a set of label edits is."""

    DRAFT = "draft"
    APPLIED = "applied"
    WITHDRAWN = "withdrawn"


class EditAction(StrEnum):
    """What is done with one label."""

    KEEP = "keep"
    """Looked at again and found right: it is not asked about any more."""
    RELABEL = "relabel"
    REMOVE = "remove"
    """The picture leaves the label set: it shows nothing that anybody can learn from."""


class LabelChange(Base):
    """A set of edits that is applied as a whole or not at all. ``digest`` is the SHA-256 of the edits as applied."""

    __tablename__ = "label_changes"
    __table_args__ = (Index(None, "author_id", "status"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    author_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    status: Mapped[str] = mapped_column(String(20), default=ChangeStatus.DRAFT)
    created_at: Mapped[float]
    reverts_id: Mapped[int | None] = mapped_column(ForeignKey("label_changes.id"))
    """The applied change that this one takes back."""
    ended_at: Mapped[float | None]
    """When it was applied or withdrawn."""
    ended_by_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    reason: Mapped[str | None] = mapped_column(Text)
    digest: Mapped[str | None] = mapped_column(String(64))

    author: Mapped[User] = relationship(foreign_keys=author_id)
    ended_by: Mapped[User | None] = relationship(foreign_keys=ended_by_id)
    edits: Mapped[list[LabelEdit]] = relationship(order_by="LabelEdit.id", cascade="all, delete-orphan")


class LabelEdit(Base):
    """One label in a change. ``before`` is what it said when the edit was made; ``after`` is empty for a removal."""

    __tablename__ = "label_edits"
    __table_args__ = (UniqueConstraint("change_id", "item"), Index(None, "item"))

    id: Mapped[int] = mapped_column(primary_key=True)
    change_id: Mapped[int] = mapped_column(ForeignKey("label_changes.id"))
    item: Mapped[str] = mapped_column(String(80))
    """What is labelled, as ``encounter:12``."""
    action: Mapped[str] = mapped_column(String(20))
    before: Mapped[str] = mapped_column(String(40))
    after: Mapped[str] = mapped_column(String(40))
    at: Mapped[float]
