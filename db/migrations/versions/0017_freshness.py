"""Sight is called freshness: two tables and two columns of the leases take the names that the code uses"""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _rename_columns({"sight_s": "fresh_within_s", "sight_back_s": "fresh_back_s"})
    _move("camera_sights", "camera_freshness", "watched_at", "captured_at")
    _move("sight_gaps", "freshness_gaps", "watched_at", "captured_at")


def downgrade() -> None:
    _move("freshness_gaps", "sight_gaps", "captured_at", "watched_at")
    _move("camera_freshness", "camera_sights", "captured_at", "watched_at")
    _rename_columns({"fresh_within_s": "sight_s", "fresh_back_s": "sight_back_s"})


def _rename_columns(names: dict[str, str]) -> None:
    for old, new in names.items():
        op.execute(f"ALTER TABLE authority_leases RENAME COLUMN {old} TO {new}")


def _move(old: str, new: str, at_was: str, at: str) -> None:
    """A table of the new name with keys and indexes named after it, which SQLite cannot rename, and every row."""
    kept = _make_gaps(new, at) if "gaps" in new else _make_cameras(new, at)
    taken = ", ".join(at_was if column == at else column for column in kept)
    op.execute(f"INSERT INTO {new} ({', '.join(kept)}) SELECT {taken} FROM {old}")
    op.drop_table(old)
    if "gaps" in new and op.get_bind().dialect.name == "postgresql":
        op.execute(f"SELECT setval('{new}_id_seq', coalesce((SELECT max(id) FROM {new}), 0) + 1, false)")


def _make_cameras(table: str, at: str) -> Sequence[str]:
    op.create_table(
        table,
        sa.Column("camera_id", sa.String(length=63), nullable=False),
        sa.Column(at, sa.Double(), nullable=False),
        sa.Column("steady_since", sa.Double(), nullable=True),
        sa.ForeignKeyConstraint(["camera_id"], ["cameras.id"], name=op.f(f"fk_{table}_camera_id_cameras")),
        sa.PrimaryKeyConstraint("camera_id", name=op.f(f"pk_{table}")),
    )
    return ("camera_id", at, "steady_since")


def _make_gaps(table: str, at: str) -> Sequence[str]:
    op.create_table(
        table,
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("camera_id", sa.String(length=63), nullable=False),
        sa.Column("campsite_id", sa.String(length=63), nullable=False),
        sa.Column(at, sa.Double(), nullable=True),
        sa.Column("lost_at", sa.Double(), nullable=False),
        sa.Column("noticed_at", sa.Double(), nullable=False),
        sa.Column("why", sa.String(length=200), nullable=False),
        sa.Column("over_at", sa.Double(), nullable=True),
        sa.Column("over", sa.String(length=20), nullable=True),
        sa.ForeignKeyConstraint(["camera_id"], ["cameras.id"], name=op.f(f"fk_{table}_camera_id_cameras")),
        sa.ForeignKeyConstraint(["campsite_id"], ["campsites.id"], name=op.f(f"fk_{table}_campsite_id_campsites")),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{table}")),
    )
    op.create_index(op.f(f"ix_{table}_lost_at"), table, ["lost_at"])
    still_open = sa.text("over_at IS NULL")
    op.create_index(
        f"ix_{table}_open", table, ["camera_id"], unique=True, sqlite_where=still_open, postgresql_where=still_open
    )
    return ("id", "camera_id", "campsite_id", at, "lost_at", "noticed_at", "why", "over_at", "over")
