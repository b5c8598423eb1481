"""The model registry: registered models, changes of the champion, and what detectors said about them"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "registered_models",
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("directory", sa.String(length=500), nullable=False),
        sa.Column("parent_digest", sa.String(length=64), nullable=True),
        sa.Column("origin", sa.String(length=20), nullable=False),
        sa.Column("learning_run_id", sa.Integer(), nullable=True),
        sa.Column("registered_at", sa.Double(), nullable=False),
        sa.Column("registered_by", sa.String(length=80), nullable=False),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_registered_models")),
    )
    op.create_index(op.f("ix_registered_models_registered_at"), "registered_models", ["registered_at"], unique=False)
    op.create_table(
        "model_changes",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("trigger", sa.String(length=20), nullable=False),
        sa.Column("from_digest", sa.String(length=64), nullable=True),
        sa.Column("to_digest", sa.String(length=64), nullable=True),
        sa.Column("requested_by", sa.String(length=80), nullable=False),
        sa.Column("approved_by", sa.JSON(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_model_changes")),
    )
    op.create_table(
        "model_change_reports",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("change_id", sa.Integer(), nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.Column("process", sa.String(length=200), nullable=False),
        sa.Column("outcome", sa.String(length=20), nullable=False),
        sa.Column("model", sa.String(length=100), nullable=False),
        sa.Column("first_scored_at", sa.Double(), nullable=True),
        sa.Column("why", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["change_id"], ["model_changes.id"], name=op.f("fk_model_change_reports_change_id_model_changes")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_model_change_reports")),
        sa.UniqueConstraint(
            "change_id", "process", "outcome", name=op.f("uq_model_change_reports_change_id_process_outcome")
        ),
    )
    _challenger_counts()


def _challenger_counts() -> None:
    op.create_table(
        "challenger_counts",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("challenger_digest", sa.String(length=64), nullable=False),
        sa.Column("champion_digest", sa.String(length=64), nullable=False),
        sa.Column("camera_id", sa.String(length=63), nullable=False),
        sa.Column("infrared", sa.Boolean(), nullable=False),
        sa.Column("hour_at", sa.Double(), nullable=False),
        sa.Column("frames", sa.Integer(), nullable=False),
        sa.Column("both", sa.Integer(), nullable=False),
        sa.Column("neither", sa.Integer(), nullable=False),
        sa.Column("champion_only", sa.Integer(), nullable=False),
        sa.Column("challenger_only", sa.Integer(), nullable=False),
        sa.Column("difference", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(["camera_id"], ["cameras.id"], name=op.f("fk_challenger_counts_camera_id_cameras")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_challenger_counts")),
        sa.UniqueConstraint(
            "challenger_digest",
            "champion_digest",
            "camera_id",
            "infrared",
            "hour_at",
            name=op.f("uq_challenger_counts_challenger_digest_champion_digest_camera_id_infrared_hour_at"),
        ),
    )


def downgrade() -> None:
    op.drop_table("challenger_counts")
    op.drop_table("model_change_reports")
    op.drop_table("model_changes")
    op.drop_index(op.f("ix_registered_models_registered_at"), table_name="registered_models")
    op.drop_table("registered_models")
