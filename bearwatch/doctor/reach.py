"""What others reach: the page's port, the public address, certificates and how long they hold, cameras."""

from __future__ import annotations

import errno
import json
import socket
import ssl
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection, HTTPException
from typing import Final
from urllib.parse import parse_qs, urlsplit

from bearwatch.doctor.finding import Finding, Patient, doubtful, good, wrong
from core.config import Camera
from ingest.sources.probe import probe

SOON_DAYS: Final = 21.0
AT_ONCE: Final = 8
DAY_S: Final = 86400.0


def port(patient: Patient) -> Iterator[Finding]:
    """Whether the page answers on its port, or could."""
    host, number = patient.settings.bearwatch_ui_host, patient.settings.bearwatch_ui_port
    where = f"{host}:{number}"
    asked = "127.0.0.1" if host in ("0.0.0.0", "") else "::1" if host == "::" else host
    said = healthz(asked, number, patient.patience_s)
    if said is not None:
        down = [name for name in ("database", "redis") if said.get(name) is False]
        if down:
            yield wrong(
                "port", f"the page answers on {where}, without {' and '.join(down)}", "see the lines about these"
            )
        else:
            yield good("port", f"the page answers on {where}")
        return
    try:
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as there:
            there.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            there.bind((host, number))
    except OSError as error:
        remedy = {
            errno.EADDRINUSE: "stop that program, or choose another port (BEARWATCH_UI_PORT)",
            errno.EACCES: "choose a port from 1024 on (BEARWATCH_UI_PORT), and put a proxy in front",
        }.get(error.errno or 0, "name an address of this machine in BEARWATCH_UI_HOST")
        taken = "another program listens there" if error.errno == errno.EADDRINUSE else error.strerror
        yield wrong("port", f"{where} cannot be used: {taken}", remedy)
        return
    yield good("port", f"{where} is free")


def healthz(host: str, number: int, patience_s: float) -> dict[str, object] | None:
    """What the page says of itself; None where nobody answers, or somebody else."""
    connection = HTTPConnection(host, number, timeout=patience_s)
    try:
        connection.request("GET", "/healthz")
        said = json.loads(connection.getresponse().read(65536))
    except (OSError, HTTPException, ValueError):
        return None
    finally:
        connection.close()
    return said if isinstance(said, dict) and "database" in said else None


def public_address(patient: Patient) -> Iterator[Finding]:
    """Whether people can reach the page over HTTPS, under the address that messages name."""
    chosen = patient.settings
    url = chosen.bearwatch_public_url
    if not url:
        yield doubtful("public_url", "messages cannot say where the page is", "set BEARWATCH_PUBLIC_URL=https://…")
        return
    parts = urlsplit(url)
    if parts.scheme != "https" or not parts.hostname:
        yield doubtful("public_url", f"{url} is no https:// address: no push messages, and cookies travel in clear",
                       "put a proxy with HTTPS in front, and name it in BEARWATCH_PUBLIC_URL")  # fmt: skip
        return
    if not chosen.bearwatch_secure_cookies:
        yield wrong("public_url", "the page is reached over HTTPS, and its cookies travel in clear all the same",
                    "set BEARWATCH_SECURE_COOKIES=true")  # fmt: skip
    yield certificate("public_url", parts.hostname, parts.port or 443, patient, ssl.create_default_context())


def redis_certificate(patient: Patient) -> Iterator[Finding]:
    """How long the certificate of Redis holds, where TLS is spoken to it."""
    parts = urlsplit(patient.settings.redis)
    if parts.scheme != "rediss" or not parts.hostname:
        return
    options = parse_qs(parts.query)
    context = ssl.create_default_context(cafile=options.get("ssl_ca_certs", [None])[0])
    if "ssl_certfile" in options:
        context.load_cert_chain(options["ssl_certfile"][0], options.get("ssl_keyfile", [None])[0])
    yield certificate("redis", parts.hostname, parts.port or 6379, patient, context)


def certificate(what: str, host: str, number: int, patient: Patient, context: ssl.SSLContext) -> Finding:
    """Whether a server's certificate is believed, and until when."""
    where = f"{host}:{number}"
    try:
        with (
            socket.create_connection((host, number), timeout=patient.patience_s) as plain,
            context.wrap_socket(plain, server_hostname=host) as secured,
        ):
            shown = secured.getpeercert() or {}
    except ssl.SSLCertVerificationError as error:
        return wrong(what, f"the certificate of {where} is not believed: {error.verify_message}",
                     "renew it, or name the authority that signed it")  # fmt: skip
    except OSError as error:
        return wrong(what, f"{where} does not answer: {error}", "look at the name, the proxy and the firewall")
    days = (ssl.cert_time_to_seconds(str(shown["notAfter"])) - patient.now) / DAY_S
    text = f"the certificate of {where} holds for {days:.0f} days"
    return good(what, text) if days > SOON_DAYS else doubtful(what, text, "renew it now: look why nothing has")


def cameras(patient: Patient) -> Iterator[Finding]:
    """Whether each camera answers with pictures."""
    if patient.config is None:
        return
    enabled = patient.config.enabled_cameras()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        yield from list(pool.map(lambda name: _camera(name, enabled[name], patient.patience_s), enabled))


def _camera(name: str, camera: Camera, patience_s: float) -> Finding:
    result = probe(name, camera, patience_s)
    if not result.ok:
        return wrong("camera", f"{name}: {result.error}", "see cameras.md; `bearwatch check` keeps a picture of each")
    text = f"{name}: {result.codec} {result.width}x{result.height}, {result.fps:.1f} frames/s"
    if result.dark:
        return doubtful(
            "camera", f"{text}, black or of one colour", "is something before the lens, or no lamp at night?"
        )
    return good("camera", text)
