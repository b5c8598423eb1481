"""Passwords: what makes one good enough, and how they are kept (argon2id)."""

from __future__ import annotations

import re
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

SHORTEST_PASSWORD: Final = 12
LONGEST_PASSWORD: Final = 256
"""Longer ones would only make argon2 work for an attacker."""
UNUSABLE: Final = "!"
"""A hash that no password fits: the account is there, nobody can log in with a password."""
FEWEST_CHARACTERS: Final = 5
"""Different ones."""
FEWEST_OWN: Final = 8
"""Letters and digits that are neither the name nor a common password."""

_COMMON: Final = (
    "password", "passwort", "passphrase", "letmein", "welcome", "iloveyou", "qwerty", "qwertz", "azerty", "asdfgh",
    "zxcvbn", "1q2w3e4r", "abc123", "changeme", "default", "administrator", "secret", "dragon", "football", "monkey",
    "sunshine", "princess", "bearwatch", "ranger", "campsite", "yosemite", "0123456789", "1234567890", "9876543210",
    "abcdefghijkl", "passw0rd", "pssw0rd",
)  # fmt: skip
"""What people type when they must type something; with digits and marks around it, it is no better."""
_ALPHABET: Final = "abcdefghjkmnpqrstuvwxyz23456789"
"""Without letters and digits that look alike: a generated password is read from a screen and typed on a telephone."""
_LEET: Final = str.maketrans("431057", "aeiost")

_hasher: Final = PasswordHasher()
_staff = threading.BoundedSemaphore(2)
_strangers = threading.BoundedSemaphore(1)
WAIT_S: Final = 4.0


class WeakPassword(ValueError):
    """A password that is easy to guess, too short or too long. The message says what to do."""


class Busy(Exception):
    """More logins at once than the memory allows; try again in :data:`WAIT_S` seconds."""


def check_password(password: str, name: str = "") -> None:
    """Raise :class:`WeakPassword` unless a password is good enough for the account ``name``.

    1. Its length: :data:`SHORTEST_PASSWORD` to :data:`LONGEST_PASSWORD` characters.
    2. It is not one character over and over.
    3. Without the account's name, and without a common password in it, at least :data:`FEWEST_OWN` letters and digits
       are left.
    """
    if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
        raise WeakPassword(f"a password has {SHORTEST_PASSWORD} to {LONGEST_PASSWORD} characters, not {len(password)}")
    if len(set(password)) < FEWEST_CHARACTERS:
        raise WeakPassword("a password needs more than a few different characters")
    folded = _letters(password)
    if len(name) >= 3 and len(folded.replace(_letters(name), "")) < FEWEST_OWN:
        raise WeakPassword("this password is little more than the name; choose another")
    for plain in (folded, folded.translate(_LEET)):
        left = plain
        for common in _COMMON:
            left = left.replace(common, "")
        if left != plain and len(left) < FEWEST_OWN:
            raise WeakPassword("this password is easy to guess; a few words that do not belong together are better")


def _letters(text: str) -> str:
    """Letters and digits alone, in small letters: what is put between them makes nothing harder to guess."""
    return re.sub(r"[\W_]", "", text.casefold())


def hash_password(password: str, name: str = "") -> str:
    """The argon2id hash of a password. Raises :class:`WeakPassword`."""
    check_password(password, name)
    return _hasher.hash(password)


def new_password() -> str:
    """A random password of 79 bits in four groups."""
    return "-".join("".join(secrets.choice(_ALPHABET) for _ in range(4)) for _ in range(4))


def fits(hashed: str | None, password: str, *, strangers: bool = False) -> bool:
    """Whether a password fits a hash; None stands for an account that does not exist and costs the same time.

    ``strangers``: whoever asks may be anybody, and waits behind others who may be. Raises :class:`Busy`.
    """
    if len(password) > LONGEST_PASSWORD:
        return False
    nobody = _nobody()
    usable = hashed if hashed and hashed != UNUSABLE else nobody
    with _place(_strangers if strangers else _staff):
        try:
            return _hasher.verify(usable, password)
        except (VerificationError, InvalidHashError):
            return False


def rehashed(hashed: str, password: str) -> str | None:
    """A new hash of a password that fits, when the old one was made with weaker parameters."""
    return _hasher.hash(password) if _hasher.check_needs_rehash(hashed) else None


@contextmanager
def _place(places: threading.BoundedSemaphore) -> Iterator[None]:
    """argon2 takes 64 MiB a time: a flood of logins must neither fill the memory nor stop the page's other work."""
    if not places.acquire(timeout=WAIT_S):
        raise Busy
    try:
        yield
    finally:
        places.release()


@cache
def _nobody() -> str:
    """A hash that no password fits."""
    return _hasher.hash(secrets.token_urlsafe(32))
