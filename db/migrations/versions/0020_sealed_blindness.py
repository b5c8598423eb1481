"""Sightings say why they are not blind, under their seal; and where each camera stood is history"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("sightings", sa.Column("not_blind_why", sa.Text(), nullable=True))
    op.add_column("sightings", sa.Column("seal_version", sa.Integer(), nullable=False, server_default="1"))
    op.create_table(
        "camera_places",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("camera_id", sa.String(length=63), nullable=False),
        sa.Column("campsite_id", sa.String(length=63), nullable=False),
        sa.Column("since", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(["camera_id"], ["cameras.id"], name=op.f("fk_camera_places_camera_id_cameras")),
        sa.ForeignKeyConstraint(["campsite_id"], ["campsites.id"], name=op.f("fk_camera_places_campsite_id_campsites")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_camera_places")),
    )
    op.create_index(op.f("ix_camera_places_camera_id_since"), "camera_places", ["camera_id", "since"], unique=False)
    op.execute("INSERT INTO camera_places (camera_id, campsite_id, since) SELECT id, campsite_id, 0.0 FROM cameras")


def downgrade() -> None:
    op.drop_table("camera_places")
    op.drop_column("sightings", "seal_version")
    op.drop_column("sightings", "not_blind_why")
