"""One message to one browser: what a push service is sent, and what it answers."""

from __future__ import annotations

import hashlib
import json
import logging
import urllib.error
import urllib.request
from dataclasses import dataclass
from fnmatch import fnmatchcase
from http.client import HTTPException
from typing import Final, Self
from urllib.parse import urlsplit

from core.settings import Settings
from review_ui.push.encryption import SiteKey, seal, vapid
from rollout.base.http import DIRECT

log = logging.getLogger(__name__)

LIVES_S: Final = 600
"""How long a push service keeps a message for a device that is away."""
ANSWER_WITHIN_S: Final = 10.0
GONE: Final = (404, 410)
DEFAULT_CONTACT: Final = "https://localhost"
"""Whom a push service is told to write to where nothing is configured."""


@dataclass(frozen=True, slots=True)
class PushText:
    """What a device shows. ``quiet``: without a sound, and not in the place of a message about the queue."""

    title: str
    body: str
    quiet: bool = False

    @property
    def payload(self) -> bytes:
        """As it travels, sealed."""
        said: dict[str, object] = {"title": self.title, "body": self.body}
        return json.dumps(said | ({"quiet": True} if self.quiet else {})).encode()


@dataclass(frozen=True, slots=True)
class Sender:
    """Which push services may be spoken to, and whom they may write to about this site."""

    services: str
    contact: str

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """As this site is configured."""
        contact = settings.bearwatch_push_contact or settings.bearwatch_public_url or DEFAULT_CONTACT
        return cls(settings.bearwatch_push_services, contact)


@dataclass(frozen=True, slots=True)
class Device:
    """Where one browser is told, and what it needs to read it."""

    endpoint: str
    p256dh: str
    auth: str

    @property
    def digest(self) -> str:
        """What tells endpoints apart."""
        return hashlib.sha256(self.endpoint.encode()).hexdigest()

    @property
    def service(self) -> str:
        """The push service's origin."""
        parts = urlsplit(self.endpoint)
        return f"{parts.scheme}://{parts.netloc}"


def is_service(endpoint: str, services: str) -> bool:
    """Whether an endpoint belongs to one of the push services, which are origins with ``*.`` for any sub-domain."""
    parts = urlsplit(endpoint)
    if parts.username is not None or not parts.hostname or "\\" in endpoint:
        return False
    origin = f"{parts.scheme}://{parts.netloc.lower()}"
    return any(fnmatchcase(origin, each.rstrip("/").lower()) for each in services.split())


def send(key: SiteKey, device: Device, words: PushText, sender: Sender, now: float) -> int | None:
    """Hand a message to a browser's push service; returns the status that it answers, None when it does not."""
    if not is_service(device.endpoint, sender.services):
        return 410  # the site's services have changed
    request = urllib.request.Request(
        device.endpoint,
        seal(words.payload, device.p256dh, device.auth),
        {
            "Authorization": vapid(key, device.service, sender.contact, now),
            "Content-Encoding": "aes128gcm",
            "Content-Type": "application/octet-stream",
            "TTL": str(LIVES_S),
            "Urgency": "low" if words.quiet else "high",
            "Topic": "test" if words.quiet else "queue",
        },
        method="POST",
    )
    try:
        with DIRECT.open(request, timeout=ANSWER_WITHIN_S) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        error.close()
        log.info("push service %s answered %d", device.service, error.code)
        return error.code
    except (OSError, HTTPException) as error:
        log.warning("push service %s does not answer: %s", device.service, error)
        return None
