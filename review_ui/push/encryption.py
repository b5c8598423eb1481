"""Web Push on the wire: payloads that only the browser can read (RFC 8291), and a signature that says whose they are
(VAPID, RFC 8292).

The push service carries the message and must not read it. `cryptography` does the arithmetic.
"""

from __future__ import annotations

import base64
import json
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric import ec

RECORD_SIZE: Final = 4096
SALT_BYTES: Final = 16
POINT_BYTES: Final = 65
"""An uncompressed point of P-256: 4, x, y."""
AUTH_BYTES: Final = 16
SIGNATURE_LASTS_S: Final = 12 * 3600.0
"""Push services refuse more than a day."""


class BadKey(ValueError):
    """Something that is no key of a browser."""


@dataclass(frozen=True, slots=True)
class SiteKey:
    """The site's key pair: the private one as PEM, the public one as base64url of its point."""

    private_pem: str
    public: str


def new_site_key() -> SiteKey:
    """A fresh key pair."""
    from cryptography.hazmat.primitives import serialization as form
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    pem = key.private_bytes(form.Encoding.PEM, form.PrivateFormat.PKCS8, form.NoEncryption())
    return SiteKey(pem.decode(), encoded(_point(key.public_key())))


def check_browser_key(p256dh: str, auth: str) -> None:
    """Raise :class:`BadKey` when a browser's keys are none."""
    from cryptography.hazmat.primitives.asymmetric import ec

    if len(decoded(auth)) != AUTH_BYTES:
        raise BadKey("`auth` must be 16 bytes, base64url")
    point = decoded(p256dh)
    try:
        if len(point) != POINT_BYTES:
            raise ValueError
        ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
    except ValueError:
        raise BadKey("`p256dh` must be an uncompressed point of P-256, base64url") from None


def seal(payload: bytes, p256dh: str, auth: str) -> bytes:
    """The body for a browser, in the coding `aes128gcm`: one record, readable with the browser's private key alone.

    1. A fresh key pair and the browser's public key agree on a secret; the browser's `auth` is mixed in, so that the
       push service, which knows the public key, cannot stand between.
    2. A random salt makes the content key and the nonce.
    3. The header says salt, record size and the fresh public key; byte 2 after the payload ends the last record.
    """
    from cryptography.hazmat.primitives.asymmetric import ec

    check_browser_key(p256dh, auth)
    key, salt = ec.generate_private_key(ec.SECP256R1()), os.urandom(SALT_BYTES)
    return _sealed(payload, decoded(p256dh), decoded(auth), key, salt)


def _sealed(payload: bytes, theirs: bytes, auth: bytes, key: ec.EllipticCurvePrivateKey, salt: bytes) -> bytes:
    """As :func:`seal`, given what should be drawn anew each time."""
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    ours = _point(key.public_key())
    shared = key.exchange(ec.ECDH(), ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), theirs))
    secret = _derived(shared, auth, b"WebPush: info\0" + theirs + ours, 32)
    content_key = _derived(secret, salt, b"Content-Encoding: aes128gcm\0", 16)
    nonce = _derived(secret, salt, b"Content-Encoding: nonce\0", 12)
    header = salt + RECORD_SIZE.to_bytes(4, "big") + bytes([POINT_BYTES]) + ours
    return header + AESGCM(content_key).encrypt(nonce, payload + b"\x02", None)


def vapid(key: SiteKey, service: str, contact: str, now: float) -> str:
    """The `Authorization` header for one push service; ``service`` is its origin, ``contact`` whom it may write to."""
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

    private = serialization.load_pem_private_key(key.private_pem.encode(), None)
    if not isinstance(private, ec.EllipticCurvePrivateKey):
        raise BadKey("the site's key in the table push_keys is no P-256 key; remove the row, and people opt in again")
    claims = {"aud": service, "exp": int(now + SIGNATURE_LASTS_S), "sub": contact}
    signed = ".".join(encoded(json.dumps(part).encode()) for part in ({"typ": "JWT", "alg": "ES256"}, claims))
    r, s = decode_dss_signature(private.sign(signed.encode(), ec.ECDSA(hashes.SHA256())))
    signature = encoded(r.to_bytes(32, "big") + s.to_bytes(32, "big"))
    return f"vapid t={signed}.{signature}, k={key.public}"


def encoded(data: bytes) -> str:
    """Base64url without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def decoded(text: str) -> bytes:
    """Back from base64url; :class:`BadKey` for anything else."""
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except ValueError:
        raise BadKey("a browser's key must be base64url") from None


def _derived(secret: bytes, salt: bytes, info: bytes, length: int) -> bytes:
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    return HKDF(SHA256(), length, salt, info).derive(secret)


def _point(key: object) -> bytes:
    from cryptography.hazmat.primitives import serialization as form
    from cryptography.hazmat.primitives.asymmetric import ec

    assert isinstance(key, ec.EllipticCurvePublicKey)
    return key.public_bytes(form.Encoding.X962, form.PublicFormat.UncompressedPoint)
