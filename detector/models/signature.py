"""A bundle's signature: who vouches for every file of it that runs, with an Ed25519 key that lies elsewhere.

    bundle.sig   {"key": public key, "signature": …}, both in base64, beside the other files

What is signed is the digest over everything that runs (:attr:`detector.models.bundle.ModelBundle.runs`): weights,
thresholds, graphs. Whoever can write into the bundle's directory can compute that digest anew, but not the signature.

The package `cryptography` is imported where it is used: a machine that asks for no signatures needs none.
"""

from __future__ import annotations

import base64
import binascii
import json
import os
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, Final

from detector.models.bundle import BUILT_IN, BundleError, ModelBundle

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

SIGNATURE: Final = "bundle.sig"
_MEANING: Final = b"bearwatch model bundle\0"
_MOST_BYTES: Final = 4096


class UnsignedError(BundleError):
    """Nobody who is trusted here vouches for the bundle; the message says what is wrong with its signature."""


def signing_key(file: Path) -> Ed25519PrivateKey:
    """The key in a file (PEM). Where there is none, a new one is made, readable by its owner only.

    Raises:
        BundleError: the file holds no such key.
    """
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import (
        Encoding,
        NoEncryption,
        PrivateFormat,
        load_pem_private_key,
    )

    if not file.exists():
        key = Ed25519PrivateKey.generate()
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as out:
            out.write(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        return key
    try:
        found = load_pem_private_key(file.read_bytes(), password=None)
    except (OSError, ValueError, TypeError) as error:
        raise BundleError(f"{file} holds no key to sign with: {error}") from error
    if not isinstance(found, Ed25519PrivateKey):
        raise BundleError(f"{file} holds another kind of key; models are signed with Ed25519")
    return found


def public_key(key: Ed25519PrivateKey) -> str:
    """Its public half in base64, as ``BEARWATCH_MODEL_KEYS`` names it."""
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    return base64.b64encode(key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)).decode()


def sign(bundle: ModelBundle, key: Ed25519PrivateKey) -> Path:
    """Vouch for a bundle as it lies there now. Raises BundleError when a file of it is not what it says."""
    if bundle.directory is None:
        raise BundleError(f"{bundle.label} has no directory: its weights come from a package")
    bundle.check_files()
    said = {"key": public_key(key), "signature": base64.b64encode(key.sign(_signed(bundle))).decode()}
    file = bundle.directory / SIGNATURE
    file.write_text(json.dumps(said) + "\n", encoding="utf-8")
    return file


def signer(bundle: ModelBundle) -> str:
    """The public key whose owner vouches for the bundle, trusted or not.

    Raises:
        UnsignedError: it has no signature, or one that is not over these files; or nobody here can tell.
    """
    try:
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    except ImportError as error:
        raise UnsignedError(f"the signature of {bundle.directory} needs the package cryptography: {error}") from error
    file = (bundle.directory or Path()) / SIGNATURE
    try:
        content = file.read_bytes()[: _MOST_BYTES + 1]
        said = json.loads(content)
        key, signature = (base64.b64decode(said[name], validate=True) for name in ("key", "signature"))
        Ed25519PublicKey.from_public_bytes(key).verify(signature, _signed(bundle))
    except FileNotFoundError as error:
        raise UnsignedError(f"{bundle.directory} is not signed; `bearwatch models sign` does that") from error
    except InvalidSignature as error:
        raise UnsignedError(
            f"the signature in {file} is over other files than lie there: the bundle was changed after it was signed; "
            "take it again from where it came"
        ) from error
    except (OSError, ValueError, TypeError, KeyError, binascii.Error) as error:
        raise UnsignedError(f"{file} holds no signature: {error!r}") from error
    return base64.b64encode(key).decode()


def expect_signed(bundle: ModelBundle, trusted: Collection[str]) -> None:
    """Refuse a bundle for which nobody of ``trusted`` vouches; without anybody in it, none is asked for.

    A pretrained network has no directory, and its own hash in the program; the built-in model came with the program.

    Raises:
        UnsignedError: it is unsigned, signed over other files, or by somebody else.
    """
    if not trusted or bundle.directory in (None, BUILT_IN):
        return
    by = signer(bundle)
    if by not in trusted:
        raise UnsignedError(
            f"{bundle.directory} is signed with the key {by}, which is none of those that BEARWATCH_MODEL_KEYS names"
        )


def _signed(bundle: ModelBundle) -> bytes:
    return _MEANING + bytes.fromhex(bundle.runs)
