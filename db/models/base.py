"""The base of all tables, and the conventions they share.

Times are floats: seconds since 1970 in UTC, in columns that end in ``_at``. Enumerations are stored as their text.
Constraint names follow one pattern, so that migrations can name them.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import JSON, Double, MetaData
from sqlalchemy.orm import DeclarativeBase

from core.messages import Box


class Base(DeclarativeBase):
    """All tables."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    # SQLAlchemy reads this mapping; the annotation is its own.
    type_annotation_map = {  # noqa: RUF012
        float: Double,
        dict[str, int]: JSON,
        dict[str, Any]: JSON,
        list[int]: JSON,
        list[str]: JSON,
        list[Box]: JSON,
        Box: JSON,
    }
