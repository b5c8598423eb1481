"""Secrets are shown nowhere: the one place that takes them out of addresses, messages and log lines.

An address is shown as scheme, host and port: a password may stand before its host, in its path or its query.
"""

from __future__ import annotations

import logging
import re
from urllib.parse import quote, unquote

HIDDEN = "***"
SHORTEST = 4
"""A shorter secret is not looked for in texts: it would take words apart."""
SIGNS = ' /@#?[]<>"\\^`{|}'
"""What cannot stand in a name or password inside an address as it is."""

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^\s\"'<>]*")
_HOST = re.compile(r"(\[[0-9A-Fa-f:.%]+\]|[A-Za-z0-9._-]+)(:[0-9]{1,5})?")
_CREDENTIALS = re.compile(r"(?<=://)[^\s\"'<>]*@")
_NAMED = re.compile(
    r"(?i)\b([a-z_-]*(?:passw(?:or)?d|passwd|pwd|pass|psw|secret|token|api_?key|key|auth))=([^&\s\"'<>]+)"
)
_CLEAR_BEFORE_HOST = re.compile(r"://[^/@\s:?#]*:(?!\$\{)[^\s]*?@")
_CLEAR_IN_ADDRESS = re.compile(r"(?i)://.*\b(?:passw(?:or)?d|passwd|pwd|pass|psw)=(?!\$\{)[^&\s]+")

_known: set[str] = set()


def shown_address(address: str) -> str:
    """``rtsp://host:port`` of an address, whatever stands around it; a file's path as it is.

    Where a password may hold the signs that end a host, the host is not guessed: ``rtsp://***``.
    """
    scheme = _SCHEME.match(address)
    if scheme is None:
        return redacted(address)
    if scheme.group(1).lower() == "file":
        return address
    rest = address[scheme.end() :]
    authority = re.split(r"[/?#]", rest, maxsplit=1)[0]
    host = authority.rpartition("@")[2]
    certain = "@" not in rest[len(authority) :] and _HOST.fullmatch(host)
    return f"{scheme.group(0)}{host if certain else HIDDEN}"


def redacted(text: str) -> str:
    """A text that may be shown and logged: without known secrets, credentials before hosts, and ``password=…``."""
    for secret in sorted(_known, key=len, reverse=True):
        if secret in text:
            text = text.replace(secret, HIDDEN)
    return _NAMED.sub(rf"\1={HIDDEN}", _CREDENTIALS.sub(f"{HIDDEN}@", text))


def without_addresses(text: str) -> str:
    """As :func:`redacted`, and with every address cut down to scheme, host and port."""
    return redacted(_ADDRESS.sub(lambda match: shown_address(match.group()), text))


def keep_secret(value: str) -> None:
    """From now on this value is taken out of every text of this process, however it is quoted."""
    forms = {value, quote(value, safe=""), unquote(value), repr(value)[1:-1]}
    _known.update(form for form in forms if len(form) >= SHORTEST)


def in_clear(written: str) -> bool:
    """Whether an address, as it is written in a file, holds a password that is no ``${NAME}``."""
    if _CLEAR_IN_ADDRESS.search(written):
        return True
    found = _CLEAR_BEFORE_HOST.search(written)
    if found is None:
        return False
    # `rtsp://10.0.0.5:554/live@2` holds none: a host and a port stand where a name and a password would.
    before = re.split(r"[/?#]", written[found.start() + 3 :], maxsplit=1)[0]
    host = _HOST.fullmatch(before)
    return not (host and host.group(2) and ("." in host.group(1) or host.group(1) in ("localhost",)))


def quoted_secret(value: str) -> str:
    """A secret as it stands before the host of an address: signs of the address quoted, ``%40`` left as it is."""
    quoted = "".join(quote(sign, safe="") if sign in SIGNS else sign for sign in value)
    return re.sub(r"%(?![0-9A-Fa-f]{2})", "%25", quoted)


class RedactingFormatter(logging.Formatter):
    """Writes log lines without secrets, tracebacks included."""

    def format(self, record: logging.LogRecord) -> str:
        """One record as it is written."""
        return redacted(super().format(record))
