"""people again: second factors' secrets are kept sealed; when a device was tried out"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """A sealed secret is longer. The page seals those that were kept in clear when it starts: the key is not here.

    A new column for the old one: SQLite cannot make ``users``, to which other tables refer, anew.
    """
    op.add_column("users", sa.Column("totp_sealed", sa.String(length=200), nullable=True))
    op.execute("UPDATE users SET totp_sealed = totp_secret")
    op.drop_column("users", "totp_secret")
    op.add_column("push_subscriptions", sa.Column("tested_at", sa.Double(), nullable=True))


def downgrade() -> None:
    """The version before could not read what is sealed: those second factors are removed."""
    op.drop_column("push_subscriptions", "tested_at")
    op.add_column("users", sa.Column("totp_secret", sa.String(length=64), nullable=True))
    op.execute("UPDATE users SET totp_secret = totp_sealed WHERE length(totp_sealed) <= 64")
    op.execute("UPDATE users SET totp_confirmed_at = NULL WHERE totp_secret IS NULL")
    op.drop_column("users", "totp_sealed")
