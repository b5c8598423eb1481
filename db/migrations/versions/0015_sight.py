"""Sight: which camera's pictures reach the tracker, and when authority rested for the lack of it"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "camera_sights",
        sa.Column("camera_id", sa.String(length=63), nullable=False),
        sa.Column("watched_at", sa.Double(), nullable=False),
        sa.Column("steady_since", sa.Double(), nullable=True),
        sa.ForeignKeyConstraint(["camera_id"], ["cameras.id"], name=op.f("fk_camera_sights_camera_id_cameras")),
        sa.PrimaryKeyConstraint("camera_id", name=op.f("pk_camera_sights")),
    )
    op.create_table(
        "sight_gaps",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("camera_id", sa.String(length=63), nullable=False),
        sa.Column("campsite_id", sa.String(length=63), nullable=False),
        sa.Column("watched_at", sa.Double(), nullable=True),
        sa.Column("lost_at", sa.Double(), nullable=False),
        sa.Column("noticed_at", sa.Double(), nullable=False),
        sa.Column("why", sa.String(length=200), nullable=False),
        sa.Column("over_at", sa.Double(), nullable=True),
        sa.Column("over", sa.String(length=20), nullable=True),
        sa.ForeignKeyConstraint(["camera_id"], ["cameras.id"], name=op.f("fk_sight_gaps_camera_id_cameras")),
        sa.ForeignKeyConstraint(["campsite_id"], ["campsites.id"], name=op.f("fk_sight_gaps_campsite_id_campsites")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sight_gaps")),
    )
    with op.batch_alter_table("sight_gaps", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_sight_gaps_lost_at"), ["lost_at"], unique=False)
        batch_op.create_index(
            "ix_sight_gaps_open",
            ["camera_id"],
            unique=True,
            sqlite_where=sa.text("over_at IS NULL"),
            postgresql_where=sa.text("over_at IS NULL"),
        )
    with op.batch_alter_table("authority_leases", schema=None) as batch_op:
        batch_op.add_column(sa.Column("sight_s", sa.Double(), nullable=True))
        batch_op.add_column(sa.Column("sight_back_s", sa.Double(), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("authority_leases", schema=None) as batch_op:
        batch_op.drop_column("sight_back_s")
        batch_op.drop_column("sight_s")
    op.drop_table("sight_gaps")
    op.drop_table("camera_sights")
