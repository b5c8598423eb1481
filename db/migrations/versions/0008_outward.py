"""Messages to campers, rangers and staff"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("deliveries", schema=None) as batch_op:
        batch_op.alter_column("alert_id", existing_type=sa.Integer(), nullable=True)
        batch_op.add_column(sa.Column("campsite_id", sa.String(length=63), nullable=True))
        batch_op.add_column(sa.Column("key", sa.String(length=120), nullable=True))
        batch_op.add_column(sa.Column("audience", sa.String(length=20), server_default="campers", nullable=False))
        batch_op.add_column(sa.Column("mode", sa.String(length=20), nullable=True))
        batch_op.add_column(sa.Column("held", sa.Boolean(), server_default=sa.false(), nullable=False))
        batch_op.add_column(sa.Column("facts", sa.JSON(), server_default=sa.text("'{}'"), nullable=False))
        batch_op.add_column(sa.Column("joined_to_id", sa.Integer(), nullable=True))
        batch_op.add_column(sa.Column("claimed_at", sa.Double(), nullable=True))
        batch_op.add_column(sa.Column("why", sa.Text(), nullable=True))
        batch_op.create_foreign_key(
            batch_op.f("fk_deliveries_campsite_id_campsites"), "campsites", ["campsite_id"], ["id"]
        )
        batch_op.create_foreign_key(
            batch_op.f("fk_deliveries_joined_to_id_deliveries"), "deliveries", ["joined_to_id"], ["id"]
        )
        batch_op.create_unique_constraint(batch_op.f("uq_deliveries_key_target_digest"), ["key", "target_digest"])
        batch_op.create_index(batch_op.f("ix_deliveries_campsite_id_created_at"), ["campsite_id", "created_at"])
    op.execute(
        "UPDATE deliveries SET campsite_id = (SELECT campsite_id FROM alerts WHERE alerts.id = deliveries.alert_id)"
    )
    with op.batch_alter_table("delivery_attempts", schema=None) as batch_op:
        batch_op.add_column(sa.Column("permanent", sa.Boolean(), server_default=sa.false(), nullable=False))
        batch_op.add_column(sa.Column("took_s", sa.Double(), server_default=sa.text("0"), nullable=False))


def downgrade() -> None:
    with op.batch_alter_table("delivery_attempts", schema=None) as batch_op:
        batch_op.drop_column("took_s")
        batch_op.drop_column("permanent")
    attempts = "DELETE FROM delivery_attempts WHERE delivery_id IN (SELECT id FROM deliveries WHERE alert_id IS NULL)"
    op.execute(attempts)
    op.execute("DELETE FROM deliveries WHERE alert_id IS NULL")
    with op.batch_alter_table("deliveries", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_deliveries_campsite_id_created_at"))
        batch_op.drop_constraint(batch_op.f("uq_deliveries_key_target_digest"), type_="unique")
        batch_op.drop_constraint(batch_op.f("fk_deliveries_joined_to_id_deliveries"), type_="foreignkey")
        batch_op.drop_constraint(batch_op.f("fk_deliveries_campsite_id_campsites"), type_="foreignkey")
        for column in (
            "why", "claimed_at", "joined_to_id", "facts", "held", "mode", "audience", "key", "campsite_id",
        ):  # fmt: skip
            batch_op.drop_column(column)
        batch_op.alter_column("alert_id", existing_type=sa.Integer(), nullable=False)
