"""Logging in through an OpenID Connect provider: authorization code with PKCE, state and nonce.

Any provider with a discovery document will do. What a person may do here follows from one claim of theirs, mapped to
a role by the settings; who has none of the words in it does not get in. Their account is recognised by issuer and
subject, which never change; it is made at their first login, and never taken over from a local account that happens to
have the same name.
"""

from __future__ import annotations

import hmac
import json
import logging
import secrets
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.settings import Settings
from db.ledger import record
from db.models import OutsideIdentity, Role, User
from review_ui.auth.passwords import UNUSABLE

if TYPE_CHECKING:
    from joserfc.jwk import KeySet

log = logging.getLogger(__name__)

SCOPE: Final = "openid profile email"
DISCOVERY_GOOD_S: Final = 3600.0


class OpenIdError(Exception):
    """The provider does not let this person in, or does not answer as it should. The message is for the person."""


@dataclass(frozen=True, slots=True)
class Begun:
    """A login that is on its way; the browser keeps it in a cookie until it comes back."""

    state: str
    nonce: str
    verifier: str
    next: str

    def pack(self) -> str:
        """As text for the cookie."""
        return json.dumps(asdict(self))

    @classmethod
    def unpack(cls, text: str | None) -> Begun | None:
        """Read back; None for anything that :meth:`pack` has not written."""
        try:
            found = json.loads(text or "")
            made = cls(**found)
        except (ValueError, TypeError, RecursionError):
            return None
        return made if all(isinstance(value, str) for value in asdict(made).values()) else None


@dataclass(frozen=True, slots=True)
class Identity:
    """Who somebody is, as the provider has signed it."""

    issuer: str
    subject: str
    name: str
    role: Role


@dataclass(frozen=True, slots=True)
class _Provider:
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    read_at: float


class OpenId:
    """This page as a client of one provider. It remembers what the provider publishes about itself for an hour."""

    def __init__(self, settings: Settings, clock: Callable[[], float]) -> None:
        self.issuer = (settings.bearwatch_oidc_issuer or "").rstrip("/")
        self.client_id = settings.bearwatch_oidc_client_id
        secret = settings.bearwatch_oidc_client_secret
        self._secret = secret.get_secret_value() if secret else None
        self._claim = settings.bearwatch_oidc_role_claim
        self._roles = roles_of(settings.bearwatch_oidc_roles)
        self._clock = clock
        self._provider: _Provider | None = None
        self._keys: KeySet | None = None
        if self.issuer and not _safe(self.issuer):
            raise ValueError(f"BEARWATCH_OIDC_ISSUER must be an https address, not {self.issuer!r}")
        if self.issuer:
            _wire()

    @property
    def offered(self) -> bool:
        """Whether people can log in this way."""
        return bool(self.issuer)

    def begin(self, redirect_uri: str, next_path: str) -> tuple[str, Begun]:
        """Where to send the browser, and what it must bring back. Raises :class:`OpenIdError`."""
        begun = Begun(secrets.token_urlsafe(32), secrets.token_urlsafe(32), secrets.token_urlsafe(48), next_path)
        with self._session(redirect_uri) as session:
            address, _ = session.create_authorization_url(
                self._discover().authorization_endpoint,
                state=begun.state,
                nonce=begun.nonce,
                code_verifier=begun.verifier,
            )
        return str(address), begun

    def finish(self, redirect_uri: str, begun: Begun, state: str, code: str) -> Identity:
        """Who has come back. Raises :class:`OpenIdError`.

        1. The state is the one that this browser was sent away with.
        2. The code is changed for tokens, with the verifier that only we know.
        3. The identity token is signed by the provider, meant for us, still valid, and made for this very login.
        4. Its role claim names a role.
        """
        wire = _wire()
        if not hmac.compare_digest(begun.state.encode(), state.encode()):
            raise OpenIdError("This login was begun in another browser, or long ago. Start it again.")
        try:
            with self._session(redirect_uri) as session:
                tokens = session.fetch_token(
                    self._discover().token_endpoint, code=code, code_verifier=begun.verifier, timeout=wire.TIMEOUT_S
                )
            claims = self._verified(str(tokens["id_token"]), begun.nonce)
        except wire.ERRORS as error:
            log.warning("OpenID Connect: the login was refused: %s", error)
            raise OpenIdError("The provider's answer could not be used. Try again, or ask an administrator.") from error
        return self._identity(claims)

    def _session(self, redirect_uri: str) -> Any:
        return _wire().client_session(self.client_id, self._secret, SCOPE, redirect_uri)

    def _discover(self) -> _Provider:
        known = self._provider
        if known is not None and self._clock() - known.read_at < DISCOVERY_GOOD_S:
            return known
        wire = _wire()
        try:
            found = wire.get_json(f"{self.issuer}/.well-known/openid-configuration")
            if str(found["issuer"]).rstrip("/") != self.issuer:
                raise ValueError(f"the provider calls itself {found['issuer']!r}")
            addresses = [str(found[key]) for key in ("authorization_endpoint", "token_endpoint", "jwks_uri")]
            if not all(map(_safe, addresses)):
                raise ValueError("the provider's addresses are not https")
        except wire.ERRORS as error:
            log.warning("OpenID Connect: %s does not answer as it should: %s", self.issuer, error)
            raise OpenIdError("The login provider does not answer. Use your password, or try again later.") from error
        self._provider = _Provider(addresses[0], addresses[1], addresses[2], self._clock())
        self._keys = None
        return self._provider

    def _verified(self, id_token: str, nonce: str) -> Mapping[str, Any]:
        """The claims of a token that is signed, current, and meant for this very login."""
        claims: Mapping[str, Any] = self._claims(id_token)
        _wire().check_claims(claims, self._issuer_as_written(claims), self.client_id, nonce, int(self._clock()))
        return claims

    def _issuer_as_written(self, claims: Mapping[str, Any]) -> str:
        """Our issuer, with or without the slash at its end, as the provider likes it."""
        return f"{self.issuer}/" if str(claims.get("iss", "")).endswith("/") else self.issuer

    def _claims(self, id_token: str) -> Mapping[str, Any]:
        """Verify the signature; a provider may have changed its keys since we last asked for them."""
        wire = _wire()
        if self._keys is not None:
            try:
                return dict(wire.decode(id_token, self._keys))
            except wire.JoseError:
                self._keys = None
        self._keys = wire.keys_at(self._discover().jwks_uri)
        return dict(wire.decode(id_token, self._keys))

    def _identity(self, claims: Mapping[str, Any]) -> Identity:
        said = claims.get(self._claim, [])
        words = [said] if isinstance(said, str) else list(said) if isinstance(said, list) else []
        roles = [role for word, role in self._roles.items() if word in words]
        if not roles:
            raise OpenIdError("The provider knows you, but gives you no role here. Ask an administrator.")
        name = next((str(claims[key]) for key in ("preferred_username", "email", "sub") if claims.get(key)), "")
        name = "".join(letter for letter in name if letter.isprintable()).strip()[:80]
        return Identity(self.issuer, str(claims["sub"])[:255], name, roles[0])


def roles_of(text: str) -> dict[str, Role]:
    """``rangers=ranger,it=administrator`` as a mapping; the first that fits counts. Raises ``ValueError``."""
    pairs = (pair.rpartition("=") for pair in text.split(",") if pair.strip())
    return {word.strip(): Role(role.strip()) for word, _, role in pairs}


def account_of_identity(session: Session, identity: Identity, now: float) -> User:
    """The account of somebody from outside, made at their first login. Raises :class:`OpenIdError`.

    The provider's word about the role counts anew at each login.
    """
    known = session.scalar(
        select(OutsideIdentity).where(
            OutsideIdentity.issuer == identity.issuer, OutsideIdentity.subject == identity.subject
        )
    )
    if known is None:
        return _made(session, identity, now)
    user = known.user
    if not user.active:
        raise OpenIdError("Your account here is switched off. Ask an administrator.")
    if user.role != identity.role:
        user.role = identity.role
        _record(session, user, "user.changed", identity, now)
    return user


def _made(session: Session, identity: Identity, now: float) -> User:
    if not identity.name or session.scalar(select(User.id).where(User.name == identity.name)):
        raise OpenIdError(f"There is an account named {identity.name} already, and it is not yours by this login.")
    user = User(name=identity.name, password_hash=UNUSABLE, role=identity.role, active=True, created_at=now)
    session.add(user)
    session.flush()
    session.add(OutsideIdentity(user_id=user.id, issuer=identity.issuer, subject=identity.subject, created_at=now))
    _record(session, user, "user.add", identity, now)
    return user


def _record(session: Session, user: User, kind: str, identity: Identity, now: float) -> None:
    session.flush()
    body = {"name": user.name, "role": user.role, "issuer": identity.issuer}
    record(session, at=now, kind=kind, subject=f"user:{user.id}", actor="openid", body=body)


def _wire() -> Any:
    """The module that needs the libraries. A site without OpenID Connect needs none of them. Raises ``ValueError``."""
    try:
        from review_ui.auth import oidc_client
    except ModuleNotFoundError as error:
        raise ValueError(
            f"OpenID Connect needs the package {error.name}: run `make site`, or install requirements/site.txt"
        ) from error
    return oidc_client


def _safe(address: str) -> bool:
    """HTTPS, or a provider on this very machine."""
    parts = urlsplit(address)
    return parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in ("127.0.0.1", "::1", "localhost"))
