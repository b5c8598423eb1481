"""What somebody had entered when their session ended: kept through the login, never lost, never sent by itself.

The refused form travels inside the login form and comes back on the page it was filled in on, field by field
(``static/js/kept.js``); without scripts it comes back as a page of its own with one button. Passwords are never kept.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlencode

from sqlalchemy import select

from core.config import Config
from db.models import LoginSession
from db.session import Database
from review_ui.auth.accounts import digest
from review_ui.web.sighting_form import SightingForm

_NUMBER: Final = r"(\d{1,10})"
_PAGES: Final = tuple(
    (re.compile(path), page)
    for path, page in (
        (r"/sightings", "/sightings/new"),
        (rf"/alerts/{_NUMBER}/decision", r"/alerts/\1"),
        (rf"/audit/sheets/{_NUMBER}", r"/audit/sheets/\1"),
        (rf"/watches(?:/{_NUMBER}/(?:end|still))?", "/"),
        (rf"/appeals/{_NUMBER}/answer", r"/appeals/\1"),
        (rf"/appeals/{_NUMBER}/settle|/camper-messages/{_NUMBER}", "/appeals"),
        (r"/labels/(?:edits|animals)", "/labels"),
        (rf"/labels/changes/{_NUMBER}/(?:apply|withdraw|revert)", r"/labels/changes/\1"),
        (r"/rollout/stop", "/rollout/stop"),
        (r"/rollout/(?:ack|analysis|approve|hold|promote|extend|demote|breakers/reset)", "/rollout"),
        (r"/cameras/([a-z0-9][a-z0-9_-]{0,62})/(?:areas|test)", r"/cameras/\1"),
        (rf"/experiments(?:/{_NUMBER}/end)?", "/experiments"),
        (r"/labels/groups", "/labels/groups"),
        (r"/people", "/people"),
        (rf"/people/{_NUMBER}(?:/[a-z-]+)?", r"/people/\1"),
        (r"/account/[a-z0-9/-]+", "/account"),
        (r"/models/(?:rollback|withdraw)", "/models"),
        (r"/models/([0-9a-f]{8,64})/(?:approve|promote|register|challenge)", r"/models/\1"),
        (r"/ledger/verify", "/ledger"),
        (r"/try", "/try"),
    )
)
"""Where each form stands. A form that is not named here is not kept; the login then leads to the watch page."""
_SECRETS: Final = {
    "password": ("Your password, once more", "current-password"),
    "old": ("The password you have", "current-password"),
    "new": ("New password", "new-password"),
    "again": ("New password, once more", "new-password"),
    "code": ("The code that your app shows now", "one-time-code"),
}
"""By field, what it is called when it has to be typed again, and what a browser may fill in."""
_MOST_FIELDS: Final = 700
"""More than the most marks that a contact sheet can carry."""


@dataclass(frozen=True, slots=True)
class KeptForm:
    """A form that was not sent: where it wanted to go, its fields in order, and which secrets must be typed again.

    ``user`` is whose session had ended, where that is known: what one person entered is not offered to another.
    """

    path: str
    fields: tuple[tuple[str, str], ...]
    asks: tuple[str, ...] = ()
    user: int | None = None

    @property
    def page(self) -> str:
        """The page on which it was filled in."""
        back = self.first("back")
        if self.path == "/labels/edits" and back.startswith("/labels"):
            return local_path(back)
        if self.path == "/sightings" and self.first("at"):
            return "/sightings/new?" + urlencode({"at": self.first("at")})
        return page_of(self.path) or "/"

    def first(self, name: str) -> str:
        """A field's value, the first one of several; empty when there is none."""
        return next((value for key, value in self.fields if key == name), "")

    @property
    def asked(self) -> list[tuple[str, str, str]]:
        """The secrets that must be typed again: field, label, and what a browser may fill in."""
        return [(name, *_SECRETS[name]) for name in self.asks]

    def pack(self) -> str:
        """As text for a hidden field."""
        about = {"path": self.path, "fields": self.fields, "asks": self.asks, "user": self.user, "page": self.page}
        return json.dumps(about, ensure_ascii=False)


def page_of(path: str) -> str | None:
    """The page on which the form stands that is sent to ``path``; None for a path that no kept form is sent to."""
    for pattern, page in _PAGES:
        if found := pattern.fullmatch(path):
            return found.expand(page)
    return None


def keep(
    path: str, fields: Iterable[tuple[str, str]], config: Config, now: float, user: int | None = None
) -> KeptForm | None:
    """Keep a form's fields; a sighting's "now" becomes this moment. None for a form that is not worth keeping."""
    given = tuple(fields)
    if page_of(path) is None or len(given) > _MOST_FIELDS:
        return None
    kept = tuple((name, value) for name, value in given if name not in _SECRETS)
    asks = tuple(dict.fromkeys(name for name, _ in given if name in _SECRETS))
    if path == "/sightings":
        fixed = SightingForm.typed(dict(kept)).fixed(config, now)
        kept = tuple((name, getattr(fixed, name)) for name in SightingForm.__dataclass_fields__)
    return KeptForm(path, kept, asks, user)


def unpack(text: str) -> KeptForm | None:
    """Read back what :meth:`KeptForm.pack` wrote; None for anything else: it has been through a browser."""
    try:
        found = json.loads(text)
        path, fields, asks, user = found["path"], found["fields"], found.get("asks", []), found.get("user")
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None
    if not (isinstance(path, str) and page_of(path) and _are_fields(fields)):
        return None
    if not (isinstance(asks, list) and all(isinstance(each, str) and each in _SECRETS for each in asks)):
        return None
    pairs = tuple((name, value) for name, value in fields)
    return KeptForm(path, pairs, tuple(asks), user if isinstance(user, int) else None)


def whose(database: Database, token: str | None) -> int | None:
    """Whose session a cookie's token once opened, whether or not it still does."""
    if not token:
        return None
    with database.read() as session:
        return session.scalar(select(LoginSession.user_id).where(LoginSession.token_hash == digest(token)))


def _are_fields(found: object) -> bool:
    return (
        isinstance(found, list)
        and len(found) <= _MOST_FIELDS
        and all(isinstance(pair, list) and len(pair) == 2 and all(isinstance(e, str) for e in pair) for pair in found)
    )


def local_path(path: str) -> str:
    """``path`` when it stays on this site, else ``/``: a login never forwards to a stranger."""
    if not path.startswith("/") or path.startswith(("//", "/\\")) or any(ord(c) < 32 for c in path):
        return "/"
    return path
