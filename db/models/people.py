"""Who may do what: accounts and their sessions."""

from __future__ import annotations

from enum import StrEnum

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from db.models.base import Base


class Role(StrEnum):
    """What a person is here for."""

    RANGER = "ranger"
    LEAD_RANGER = "lead_ranger"
    OPERATOR = "operator"
    MODEL_OWNER = "model_owner"
    AUDITOR = "auditor"
    ADMINISTRATOR = "administrator"


class User(Base):
    """An account. The password is kept as an argon2 hash."""

    __tablename__ = "users"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(80), unique=True)
    password_hash: Mapped[str] = mapped_column(String(200))
    role: Mapped[str] = mapped_column(String(20))
    active: Mapped[bool] = mapped_column(default=True)
    created_at: Mapped[float]


class LoginSession(Base):
    """A browser that has logged in. The cookie's token is kept only as a hash; a revoked row lets nobody in."""

    __tablename__ = "login_sessions"

    token_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), index=True)
    created_at: Mapped[float]
    expires_at: Mapped[float]
    revoked_at: Mapped[float | None]

    user: Mapped[User] = relationship()


class LoginFailure(Base):
    """A failed login, kept to slow the next ones down."""

    __tablename__ = "login_failures"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(80), index=True)
    address: Mapped[str] = mapped_column(String(64), index=True)
    at: Mapped[float]
