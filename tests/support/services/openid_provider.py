"""A small OpenID Connect provider on a real port: discovery, keys, login, tokens signed with RS256."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey

from tests.support.services.http_servers import answering

CLIENT_ID = "bearwatch"
CLIENT_SECRET = "a-secret-between-the-two-servers"


@dataclass
class Provider:
    """What the provider knows and does. Tests change its claims, and spoil its tokens."""

    now: float
    claims: dict[str, Any] = field(default_factory=dict)
    overrides: dict[str, Any] = field(default_factory=dict)
    """Claims of the token that are not what they should be."""
    algorithm: str = "RS256"
    key: RSAKey = field(default_factory=lambda: RSAKey.generate_key(2048))
    published: RSAKey | None = None
    """Published instead of the key that signs."""
    address: str = ""
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    keys_read: int = 0

    def discovery(self) -> dict[str, Any]:
        """What it says about itself."""
        return {
            "issuer": self.address,
            "authorization_endpoint": f"{self.address}/authorize",
            "token_endpoint": f"{self.address}/token",
            "jwks_uri": f"{self.address}/keys",
        }

    def authorize(self, asked: dict[str, str]) -> str:
        """Somebody logs in here without further questions; returns where their browser goes."""
        code = secrets.token_urlsafe(16)
        self.codes[code] = asked
        return f"{asked['redirect_uri']}?{urlencode({'code': code, 'state': asked['state']})}"

    def token(self, asked: dict[str, str], authorization: str) -> tuple[int, dict[str, Any]]:
        """Change a code for a token, once, if the verifier fits the challenge."""
        known = self.codes.pop(asked.get("code", ""), None)
        challenge = hashlib.sha256(asked.get("code_verifier", "").encode()).digest()
        if base64.b64decode(authorization.removeprefix("Basic ")).decode() != f"{CLIENT_ID}:{CLIENT_SECRET}":
            return 401, {"error": "invalid_client"}
        if known is None or known["redirect_uri"] != asked["redirect_uri"]:
            return 400, {"error": "invalid_grant"}
        if base64.urlsafe_b64encode(challenge).decode().rstrip("=") != known["code_challenge"]:
            return 400, {"error": "invalid_grant", "error_description": "the verifier does not fit"}
        return 200, {"access_token": "x", "token_type": "Bearer", "id_token": self.id_token(known["nonce"])}

    def id_token(self, nonce: str) -> str:
        """Who somebody is, signed."""
        claims = {
            "iss": self.address,
            "aud": CLIENT_ID,
            "iat": int(self.now),
            "exp": int(self.now) + 300,
            "nonce": nonce,
            **self.claims,
            **self.overrides,
        }
        if self.algorithm == "HS256":
            secret = OctKey.import_key(CLIENT_SECRET.ljust(32, "-"))
            return jwt.encode({"alg": "HS256"}, claims, secret)
        return jwt.encode({"alg": self.algorithm, "kid": self.key.thumbprint()}, claims, self.key)

    def keys(self) -> dict[str, Any]:
        """The keys with which others check the signature."""
        self.keys_read += 1
        key = self.published or self.key
        return {"keys": [{**key.as_dict(private=False), "kid": key.thumbprint(), "use": "sig"}]}


@contextmanager
def openid_provider(now: float) -> Iterator[Provider]:
    """A provider that answers on loopback."""
    provider = Provider(now)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            if parts.path == "/authorize":
                asked = {name: values[0] for name, values in parse_qs(parts.query).items()}
                self.send_response(302)
                self.send_header("Location", provider.authorize(asked))
                self.end_headers()
                return
            pages = {"/.well-known/openid-configuration": provider.discovery, "/keys": provider.keys}
            self._answer(200, pages[parts.path]())

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            asked = {name: values[0] for name, values in parse_qs(body).items()}
            self._answer(*provider.token(asked, self.headers.get("Authorization", "")))

        def _answer(self, status: int, document: dict[str, Any]) -> None:
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(json.dumps(document).encode())

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    provider.address = f"http://127.0.0.1:{server.server_port}"
    with answering(server):
        yield provider
