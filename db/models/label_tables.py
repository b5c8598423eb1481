"""Changes to labels: what somebody wants to correct, kept together until it is applied as one reviewed change.

Labels themselves are not stored. They follow from what people have decided and seen (see ``rollout/evidence/labels``),
and from the applied changes on top of that, so that a decision taken back takes its label with it.
"""

from __future__ import annotations

from enum import StrEnum

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from core.messages import Box
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


class Animal(Base):
    """A word of the vocabulary that somebody has added: an animal, and of which one it is a kind. Never removed."""

    __tablename__ = "animals"

    key: Mapped[str] = mapped_column(String(40), primary_key=True)
    """As labels store it: lower-case letters, digits and underscores."""
    name: Mapped[str] = mapped_column(String(80))
    """What people call it."""
    taxon: Mapped[str] = mapped_column(String(120))
    """Its scientific name, as ``Ursus americanus``."""
    parent: Mapped[str | None] = mapped_column(String(40))
    """The word that holds for it too: a grizzly is a bear. None for an animal that is none of those known."""
    added_at: Mapped[float]
    added_by_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))


class LabelImport(Base):
    """Labels that were brought from elsewhere in one go. It is undone as a whole, and its rows stay."""

    __tablename__ = "label_imports"

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[float]
    format: Mapped[str] = mapped_column(String(20))
    file: Mapped[str] = mapped_column(Text)
    """What the file was called."""
    digest: Mapped[str] = mapped_column(String(64))
    """SHA-256 of the file."""
    timezone: Mapped[str] = mapped_column(String(64))
    """Of times without an offset, and of the nights of places that are not this site's."""
    machine: Mapped[bool]
    """Whether labels that a model had made were taken too."""
    user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    undone_at: Mapped[float | None]
    undone_by_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))


class ImportedLabel(Base):
    """One label that was brought from elsewhere, as ``import:7``. Rows are only ever added."""

    __tablename__ = "imported_labels"
    __table_args__ = (Index(None, "media"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    import_id: Mapped[int] = mapped_column(ForeignKey("label_imports.id"), index=True)
    label: Mapped[str] = mapped_column(String(40))
    campsite_id: Mapped[str] = mapped_column(String(63))
    """One of the site's, or with a leading underscore a place elsewhere."""
    camera_id: Mapped[str] = mapped_column(String(63))
    captured_at: Mapped[float]
    infrared: Mapped[bool | None]
    box: Mapped[Box | None]
    media: Mapped[str | None] = mapped_column(String(200))
    """The picture's media key; None once it was deleted."""
    file: Mapped[str] = mapped_column(Text)
    """What the picture was called there."""
    said: Mapped[str] = mapped_column(Text)
    """What the label was called there."""
    labeller: Mapped[str] = mapped_column(Text, server_default=text("''"))
    """Who or what had said so there, as far as the file tells."""
    machine: Mapped[bool]
    """Whether a model had said so."""
