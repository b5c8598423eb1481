"""Labels and complaints"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "label_changes",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("author_id", sa.Integer(), nullable=False),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("reverts_id", sa.Integer(), nullable=True),
        sa.Column("ended_at", sa.Double(), nullable=True),
        sa.Column("ended_by_id", sa.Integer(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("digest", sa.String(length=64), nullable=True),
        sa.ForeignKeyConstraint(["author_id"], ["users.id"], name=op.f("fk_label_changes_author_id_users")),
        sa.ForeignKeyConstraint(["ended_by_id"], ["users.id"], name=op.f("fk_label_changes_ended_by_id_users")),
        sa.ForeignKeyConstraint(
            ["reverts_id"], ["label_changes.id"], name=op.f("fk_label_changes_reverts_id_label_changes")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_label_changes")),
    )
    with op.batch_alter_table("label_changes", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_label_changes_author_id_status"), ["author_id", "status"], unique=False)
    op.create_table(
        "label_edits",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("change_id", sa.Integer(), nullable=False),
        sa.Column("item", sa.String(length=80), nullable=False),
        sa.Column("action", sa.String(length=20), nullable=False),
        sa.Column("before", sa.String(length=40), nullable=False),
        sa.Column("after", sa.String(length=40), nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(
            ["change_id"], ["label_changes.id"], name=op.f("fk_label_edits_change_id_label_changes")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_label_edits")),
        sa.UniqueConstraint("change_id", "item", name=op.f("uq_label_edits_change_id_item")),
    )
    with op.batch_alter_table("label_edits", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_label_edits_item"), ["item"], unique=False)
    op.create_table(
        "sender_keys",
        sa.Column("day", sa.String(length=10), nullable=False),
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("day", name=op.f("pk_sender_keys")),
    )
    _campers()


def _campers() -> None:
    op.create_table(
        "camper_messages",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("campsite_id", sa.String(length=63), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("text", sa.Text(), nullable=True),
        sa.Column("sender", sa.String(length=32), nullable=True),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("alert_id", sa.Integer(), nullable=True),
        sa.Column("idempotency_key", sa.String(length=64), nullable=False),
        sa.Column("handled_at", sa.Double(), nullable=True),
        sa.Column("handled_by_id", sa.Integer(), nullable=True),
        sa.Column("answer", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["alert_id"], ["alerts.id"], name=op.f("fk_camper_messages_alert_id_alerts")),
        sa.ForeignKeyConstraint(
            ["campsite_id"], ["campsites.id"], name=op.f("fk_camper_messages_campsite_id_campsites")
        ),
        sa.ForeignKeyConstraint(["handled_by_id"], ["users.id"], name=op.f("fk_camper_messages_handled_by_id_users")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_camper_messages")),
        sa.UniqueConstraint("idempotency_key", name=op.f("uq_camper_messages_idempotency_key")),
    )
    with op.batch_alter_table("camper_messages", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_camper_messages_campsite_id_created_at"), ["campsite_id", "created_at"], unique=False
        )
        batch_op.create_index(
            batch_op.f("ix_camper_messages_sender_created_at"), ["sender", "created_at"], unique=False
        )
    op.create_table(
        "appeals",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("alert_id", sa.Integer(), nullable=False),
        sa.Column("campsite_id", sa.String(length=63), nullable=False),
        sa.Column("control", sa.Boolean(), nullable=False),
        sa.Column("opened_at", sa.Double(), nullable=False),
        sa.Column("first_user_id", sa.Integer(), nullable=True),
        sa.Column("first_verdict", sa.String(length=20), nullable=True),
        sa.Column("second_user_id", sa.Integer(), nullable=True),
        sa.Column("second_verdict", sa.String(length=20), nullable=True),
        sa.Column("answered_at", sa.Double(), nullable=True),
        sa.Column("outcome", sa.String(length=20), nullable=True),
        sa.Column("settled_at", sa.Double(), nullable=True),
        sa.Column("settled_by_id", sa.Integer(), nullable=True),
        sa.Column("settlement", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["alert_id"], ["alerts.id"], name=op.f("fk_appeals_alert_id_alerts")),
        sa.ForeignKeyConstraint(["campsite_id"], ["campsites.id"], name=op.f("fk_appeals_campsite_id_campsites")),
        sa.ForeignKeyConstraint(["first_user_id"], ["users.id"], name=op.f("fk_appeals_first_user_id_users")),
        sa.ForeignKeyConstraint(["second_user_id"], ["users.id"], name=op.f("fk_appeals_second_user_id_users")),
        sa.ForeignKeyConstraint(["settled_by_id"], ["users.id"], name=op.f("fk_appeals_settled_by_id_users")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_appeals")),
        sa.UniqueConstraint("alert_id", name=op.f("uq_appeals_alert_id")),
    )
    with op.batch_alter_table("appeals", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_appeals_campsite_id_answered_at"), ["campsite_id", "answered_at"], unique=False
        )


def downgrade() -> None:
    for table in ("appeals", "camper_messages", "sender_keys", "label_edits", "label_changes"):
        op.drop_table(table)
