"""Audits and evidence"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _audits()
    _experiments()


def _audits() -> None:
    op.create_table(
        "audit_draws",
        sa.Column("day", sa.String(length=10), nullable=False),
        sa.Column("drawn_at", sa.Double(), nullable=False),
        sa.Column("seed", sa.String(length=40), nullable=False),
        sa.Column("hours", sa.Integer(), nullable=False),
        sa.Column("hours_digest", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("day", name=op.f("pk_audit_draws")),
    )
    op.create_table(
        "audit_sheets",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("day", sa.String(length=10), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("campsite_id", sa.String(length=63), nullable=False),
        sa.Column("camera_id", sa.String(length=63), nullable=False),
        sa.Column("hour_at", sa.Double(), nullable=False),
        sa.Column("stratum", sa.String(length=120), nullable=False),
        sa.Column("probability", sa.Double(), nullable=True),
        sa.Column("thumbnails", sa.JSON(), nullable=False),
        sa.Column("minutes", sa.JSON(), nullable=False),
        sa.Column("planted_index", sa.Integer(), nullable=True),
        sa.Column("planted_encounter_id", sa.Integer(), nullable=True),
        sa.Column("drawn_at", sa.Double(), nullable=False),
        sa.Column("due_at", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(["camera_id"], ["cameras.id"], name=op.f("fk_audit_sheets_camera_id_cameras")),
        sa.ForeignKeyConstraint(["campsite_id"], ["campsites.id"], name=op.f("fk_audit_sheets_campsite_id_campsites")),
        sa.ForeignKeyConstraint(["day"], ["audit_draws.day"], name=op.f("fk_audit_sheets_day_audit_draws")),
        sa.ForeignKeyConstraint(
            ["planted_encounter_id"], ["encounters.id"], name=op.f("fk_audit_sheets_planted_encounter_id_encounters")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_sheets")),
        sa.UniqueConstraint("day", "position", name=op.f("uq_audit_sheets_day_position")),
    )
    with op.batch_alter_table("audit_sheets", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_audit_sheets_campsite_id_due_at"), ["campsite_id", "due_at"], unique=False)
    op.create_table(
        "audit_answers",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("sheet_id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("bear", sa.String(length=10), nullable=False),
        sa.Column("marked", sa.JSON(), nullable=False),
        sa.Column("answered_at", sa.Double(), nullable=False),
        sa.Column("idempotency_key", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(["sheet_id"], ["audit_sheets.id"], name=op.f("fk_audit_answers_sheet_id_audit_sheets")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_audit_answers_user_id_users")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_answers")),
        sa.UniqueConstraint("idempotency_key", name=op.f("uq_audit_answers_idempotency_key")),
    )
    with op.batch_alter_table("audit_answers", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_audit_answers_sheet_id_id"), ["sheet_id", "id"], unique=False)


def _experiments() -> None:
    op.create_table(
        "night_experiments",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("campsites", sa.JSON(), nullable=False),
        sa.Column("first_night", sa.String(length=10), nullable=False),
        sa.Column("nights", sa.Integer(), nullable=False),
        sa.Column("block", sa.Integer(), nullable=False),
        sa.Column("seed", sa.String(length=40), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("created_by_id", sa.Integer(), nullable=False),
        sa.Column("ended_at", sa.Double(), nullable=True),
        sa.ForeignKeyConstraint(["created_by_id"], ["users.id"], name=op.f("fk_night_experiments_created_by_id_users")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_night_experiments")),
        sa.UniqueConstraint("name", name=op.f("uq_night_experiments_name")),
    )
    op.create_table(
        "random_watches",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("campsite_id", sa.String(length=63), nullable=False),
        sa.Column("starts_at", sa.Double(), nullable=False),
        sa.Column("ends_at", sa.Double(), nullable=False),
        sa.Column("probability", sa.Double(), nullable=False),
        sa.Column("seed", sa.String(length=40), nullable=False),
        sa.Column("drawn_at", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(
            ["campsite_id"], ["campsites.id"], name=op.f("fk_random_watches_campsite_id_campsites")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_random_watches")),
        sa.UniqueConstraint("campsite_id", "starts_at", name=op.f("uq_random_watches_campsite_id_starts_at")),
    )
    with op.batch_alter_table("random_watches", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_random_watches_starts_at"), ["starts_at"], unique=False)


def downgrade() -> None:
    for table in ("random_watches", "night_experiments", "audit_answers", "audit_sheets", "audit_draws"):
        op.drop_table(table)
