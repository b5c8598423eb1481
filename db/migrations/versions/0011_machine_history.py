"""Machines, GPUs and queues over time"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "machine_samples",
        sa.Column("minute", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("machine", sa.String(length=80), nullable=False),
        sa.Column("span", sa.Integer(), nullable=False),
        sa.Column("load", sa.Double(), nullable=True),
        sa.Column("cpu_c", sa.Double(), nullable=True),
        sa.Column("memory_used", sa.Double(), nullable=True),
        sa.Column("disk_free", sa.Double(), nullable=True),
        sa.Column("gpus", sa.Integer(), nullable=True),
        sa.Column("gpus_expected", sa.Integer(), nullable=True),
        sa.Column("throttled", sa.Boolean(), nullable=True),
        sa.PrimaryKeyConstraint("minute", "machine", name=op.f("pk_machine_samples")),
    )
    op.create_table(
        "gpu_samples",
        sa.Column("minute", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("machine", sa.String(length=80), nullable=False),
        sa.Column("gpu", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("span", sa.Integer(), nullable=False),
        sa.Column("celsius", sa.Double(), nullable=False),
        sa.Column("busy", sa.Double(), nullable=True),
        sa.Column("memory", sa.Double(), nullable=True),
        sa.PrimaryKeyConstraint("minute", "machine", "gpu", name=op.f("pk_gpu_samples")),
    )
    op.create_table(
        "queue_samples",
        sa.Column("minute", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("shard", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("span", sa.Integer(), nullable=False),
        sa.Column("entries", sa.Integer(), nullable=False),
        sa.Column("oldest_s", sa.Double(), nullable=False),
        sa.Column("jobs", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("minute", "shard", name=op.f("pk_queue_samples")),
    )
    op.create_table(
        "camera_counts",
        sa.Column("hour_at", sa.Double(), nullable=False),
        sa.Column("camera_id", sa.String(length=63), nullable=False),
        sa.Column("sent", sa.BigInteger(), nullable=False),
        sa.Column("dropped", sa.BigInteger(), nullable=False),
        sa.Column("scored", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("hour_at", "camera_id", name=op.f("pk_camera_counts")),
    )
    op.create_index(op.f("ix_delivery_attempts_at"), "delivery_attempts", ["at"])  # the cost of each day is asked for
    op.create_index(op.f("ix_canary_runs_planted_at"), "canary_runs", ["planted_at"])  # of all cameras, at each tick


def downgrade() -> None:
    op.drop_index(op.f("ix_canary_runs_planted_at"), "canary_runs")
    op.drop_index(op.f("ix_delivery_attempts_at"), "delivery_attempts")
    for name in ("camera_counts", "queue_samples", "gpu_samples", "machine_samples"):
        op.drop_table(name)
