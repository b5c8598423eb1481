"""What the main stream showed of an encounter: a picture at full size and a clip"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "recordings",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("encounter_id", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("still", sa.String(length=200), nullable=True),
        sa.Column("still_at", sa.Double(), nullable=True),
        sa.Column("clip", sa.String(length=200), nullable=True),
        sa.Column("clip_at", sa.Double(), nullable=True),
        sa.Column("clip_s", sa.Double(), nullable=True),
        sa.Column("why", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["encounter_id"], ["encounters.id"], name=op.f("fk_recordings_encounter_id_encounters")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_recordings")),
        sa.UniqueConstraint("encounter_id", name=op.f("uq_recordings_encounter_id")),
    )


def downgrade() -> None:
    op.drop_table("recordings")
