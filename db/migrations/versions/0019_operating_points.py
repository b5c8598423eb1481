"""Each camera's own threshold in each light, the visits that it follows from, and how long the camera was watched"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "visit_scores",
        *_which(),
        *(sa.Column(name, sa.Double(), nullable=False) for name in ("first_at", "last_at", "peak", "threshold")),
        *_keys("visit_scores"),
        sa.UniqueConstraint(
            "camera_id", "infrared", "first_at", name=op.f("uq_visit_scores_camera_id_infrared_first_at")
        ),
    )
    op.create_index(op.f("ix_visit_scores_last_at"), "visit_scores", ["last_at"], unique=False)
    op.create_table(
        "camera_light_days",
        *_which(),
        *(sa.Column(name, sa.Double(), nullable=False) for name in ("day_at", "threshold", "lowest", "highest")),
        *(sa.Column(name, sa.Integer(), nullable=False) for name in ("minutes", "frames")),
        *_keys("camera_light_days"),
        sa.UniqueConstraint(
            "camera_id",
            "infrared",
            "day_at",
            "model",
            name=op.f("uq_camera_light_days_camera_id_infrared_day_at_model"),
        ),
    )
    points = ("at", "model_threshold", "before", "threshold", "ceiling", "false_alarms_per_day", "days")
    op.create_table(
        "operating_points",
        *_which(),
        *(sa.Column(name, sa.Double(), nullable=False) for name in points),
        sa.Column("wanted", sa.Double(), nullable=True),
        sa.Column("visits", sa.Integer(), nullable=False),
        sa.Column("constant", sa.Boolean(), nullable=False),
        sa.Column("reason", sa.String(length=300), nullable=False),
        *_keys("operating_points"),
    )
    op.create_index(
        op.f("ix_operating_points_camera_id_infrared_at"),
        "operating_points",
        ["camera_id", "infrared", "at"],
        unique=False,
    )


def downgrade() -> None:
    op.drop_table("operating_points")
    op.drop_table("camera_light_days")
    op.drop_table("visit_scores")


def _which() -> tuple[sa.Column[object], ...]:
    return (
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("camera_id", sa.String(length=63), nullable=False),
        sa.Column("infrared", sa.Boolean(), nullable=False),
        sa.Column("model", sa.String(length=100), nullable=False),
    )


def _keys(table: str) -> tuple[sa.Constraint, ...]:
    return (
        sa.ForeignKeyConstraint(["camera_id"], ["cameras.id"], name=op.f(f"fk_{table}_camera_id_cameras")),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{table}")),
    )
