"""The words and facts of messages to the outside. Pure but for following an alert's relations."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any, Final

from core.clock import civil
from core.messages import EncounterKind
from db.models import Alert, DeliveryKind

LONGEST_TITLE: Final = 200
_UNCONFIRMED: Final = "Bear reported at {}, not yet confirmed by a ranger"


@dataclass(frozen=True, slots=True)
class MessageText:
    """What a message says to people, and the same for machines."""

    title: str
    body: str
    facts: dict[str, Any]


def message_text(alert: Alert, kind: DeliveryKind, *, confirmed: bool, was: str | None = None) -> MessageText:
    """What to say of an alert. Times are the campsite's own; nobody is named.

    The facts hold ``type`` (``new``, ``update`` or ``end``), ``before`` and ``after``, so that a program that follows
    them need not remember what it heard.
    """
    where = alert.campsite.name
    animal = "An animal that the model does not know" if alert.kind == EncounterKind.UNKNOWN_ANIMAL else "Bear?"
    title = {
        DeliveryKind.ADVISORY: f"{animal} at {where}: please look",
        DeliveryKind.WARNING: f"Bear at {where}" if confirmed else _UNCONFIRMED.format(where),
        DeliveryKind.CONFIRMED: f"Bear at {where} confirmed by a ranger",
        DeliveryKind.RETRACTION: f"No bear at {where} after all",
    }[kind]
    seen = civil(alert.captured_at, alert.campsite.region.timezone)
    body = f"{title}. Camera {alert.camera.name}, seen {seen:%d %B %H:%M}. Alert {alert.id}."
    after = {
        "alert": alert.id,
        "version": alert.version,
        "kind": alert.kind,
        "status": alert.status,
        "confirmed": confirmed,
        "campsite": alert.campsite_id,
        "campsite_name": alert.campsite.name,
        "camera": alert.camera_id,
        "camera_name": alert.camera.name,
        "seen_at": alert.captured_at,
        "seen_local": seen.isoformat(timespec="seconds"),
    }
    before = {**after, "status": was} if was is not None else None
    facts = {"type": TYPES[kind], "message": kind, "title": title, "before": before, "after": after}
    return MessageText(title[:LONGEST_TITLE], body, facts)


TYPES: Final = {
    DeliveryKind.WARNING: "new",
    DeliveryKind.ADVISORY: "new",
    DeliveryKind.PAGE: "new",
    DeliveryKind.CONFIRMED: "update",
    DeliveryKind.RETRACTION: "end",
}


def digest(target: str) -> str:
    """Stands for an address where the address itself has no business: it may hold a secret."""
    return hashlib.blake2b(target.encode(), digest_size=16).hexdigest()
