"""What OpenID Connect puts on the wire: requests to the provider, its signed tokens. Only here stand its libraries."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import requests
from authlib.integrations.base_client import OAuthError  # type: ignore[import-untyped]  # it ships no types
from authlib.integrations.requests_client import OAuth2Session  # type: ignore[import-untyped]  # it ships no types
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

__all__ = ["ERRORS", "TIMEOUT_S", "JoseError", "check_claims", "client_session", "decode", "get_json", "keys_at"]

ALGORITHMS: Final = ["RS256", "RS384", "RS512", "PS256", "ES256", "ES384", "EdDSA"]
"""Signatures only a provider can make; never ``none``, never one made with our own secret."""
TIMEOUT_S: Final = 5.0
CLOCK_SKEW_S: Final = 60
ERRORS: Final = (OAuthError, JoseError, requests.RequestException, ValueError, KeyError, TypeError)
"""Whatever a provider that is away, misconfigured or malicious can make of its answers."""


def client_session(client_id: str | None, secret: str | None, scope: str, redirect_uri: str) -> Any:
    """This page as the provider's client, with PKCE."""
    return OAuth2Session(client_id, secret, scope=scope, redirect_uri=redirect_uri, code_challenge_method="S256")


def get_json(address: str) -> dict[str, Any]:
    """A JSON object from the provider. Raises one of :data:`ERRORS`."""
    answer = requests.get(address, timeout=TIMEOUT_S, allow_redirects=False)
    answer.raise_for_status()
    found = answer.json()
    if not isinstance(found, dict):
        raise ValueError(f"{address} is not a JSON object")
    return found


def keys_at(address: str) -> KeySet:
    """The keys that a provider publishes. Raises one of :data:`ERRORS`."""
    return KeySet.import_key_set(get_json(address))  # type: ignore[arg-type]  # checked there


def decode(id_token: str, keys: KeySet) -> Mapping[str, Any]:
    """The claims of a token with a good signature. Raises :class:`JoseError` or ``ValueError``."""
    return jwt.decode(id_token, keys, algorithms=ALGORITHMS).claims


def check_claims(claims: Mapping[str, Any], issuer: str, client_id: str, nonce: str, now: int) -> None:
    """Refuse a token of another issuer, for somebody else, of another login, or whose time is over.

    Raises:
        JoseError, ValueError: which of them it is.
    """
    registry = jwt.JWTClaimsRegistry(
        now=now,
        leeway=CLOCK_SKEW_S,
        iss={"essential": True, "value": issuer},
        aud={"essential": True, "value": client_id},
        sub={"essential": True},
        exp={"essential": True},
        iat={"essential": True},
        nonce={"essential": True, "value": nonce},
    )
    registry.validate(dict(claims))
    audience = claims["aud"]
    if isinstance(audience, list) and len(audience) > 1 and claims.get("azp") != client_id:
        raise ValueError("the token was made for somebody else")
