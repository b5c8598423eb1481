"""Learning runs: what was trained on what, how it was judged, and what came of it"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

_RUNNING = sa.text("status = 'running'")


def upgrade() -> None:
    digests = ("snapshot", "champion", "anchor", "challenger")
    op.create_table(
        "learning_runs",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("trigger", sa.String(length=20), nullable=False),
        sa.Column("status", sa.String(length=20), nullable=False),
        *(sa.Column(name, sa.Double(), nullable=False) for name in ("started_at", "heartbeat_at", "labels_until")),
        sa.Column("ended_at", sa.Double(), nullable=True),
        sa.Column("holder", sa.String(length=120), nullable=False),
        sa.Column("stage", sa.String(length=60), nullable=False),
        *(sa.Column(name, sa.Integer(), nullable=False) for name in ("done", "total", "seed")),
        *(sa.Column(name, sa.String(length=64), nullable=True) for name in digests),
        sa.Column("directory", sa.String(length=500), nullable=True),
        sa.Column("code", sa.String(length=40), nullable=False),
        *(sa.Column(name, sa.JSON(), nullable=False) for name in ("environment", "labels")),
        *(sa.Column(name, sa.JSON(), nullable=True) for name in ("golden", "rolling", "verdict", "cost")),
        sa.Column("said", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_learning_runs")),
    )
    op.create_index(
        "ix_learning_runs_running",
        "learning_runs",
        ["status"],
        unique=True,
        sqlite_where=_RUNNING,
        postgresql_where=_RUNNING,
    )
    op.create_index(op.f("ix_learning_runs_started_at"), "learning_runs", ["started_at"], unique=False)


def downgrade() -> None:
    op.drop_table("learning_runs")
