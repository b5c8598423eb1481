"""What somebody had typed when their session ended: kept through the login, never lost, never sent by itself."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from core.config import Config
from review_ui.forms import SightingForm

_PATHS: Final = re.compile(
    r"/sightings|/alerts/\d{1,10}/decision|/watches|/watches/\d{1,10}/(?:end|still)"
    r"|/appeals/\d{1,10}/(?:answer|settle)|/camper-messages/\d{1,10}"
    r"|/labels/edits|/labels/changes/\d{1,10}/(?:apply|withdraw|revert)"
    r"|/rollout/(?:stop|ack)"
    r"|/cameras/[a-z0-9][a-z0-9_-]{0,62}/(?:areas|test)"
)
_MOST_FIELDS: Final = 20


@dataclass(frozen=True, slots=True)
class KeptForm:
    """A form that was not sent: where it wanted to go, and its fields."""

    path: str
    fields: Mapping[str, str]

    def pack(self) -> str:
        """As text for a hidden field."""
        return json.dumps({"path": self.path, "fields": dict(self.fields)})


def keep(path: str, fields: Mapping[str, str], config: Config, now: float) -> KeptForm | None:
    """Keep a form's fields; a sighting's "now" becomes this moment. None for a form that is not worth keeping."""
    if not _PATHS.fullmatch(path):
        return None
    if path == "/sightings":
        fixed = SightingForm.typed(fields).fixed(config, now)
        fields = {name: getattr(fixed, name) for name in SightingForm.__dataclass_fields__}
    return KeptForm(path, fields)


def unpack(text: str) -> KeptForm | None:
    """Read back what :meth:`KeptForm.pack` wrote; None for anything else: it has been through a browser."""
    try:
        found = json.loads(text)
        path, fields = found["path"], found["fields"]
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
    if not (isinstance(path, str) and _PATHS.fullmatch(path) and isinstance(fields, dict)):
        return None
    if len(fields) > _MOST_FIELDS or not all(isinstance(value, str) for value in fields.values()):
        return None
    return KeptForm(path, fields)


def local_path(path: str) -> str:
    """``path`` when it stays on this site, else ``/``: a login never forwards to a stranger."""
    if not path.startswith("/") or path.startswith(("//", "/\\")) or any(ord(c) < 32 for c in path):
        return "/"
    return path
