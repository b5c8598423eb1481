"""Breakers"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "breaker_states",
        sa.Column("breaker", sa.String(length=40), nullable=False),
        sa.Column("unit", sa.String(length=80), nullable=False),
        sa.Column("value", sa.Double(), nullable=False),
        sa.Column("memory", sa.JSON(), nullable=False),
        sa.Column("last_input", sa.String(length=80), nullable=False),
        sa.Column("updated_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("breaker", "unit", name=op.f("pk_breaker_states")),
    )
    op.create_table(
        "breaker_trips",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("breaker", sa.String(length=40), nullable=False),
        sa.Column("scope", sa.String(length=20), nullable=False),
        sa.Column("scope_id", sa.String(length=63), nullable=False),
        sa.Column("action", sa.String(length=20), nullable=False),
        sa.Column("tripped_at", sa.Double(), nullable=False),
        sa.Column("value", sa.Double(), nullable=True),
        sa.Column("limit", sa.Double(), nullable=True),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("series", sa.JSON(), nullable=False),
        sa.Column("reset_at", sa.Double(), nullable=True),
        sa.Column("reset_by", sa.String(length=200), nullable=True),
        sa.Column("cause", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_breaker_trips")),
    )
    still_open = sa.text("reset_at IS NULL")
    with op.batch_alter_table("breaker_trips", schema=None) as batch_op:
        batch_op.create_index(
            "ix_breaker_trips_open",
            ["breaker", "scope", "scope_id", "action"],
            unique=True,
            sqlite_where=still_open,
            postgresql_where=still_open,
        )
        batch_op.create_index(batch_op.f("ix_breaker_trips_tripped_at"), ["tripped_at"], unique=False)
    op.create_table(
        "canary_runs",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("camera_id", sa.String(length=63), nullable=False),
        sa.Column("planted_at", sa.Double(), nullable=False),
        sa.Column("frames", sa.Integer(), nullable=False),
        sa.Column("background", sa.String(length=20), nullable=False),
        sa.Column("seen", sa.Boolean(), nullable=True),
        sa.Column("seen_at", sa.Double(), nullable=True),
        sa.Column("latency_s", sa.Double(), nullable=True),
        sa.Column("peak_score", sa.Double(), nullable=False),
        sa.Column("model", sa.String(length=100), nullable=True),
        sa.ForeignKeyConstraint(["camera_id"], ["cameras.id"], name=op.f("fk_canary_runs_camera_id_cameras")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_canary_runs")),
    )
    with op.batch_alter_table("canary_runs", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_canary_runs_camera_id_planted_at"), ["camera_id", "planted_at"], unique=False
        )
    op.create_table(
        "watch_drills",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("campsite_id", sa.String(length=63), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("held_at", sa.Double(), nullable=False),
        sa.Column("answered_s", sa.Double(), nullable=True),
        sa.Column("passed", sa.Boolean(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["campsite_id"], ["campsites.id"], name=op.f("fk_watch_drills_campsite_id_campsites")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_watch_drills_user_id_users")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_watch_drills")),
    )
    with op.batch_alter_table("watch_drills", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_watch_drills_campsite_id_held_at"), ["campsite_id", "held_at"], unique=False
        )


def downgrade() -> None:
    op.drop_table("watch_drills")
    op.drop_table("canary_runs")
    op.drop_table("breaker_trips")
    op.drop_table("breaker_states")
