"""Whether all is well that authority needs, told to a service elsewhere that misses us when we fall silent.

Authority dies by itself and pages are sent by whoever is alive; of a machine that is gone nobody here can tell. The
service hears a call every minute while all is well, and another one while it is not.
"""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPException
from typing import Any, Final
from urllib.parse import urlsplit

import redis
from sqlalchemy.exc import SQLAlchemyError

from core.redis_client import RedisDown
from core.telemetry import Telemetry
from db.session import Database
from rollout.authority.leases import died_at, expiries
from rollout.base.http import DIRECT
from rollout.stages.event_store import load
from rollout.stages.state import Phase

CALL_WITHIN_S: Final = 5.0
FRESH_S: Final = 60.0
"""How lately the processes that authority and messages need have to have reported."""
NEEDED: Final = ("controller", "jobs")
"""Who renews authority and who sends messages."""


@dataclass(frozen=True, slots=True)
class SiteHealth:
    """How it stands at ``at``: the phase of the rollout, None when the database does not answer, and what is wrong."""

    at: float
    phase: Phase | None
    stage: str
    wrong: tuple[str, ...]

    @property
    def well(self) -> bool:
        """Whether nothing is wrong."""
        return not self.wrong

    def facts(self) -> dict[str, Any]:
        """What the service elsewhere is told. Nobody and no place is named."""
        return {
            "well": self.well,
            "at": round(self.at, 1),
            "phase": self.phase.value if self.phase else None,
            "stage": self.stage,
            "wrong": list(self.wrong),
        }


def health(database: Database, client: redis.Redis, now: float) -> SiteHealth:
    """Check all that authority needs.

    1. The database answers, and Redis does.
    2. Where the rollout is live, no lease has died.
    3. Where it is live or handed over, the controller and the jobs process have reported within a minute: authority is
       renewed and people are told. In shadow nobody depends on either.
    """
    wrong: list[str] = []
    phase, stage = None, ""
    try:
        with database.read() as session:
            state = load(session)
            phase, stage = state.phase, state.stage_name
            dead = died_at(state, expiries(session), now)
        if dead is not None:
            wrong.append("authority has died, and nobody has handed the watch over yet")
    except SQLAlchemyError:
        wrong.append("the database does not answer")
    try:
        beats = Telemetry(client).heartbeats()
    except (*RedisDown, redis.RedisError):
        wrong.append("Redis does not answer")
    else:
        if phase is not None and phase is not Phase.SHADOW:
            wrong += [f"the {name} process is silent" for name in NEEDED if not _fresh(beats.get(name), now)]
    return SiteHealth(now, phase, stage, tuple(wrong))


def _fresh(beat: Mapping[str, Any] | None, now: float) -> bool:
    return beat is not None and now - float(beat.get("at", 0.0)) <= FRESH_S


class NotHeard(Exception):
    """The service elsewhere did not take a call. The message holds no part of the address but its host."""


def call(address: str, facts: Mapping[str, Any]) -> None:
    """POST the facts as JSON; any 2xx is success, redirects are not followed. Raises :class:`NotHeard`.

    The address may hold a secret: it stands in no message.
    """
    body = json.dumps(facts).encode()
    request = urllib.request.Request(address, data=body, headers={"Content-Type": "application/json"}, method="POST")
    try:
        with DIRECT.open(request, timeout=CALL_WITHIN_S) as answer:
            answer.read(1024)
    except urllib.error.HTTPError as error:
        error.close()
        raise NotHeard(f"{host(address)} answered HTTP {error.code}") from None
    except (OSError, HTTPException, ValueError) as error:
        why = getattr(error, "reason", None) or type(error).__name__
        raise NotHeard(f"{host(address)} was not reached: {why}") from None


def host(address: str) -> str:
    """What may be shown of an address."""
    return urlsplit(address).hostname or "the address"
