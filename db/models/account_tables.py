"""Who may do what: accounts, their scope, second factors, sessions and tokens."""

from __future__ import annotations

from enum import StrEnum

from sqlalchemy import BigInteger, ForeignKey, String, UniqueConstraint, false
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
    must_change_password: Mapped[bool] = mapped_column(default=False, server_default=false())
    """Somebody else knows the password: nothing works until its owner has chosen another."""
    totp_sealed: Mapped[str | None] = mapped_column(String(200))
    """The secret of the second factor, sealed with the site's key; it counts once ``totp_confirmed_at`` is set."""
    totp_confirmed_at: Mapped[float | None]
    totp_last_step: Mapped[int | None] = mapped_column(BigInteger)
    """The newest time step whose code was used: each code opens one login."""

    campsites: Mapped[list[UserCampsite]] = relationship(cascade="all, delete-orphan")


class UserCampsite(Base):
    """A person is limited to these campsites; a person without any row may see all."""

    __tablename__ = "user_campsites"

    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), primary_key=True)
    campsite_id: Mapped[str] = mapped_column(ForeignKey("campsites.id"), primary_key=True)


class OutsideIdentity(Base):
    """A person as an OpenID provider knows them: issuer and subject never change, names may."""

    __tablename__ = "outside_identities"
    __table_args__ = (UniqueConstraint("issuer", "subject"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), index=True)
    issuer: Mapped[str] = mapped_column(String(255))
    subject: Mapped[str] = mapped_column(String(255))
    created_at: Mapped[float]

    user: Mapped[User] = relationship()


class RecoveryCode(Base):
    """Opens one login when the telephone is lost. Kept only as a hash."""

    __tablename__ = "recovery_codes"

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), index=True)
    code_hash: Mapped[str] = mapped_column(String(64))
    used_at: Mapped[float | None]


class LoginSession(Base):
    """A browser that has logged in. The cookie's token is kept only as a hash; a revoked row lets nobody in."""

    __tablename__ = "login_sessions"

    token_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), index=True)
    created_at: Mapped[float]
    expires_at: Mapped[float]
    revoked_at: Mapped[float | None]
    half: Mapped[bool] = mapped_column(default=False, server_default=false())
    """The password fitted, the code of the second factor is still missing: opens nothing but the question for it."""
    address: Mapped[str | None] = mapped_column(String(64))
    browser: Mapped[str | None] = mapped_column(String(120))
    last_seen_at: Mapped[float | None]
    new_device: Mapped[bool] = mapped_column(default=False, server_default=false())
    """The account had not logged in on this browser before: its owner is told in their other ones."""

    user: Mapped[User] = relationship()


class ApiToken(Base):
    """A program's key: some of its owner's rights, at some of their campsites, until a day. Kept only as a hash."""

    __tablename__ = "api_tokens"

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), index=True)
    name: Mapped[str] = mapped_column(String(80))
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    rights: Mapped[list[str]]
    campsites: Mapped[list[str]]
    """Empty: all that the owner may see."""
    created_at: Mapped[float]
    expires_at: Mapped[float]
    last_used_at: Mapped[float | None]
    revoked_at: Mapped[float | None]

    user: Mapped[User] = relationship()
