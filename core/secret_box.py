"""What must be kept so that it can be read again, sealed with the site's key: secrets of second factors, addresses of
messages with their passwords, the key of push messages.

Passwords, tokens and recovery codes are kept as hashes; the secret of an authenticator app cannot be, the server works
out codes from it. It is sealed with AES-256-GCM under a key that the database does not hold, and bound to whose it is.

The key can be changed: what the one before has sealed is still read, until it is sealed anew (`bearwatch secrets`).
"""

from __future__ import annotations

import base64
import hashlib
import os
import secrets
from pathlib import Path
from typing import Final

from core.settings import Settings

KEY_FILE: Final = "secret.key"
_VERSION: Final = "v1"
_NONCE_BYTES: Final = 12


class LostKey(Exception):
    """Something was sealed with another key than this site has now. The message says how to help."""


class SecretBox:
    """Seals and opens. The key is looked for at first use: most requests need none.

    ``given`` is the key from the environment, ``before`` the one before it; without one ``file`` holds it, made at the
    first sealing, and a file beside it the one before.
    """

    def __init__(self, given: str | None, file: Path, before: str | None = None) -> None:
        self._given = given
        self._file = file
        self._before = before

    @classmethod
    def of(cls, settings: Settings) -> SecretBox:
        """As the settings say."""
        given = settings.bearwatch_secret_key
        before = settings.bearwatch_secret_key_before
        return cls(
            given.get_secret_value() if given else None,
            settings.bearwatch_data / KEY_FILE,
            before.get_secret_value() if before else None,
        )

    def seal(self, text: str, whose: str) -> str:
        """``v1.KEY.SEALED``: which key it was, then nonce and ciphertext. ``whose`` must be given again to open it."""
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        key = self._key(make=True)
        nonce = os.urandom(_NONCE_BYTES)
        sealed = nonce + AESGCM(_cipher_key(key)).encrypt(nonce, text.encode(), whose.encode())
        return ".".join((_VERSION, _name(key), base64.urlsafe_b64encode(sealed).decode()))

    def open(self, sealed: str, whose: str) -> str:
        """What was sealed. Raises :class:`LostKey` when it was sealed with another key, for another, or was altered."""
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        _, name, body = sealed.split(".", 2)
        key = next((each for each in (self._key(make=False), self._key_before()) if each and name == _name(each)), b"")
        if not key:
            raise LostKey(_HELP)
        data = base64.urlsafe_b64decode(body)
        try:
            return AESGCM(_cipher_key(key)).decrypt(data[:_NONCE_BYTES], data[_NONCE_BYTES:], whose.encode()).decode()
        except InvalidTag:
            raise LostKey(_HELP) from None

    def fits(self, sealed: str) -> bool:
        """Whether a key of this site, of now or of before, is the one that something was sealed with."""
        return sealed.split(".", 2)[1] in {_name(key) for key in (self._key(make=False), self._key_before()) if key}

    def is_current(self, sealed: str) -> bool:
        """Whether it was sealed with the key of now."""
        key = self._key(make=False)
        return bool(key) and sealed.split(".", 2)[1] == _name(key)

    def change_key(self) -> None:
        """A fresh key in the file, and the one until now beside it. One that the environment gives is changed there.

        Raises:
            LostKey: the change before is not finished: what it left sealed with an older key would be lost.
        """
        if self._given is not None:
            return
        old = self._key(make=True)
        if self._key_before():
            raise LostKey(f"{self._before_file} is still there: the last change of the key was not finished")
        _write_key(self._before_file, old.decode())
        _write_key(self._file, secrets.token_urlsafe(32))

    def forget_key_before(self) -> None:
        """Nothing that counts is sealed with it any more."""
        self._before_file.unlink(missing_ok=True)

    @property
    def _before_file(self) -> Path:
        return self._file.with_name(f"{self._file.name}.before")

    def _key_before(self) -> bytes:
        if self._before is not None:
            return self._before.encode()
        try:
            return self._before_file.read_bytes().strip()
        except FileNotFoundError:
            return b""

    def _key(self, *, make: bool) -> bytes:
        if self._given is not None:
            return self._given.encode()
        try:
            return self._file.read_bytes().strip()
        except FileNotFoundError:
            return _made(self._file) if make else b""


def is_sealed(text: str) -> bool:
    """Whether something was sealed; base32 secrets from before have no dot."""
    return text.startswith(f"{_VERSION}.")


def install(box: SecretBox | None) -> None:
    """From here on this process seals what it writes into sealed columns (:mod:`db.sealed_text`); None: no longer."""
    _INSTALLED[:] = [box]


def installed() -> SecretBox | None:
    """This process's box; None before a site was chosen."""
    return _INSTALLED[0]


_INSTALLED: Final[list[SecretBox | None]] = [None]


def _write_key(file: Path, key: str) -> None:
    """Whole or not at all, over what is there."""
    fresh = file.with_name(f".{file.name}.{secrets.token_hex(8)}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as out:
        out.write(key + "\n")
        out.flush()
        os.fsync(out.fileno())
    fresh.replace(file)


def _made(file: Path) -> bytes:
    """A fresh key in its file, readable by its owner only. Of several processes at once one makes it."""
    file.parent.mkdir(parents=True, exist_ok=True)
    fresh = file.with_name(f".{file.name}.{secrets.token_hex(8)}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as out:
        out.write(secrets.token_urlsafe(32) + "\n")
        out.flush()
        os.fsync(out.fileno())
    try:
        os.link(fresh, file)
    except FileExistsError:
        pass  # another process was faster: its key holds
    finally:
        fresh.unlink()
    return file.read_bytes().strip()


def _cipher_key(key: bytes) -> bytes:
    return hashlib.sha256(b"bearwatch second factor\0" + key).digest()


def _name(key: bytes) -> str:
    """Tells keys apart without telling anything of them."""
    return hashlib.sha256(b"bearwatch key name\0" + key).hexdigest()[:8]


_HELP: Final = (
    "The second factor of this account cannot be read: it was sealed with another key than this site has now. "
    "A recovery code still opens a login, and an administrator can switch the second factor off on the page People."
)
