"""How far each camera-hour was from its mean picture, and what somebody did when"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("camera_hours", schema=None) as batch_op:
        batch_op.add_column(sa.Column("scene_gap", sa.Double(), nullable=True))
    with op.batch_alter_table("ledger", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_ledger_actor_at"), ["actor", "at"], unique=False)


def downgrade() -> None:
    with op.batch_alter_table("ledger", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_ledger_actor_at"))
    with op.batch_alter_table("camera_hours", schema=None) as batch_op:
        batch_op.drop_column("scene_gap")
