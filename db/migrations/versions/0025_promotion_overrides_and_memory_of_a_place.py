"""Promotions made although the gate said no, and what resembles an alert that was rejected at the same place"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("model_changes", sa.Column("overridden", sa.JSON(), nullable=False, server_default="[]"))
    op.add_column("alerts", sa.Column("resembles_id", sa.Integer(), nullable=True))
    op.create_table(
        "encounter_crops",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("encounter_id", sa.Integer(), nullable=False),
        sa.Column("box", sa.JSON(), nullable=False),
        sa.Column("infrared", sa.Boolean(), nullable=False),
        sa.Column("model", sa.String(length=100), nullable=False),
        sa.Column("features", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["encounter_id"], ["encounters.id"], name=op.f("fk_encounter_crops_encounter_id_encounters")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_encounter_crops")),
    )
    op.create_index(op.f("ix_encounter_crops_encounter_id"), "encounter_crops", ["encounter_id"], unique=False)


def downgrade() -> None:
    op.drop_table("encounter_crops")
    op.drop_column("alerts", "resembles_id")
    op.drop_column("model_changes", "overridden")
