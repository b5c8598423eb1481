"""Browsers on which an account has logged in before: a cookie that opens nothing, and keeps strangers from locking its
owner out.

Wrong passwords are counted; whoever counts as the same as a stranger waits with them. A browser that shows what it was
given at an earlier login of the same account is counted by itself. The cookie is sealed with the site's key for one
account's name, so that nobody makes one up.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Final

from core.secret_box import LostKey, SecretBox
from review_ui.auth.accounts import digest

_PREFIX: Final = "bearwatch-device-"


def cookie_name(account: str) -> str:
    """One for each account, as several people may share a tablet; it does not say who they are."""
    return _PREFIX + digest(account)[:12]


def new_device(box: SecretBox, account: str) -> str:
    """The cookie for a browser on which somebody has just logged in."""
    return box.seal(secrets.token_urlsafe(12), _whose(account))


def known_device(box: SecretBox, account: str, cookies: Mapping[str, str]) -> str:
    """Which browser it is, if this account has logged in on it; empty for any other."""
    shown = cookies.get(cookie_name(account), "")
    try:
        return digest(box.open(shown, _whose(account)))
    except (LostKey, ValueError):
        return ""


def _whose(account: str) -> str:
    return f"device of {account}"
