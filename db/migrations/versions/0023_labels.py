"""Labels brought in from elsewhere, animals added to the vocabulary, and the clock of a campsite's nights"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("campsites", sa.Column("night_timezone", sa.String(length=64), nullable=True))
    op.execute(
        "UPDATE campsites SET night_timezone = (SELECT timezone FROM regions WHERE regions.id = campsites.region_id)"
    )
    op.create_table(
        "animals",
        sa.Column("key", sa.String(length=40), nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("taxon", sa.String(length=120), nullable=False),
        sa.Column("parent", sa.String(length=40), nullable=True),
        sa.Column("added_at", sa.Double(), nullable=False),
        sa.Column("added_by_id", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["added_by_id"], ["users.id"], name=op.f("fk_animals_added_by_id_users")),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_animals")),
    )
    op.create_table(
        "label_imports",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.Column("format", sa.String(length=20), nullable=False),
        sa.Column("file", sa.Text(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("timezone", sa.String(length=64), nullable=False),
        sa.Column("machine", sa.Boolean(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=True),
        sa.Column("undone_at", sa.Double(), nullable=True),
        sa.Column("undone_by_id", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["undone_by_id"], ["users.id"], name=op.f("fk_label_imports_undone_by_id_users")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_label_imports_user_id_users")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_label_imports")),
    )
    op.create_table(
        "imported_labels",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("import_id", sa.Integer(), nullable=False),
        sa.Column("label", sa.String(length=40), nullable=False),
        sa.Column("campsite_id", sa.String(length=63), nullable=False),
        sa.Column("camera_id", sa.String(length=63), nullable=False),
        sa.Column("captured_at", sa.Double(), nullable=False),
        sa.Column("infrared", sa.Boolean(), nullable=True),
        sa.Column("box", sa.JSON(), nullable=True),
        sa.Column("media", sa.String(length=200), nullable=True),
        sa.Column("file", sa.Text(), nullable=False),
        sa.Column("said", sa.Text(), nullable=False),
        sa.Column("labeller", sa.Text(), nullable=False, server_default=""),
        sa.Column("machine", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["import_id"], ["label_imports.id"], name=op.f("fk_imported_labels_import_id_label_imports")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_imported_labels")),
    )
    op.create_index(op.f("ix_imported_labels_import_id"), "imported_labels", ["import_id"], unique=False)
    op.create_index(op.f("ix_imported_labels_media"), "imported_labels", ["media"], unique=False)


def downgrade() -> None:
    op.drop_table("imported_labels")
    op.drop_table("label_imports")
    op.drop_table("animals")
    op.drop_column("campsites", "night_timezone")
