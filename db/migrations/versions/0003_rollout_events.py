"""The road's events"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "rollout_events",
        sa.Column("seq", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("actor", sa.String(length=100), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(length=64), nullable=True),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_rollout_events")),
    )
    with op.batch_alter_table("rollout_events", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_rollout_events_epoch_key"), ["epoch", "key"], unique=True)
        batch_op.create_index(batch_op.f("ix_rollout_events_kind_at"), ["kind", "at"], unique=False)
    with op.batch_alter_table("authority_leases", schema=None) as batch_op:
        batch_op.add_column(sa.Column("only_cameras", sa.JSON(), nullable=True))
        batch_op.add_column(sa.Column("without_cameras", sa.JSON(), server_default=sa.text("'[]'"), nullable=False))
        batch_op.add_column(sa.Column("reviewed_cameras", sa.JSON(), server_default=sa.text("'[]'"), nullable=False))
        batch_op.add_column(sa.Column("run", sa.Integer(), server_default=sa.text("0"), nullable=False))
        batch_op.add_column(sa.Column("veto_s", sa.Double(), nullable=True))
        batch_op.add_column(sa.Column("ranger_ack_s", sa.Double(), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("authority_leases", schema=None) as batch_op:
        for column in ("ranger_ack_s", "veto_s", "run", "reviewed_cameras", "without_cameras", "only_cameras"):
            batch_op.drop_column(column)
    op.drop_table("rollout_events")
