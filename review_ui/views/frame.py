"""What stands around every page: the modes, the blind cameras, how much waits, and where in the ledger we are."""

from __future__ import annotations

from dataclasses import dataclass, replace

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
    focus: str | None = None
    """The campsite that the page is about; None for all of them."""

    def about(self, campsite_id: str) -> Frame:
        """The same frame around a page that is about one campsite."""
        return replace(self, focus=campsite_id)

    @property
    def shown_modes(self) -> list[ModeView]:
        """Modes that the banner shows."""
        return [view for view in self.modes if self.focus in (None, view.campsite_id)]

    @property
    def mode_groups(self) -> list[list[ModeView]]:
        """Campsites that share a mode share a line."""
        groups: dict[str, list[ModeView]] = {}
        for view in self.shown_modes:
            groups.setdefault(view.mode, []).append(view)
        return list(groups.values())

    @property
    def unwatched(self) -> list[ModeView]:
        """Campsites where no camera sees."""
        return [view for view in self.shown_modes if view.manual_watch]

    @property
    def blind(self) -> list[CameraView]:
        """Cameras that see nothing, wherever they stand."""
        return [camera for view in self.modes for camera in view.blind]

    @property
    def partly_blind(self) -> list[CameraView]:
        """Blind cameras of campsites where others still see."""
        return [camera for view in self.shown_modes if not view.manual_watch for camera in view.blind]


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
    )
