"""When each session and token was last used, gathered in memory and written down now and then.

Writing with every request would make every look at a page wait for the database's one writer.
"""

from __future__ import annotations

import threading

from sqlalchemy import update
from sqlalchemy.orm import Session

from db.models import ApiToken, LoginSession


class Presence:
    """Who was here since the last :meth:`write_down`, by the hash of the session or token."""

    def __init__(self) -> None:
        self._seen: dict[str, float] = {}
        self._lock = threading.Lock()

    def saw(self, session_hash: str, now: float) -> None:
        """A session or token was used. May be called from any thread."""
        with self._lock:
            self._seen[session_hash] = now

    def pending(self) -> bool:
        """Whether there is anything to write down."""
        return bool(self._seen)

    def write_down(self, session: Session) -> None:
        """Write down what is new; what cannot be written is gone, which nobody misses."""
        with self._lock:
            seen, self._seen = self._seen, {}
        for session_hash, at in seen.items():
            session.execute(update(LoginSession).where(LoginSession.token_hash == session_hash).values(last_seen_at=at))
            session.execute(update(ApiToken).where(ApiToken.token_hash == session_hash).values(last_used_at=at))
