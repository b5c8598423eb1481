"""What stands around every page: the modes, the blind cameras, how much waits, and where in the ledger we are."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy.orm import Session

from db.ledger import head_seq
from review_ui.board import CameraView, ModeView
from review_ui.live import shape
from review_ui.modes import modes_now
from review_ui.security import Account
from review_ui.site import Site
from review_ui.views.cards import count_open
from review_ui.visibility import hidden_campsites


@dataclass(frozen=True, slots=True)
class Frame:
    """The frame around a page. ``hidden`` are the campsites that this viewer must not see now."""

    modes: tuple[ModeView, ...]
    shape: str
    waiting: int
    seq: int
    hidden: frozenset[str]
    timezone: str
    redis_away: bool

    @property
    def mode_groups(self) -> list[tuple[ModeView, list[str]]]:
        """Campsites that share a mode, in one line."""
        groups: dict[str, tuple[ModeView, list[str]]] = {}
        for view in self.modes:
            groups.setdefault(view.mode, (view, []))[1].append(view.campsite)
        return list(groups.values())

    @property
    def blind(self) -> list[CameraView]:
        """Cameras that see nothing."""
        return [camera for view in self.modes for camera in view.blind]


def frame(session: Session, site: Site, account: Account, now: float) -> Frame:
    """The frame for one viewer. Read the ledger's end first: what comes later reaches the page as an event."""
    seq = head_seq(session)
    hidden = frozenset(hidden_campsites(session, account.id, now))
    modes = modes_now(session, site.board, now)
    return Frame(
        modes=tuple(modes),
        shape=shape(modes),
        waiting=count_open(session, hidden),
        seq=seq,
        hidden=hidden,
        timezone=next(iter(site.config.regions.values())).timezone,
        redis_away=site.board.redis_away,
    )
