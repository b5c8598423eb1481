"""The ways out: Apprise for most services, signed webhooks, MQTT. Each takes one message and says how it went.

Whoever receives a signed webhook verifies it with :func:`verify`, or in any language so: take the two headers, build
``timestamp + "." + body`` from the bytes as they came, compute HMAC-SHA256 with the shared key, compare in constant
time with the hexadecimal digits after ``v1=``, and refuse timestamps more than five minutes off.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPException
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import apprise

from core.redaction import redacted
from db.sealed_text import LOST
from rollout.alerting.mqtt import LINES, NotDelivered, host_and_prefix
from rollout.base.http import DIRECT

SEND_WITHIN_S: Final = 30.0
TIMESTAMP_HEADER: Final = "Bearwatch-Timestamp"
SIGNATURE_HEADER: Final = "Bearwatch-Signature"
DELIVERY_HEADER: Final = "Bearwatch-Delivery"
"""The delivery's number: the same message sent twice carries the same one."""
TOLERANCE_S: Final = 300.0
WORTH_ANOTHER_TRY: Final = frozenset({408, 409, 421, 423, 425, 429})
"""Answers of the 4xx kind that may be different next time."""

_STATUS_IN_LOG: Final = re.compile(r"error=(\d{3})\b")


@dataclass(frozen=True, slots=True)
class Message:
    """One message to one address. ``facts`` are its content for machines."""

    delivery_id: int
    target: str
    title: str
    body: str
    facts: Mapping[str, Any]


def send(message: Message, now: float) -> None:
    """Send it by the way that its address names. Raises :class:`rollout.alerting.mqtt.NotDelivered`."""
    scheme = message.target.partition("://")[0].lower()
    if message.target.startswith(LOST):
        raise NotDelivered(
            "its address cannot be read: it was sealed with another key than this site has. Give back "
            "BEARWATCH_SECRET_KEY, or the file secret.key in the data directory",
            permanent=True,
        )
    if scheme in ("hmac+https", "hmac+http"):
        _webhook(message, now)
    elif scheme in ("mqtt", "mqtts"):
        LINES.publish(message.target, {"delivery": message.delivery_id, "text": message.body, **message.facts})
    else:
        _apprise(message)


def address_problem(target: str) -> str | None:
    """What is wrong with an address as it is written, or None. Nothing is sent."""
    scheme = target.partition("://")[0].lower()
    try:
        if scheme in ("hmac+https", "hmac+http"):
            _address(target)
        elif scheme in ("mqtt", "mqtts"):
            host_and_prefix(target)
        elif not apprise.Apprise().add(target):
            return "no service has this kind of address"
    except NotDelivered as error:
        return str(error)
    return None


def is_permanent(status: int) -> bool:
    """Whether an HTTP status means that the same message would be refused again."""
    return 300 <= status < 500 and status not in WORTH_ANOTHER_TRY


def sign(key: str, timestamp: int, body: bytes) -> str:
    """The value of the signature header."""
    return "v1=" + hmac.new(key.encode(), f"{timestamp}.".encode() + body, hashlib.sha256).hexdigest()


def verify(key: str, headers: Mapping[str, str], body: bytes, now: float) -> bool:
    """Whether a webhook comes from whoever knows the key, and was made within the last minutes."""
    lower = {name.lower(): value for name, value in headers.items()}
    timestamp = lower.get(TIMESTAMP_HEADER.lower(), "")
    if not timestamp.isdecimal() or abs(now - int(timestamp)) > TOLERANCE_S:
        return False
    return hmac.compare_digest(sign(key, int(timestamp), body), lower.get(SIGNATURE_HEADER.lower(), ""))


def _apprise(message: Message) -> None:
    messenger = apprise.Apprise()
    if not messenger.add(message.target):
        raise NotDelivered("no service has this kind of address; correct it in the configuration", permanent=True)
    result = messenger.notify(body=message.body, title=message.title, timeout=SEND_WITHIN_S)
    if result:
        return
    said = "; ".join(str(entry.message).strip() for entry in result.logs()) or "the service did not accept the message"
    status = _STATUS_IN_LOG.search(said)
    permanent = status is not None and is_permanent(int(status.group(1)))
    raise NotDelivered(redacted(said), permanent=permanent)


def _webhook(message: Message, now: float) -> None:
    url, key = _address(message.target)
    body = json.dumps(
        {"delivery": message.delivery_id, "text": message.body, **message.facts}, ensure_ascii=False
    ).encode()
    timestamp = int(now)
    request = urllib.request.Request(
        url,
        data=body,
        method="POST",
        headers={
            "Content-Type": "application/json",
            TIMESTAMP_HEADER: str(timestamp),
            SIGNATURE_HEADER: sign(key, timestamp, body),
            DELIVERY_HEADER: str(message.delivery_id),
        },
    )
    try:
        with DIRECT.open(request, timeout=SEND_WITHIN_S):
            pass
    except urllib.error.HTTPError as error:
        error.close()
        raise NotDelivered(f"HTTP {error.code} {error.reason}", permanent=is_permanent(error.code)) from error
    except (OSError, HTTPException) as error:
        raise NotDelivered(f"not reached: {getattr(error, 'reason', error)}") from error


def _address(target: str) -> tuple[str, str]:
    """The URL without the key, and the key."""
    parts = urlsplit(target)
    query = parse_qsl(parts.query, keep_blank_values=True)
    key = dict(query).get("key", "")
    if not key or not parts.hostname:
        raise NotDelivered("a signed webhook is written hmac+https://host/path?key=SECRET", permanent=True)
    rest = urlencode([(name, value) for name, value in query if name != "key"])
    return urlunsplit((parts.scheme.removeprefix("hmac+"), parts.netloc, parts.path or "/", rest, "")), key
