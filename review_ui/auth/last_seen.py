"""When each session and token was last used, gathered in memory and written down now and then.

Writing with every request would make every view of a page wait for the database's one writer.
"""

from __future__ import annotations

import threading
from typing import Final

from sqlalchemy import bindparam, update
from sqlalchemy.orm import Session

from db.models import ApiToken, LoginSession

_SESSIONS: Final = (
    update(LoginSession).where(LoginSession.token_hash == bindparam("used")).values(last_seen_at=bindparam("at"))
)
_TOKENS: Final = update(ApiToken).where(ApiToken.token_hash == bindparam("used")).values(last_used_at=bindparam("at"))


MOST_KNOWN: Final = 10_000


class LastSeenTracker:
    """Who was here since the last :meth:`write_down`, by the hash of the session or token."""

    def __init__(self) -> None:
        self._seen: dict[str, float] = {}
        self._known: dict[str, None] = {}
        self._lock = threading.Lock()

    def saw(self, session_hash: str, now: float) -> None:
        """A session or token was used. May be called from any thread."""
        with self._lock:
            self._seen[session_hash] = now
            self._known.pop(session_hash, None)
            self._known[session_hash] = None
            if len(self._known) > MOST_KNOWN:
                self._known.pop(next(iter(self._known)))

    def knows(self, session_hash: str) -> bool:
        """Whether a session or token has been used since this process began. It may have ended meanwhile."""
        return session_hash in self._known

    def pending(self) -> bool:
        """Whether there is anything to write down."""
        return bool(self._seen)

    def write_down(self, session: Session) -> None:
        """Write down what is new; what cannot be written is gone, which nobody misses."""
        with self._lock:
            seen, self._seen = self._seen, {}
        if not seen:
            return
        rows = [{"used": session_hash, "at": at} for session_hash, at in seen.items()]
        # All in two statements: nobody else writes meanwhile, and a hundred people may have been here.
        connection = session.connection()
        connection.execute(_SESSIONS, rows)
        connection.execute(_TOKENS, rows)
