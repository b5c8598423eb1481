"""Which files of a registered model run, and which login came from a browser that was new"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("registered_models", sa.Column("runs", sa.String(length=64), nullable=False, server_default=""))
    op.add_column("login_sessions", sa.Column("new_device", sa.Boolean(), nullable=False, server_default=sa.false()))


def downgrade() -> None:
    op.drop_column("login_sessions", "new_device")
    op.drop_column("registered_models", "runs")
