"""Unknown animals, and the threshold and light behind every encounter"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # What was there before were bears, raised one alert each.
    with op.batch_alter_table("encounters", schema=None) as batch_op:
        batch_op.add_column(sa.Column("kind", sa.String(length=20), nullable=False, server_default="bear"))
        batch_op.add_column(sa.Column("recognised_at", sa.Double(), nullable=True))
        batch_op.add_column(sa.Column("unknown_score", sa.Double(), nullable=True))
        batch_op.add_column(sa.Column("threshold", sa.Double(), nullable=True))
        batch_op.add_column(sa.Column("infrared", sa.Boolean(), nullable=True))
        batch_op.add_column(sa.Column("held", sa.Boolean(), nullable=False, server_default=sa.false()))
    with op.batch_alter_table("alerts", schema=None) as batch_op:
        batch_op.add_column(sa.Column("kind", sa.String(length=20), nullable=False, server_default="bear"))
        batch_op.add_column(sa.Column("unknown_at", sa.Double(), nullable=True))
    with op.batch_alter_table("camera_hours", schema=None) as batch_op:
        batch_op.add_column(sa.Column("unknown", sa.JSON(), nullable=False, server_default="{}"))


def downgrade() -> None:
    with op.batch_alter_table("camera_hours", schema=None) as batch_op:
        batch_op.drop_column("unknown")
    with op.batch_alter_table("alerts", schema=None) as batch_op:
        batch_op.drop_column("unknown_at")
        batch_op.drop_column("kind")
    with op.batch_alter_table("encounters", schema=None) as batch_op:
        batch_op.drop_column("held")
        batch_op.drop_column("infrared")
        batch_op.drop_column("threshold")
        batch_op.drop_column("unknown_score")
        batch_op.drop_column("recognised_at")
        batch_op.drop_column("kind")
