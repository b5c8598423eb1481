"""What stands around every page: the modes, the blind cameras, how much waits, and where in the ledger we are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from sqlalchemy.orm import Session

from db.ledger import head_seq
from review_ui.auth.access_scope import AccessScope, access_scope
from review_ui.auth.accounts import Account
from review_ui.auth.browser_sessions import SessionView, new_devices
from review_ui.auth.rights import Right
from review_ui.live.broadcast import shape
from review_ui.live.camera_status import CameraView, ModeView
from review_ui.live.modes import modes_now
from review_ui.live.site_notices import SiteNotice, notices_for
from review_ui.site import Site
from review_ui.web.alert_cards import count_open
from review_ui.web.viewer_scope import reader_of
from rollout.alerting import appeals
from rollout.alerting import camper_messages as messages_of_campers
from rollout.authority.freshness import StaleCamera
from rollout.control.open_status import HandoverView, handovers_for, open_handovers
from rollout.models.champion import OverriddenChampion, overridden_champion
from rollout.stages.event_store import load


@dataclass(frozen=True, slots=True)
class PageChrome:
    """The frame around a page. ``scope`` is what this viewer may see now."""

    modes: tuple[ModeView, ...]
    shape: str
    waiting: int
    seq: int
    scope: AccessScope
    timezone: str
    camper_messages: int = 0
    """Reports and complaints that wait; also of campsites to which the viewer is blind, since people wrote them."""
    second_reviews: int = 0
    """Second reviews of decisions that this viewer may take."""
    handovers: tuple[HandoverView, ...] = ()
    """Watches that nobody has taken over yet."""
    notices: tuple[SiteNotice, ...] = ()
    """What everybody has to know of the site itself."""
    new_devices: tuple[SessionView, ...] = ()
    """Logins of one's own account on browsers that were new, since this one was opened."""
    focus: str | None = None
    """The campsite that the page is about; None for all of them."""
    overridden: tuple[str, ...] = ()
    """Stages of the rollout plan that ask for less than the floors, and why they may."""
    overridden_model: OverriddenChampion = field(default_factory=OverriddenChampion)
    """What did not hold when the champion was promoted."""

    def about(self, campsite_id: str) -> PageChrome:
        """The same frame around a page that is about one campsite."""
        return replace(self, focus=campsite_id)

    @property
    def hidden(self) -> frozenset[str]:
        """The campsites that this viewer must not see now, but for open windows."""
        return self.scope.hidden

    @property
    def shown_modes(self) -> list[ModeView]:
        """Modes that the banner shows."""
        return [view for view in self.modes if self.focus in (None, view.campsite_id)]

    @property
    def mode_groups(self) -> list[list[ModeView]]:
        """Campsites that share a mode share a line. Where the watch is being handed over, that is said instead."""
        groups: dict[str, list[ModeView]] = {}
        for view in self.shown_modes:
            if view.handover is None:
                groups.setdefault("off" if view.switched_off else view.mode, []).append(view)
        return list(groups.values())

    @property
    def unwatched(self) -> list[ModeView]:
        """Campsites where no camera sees, or none is watched."""
        return [view for view in self.shown_modes if view.manual_watch]

    @property
    def blind(self) -> list[CameraView]:
        """Cameras that see nothing or are not watched, wherever they stand."""
        return [camera for view in self.modes for camera in (*view.blind, *view.unwatched)]

    @property
    def unwatched_cameras(self) -> list[CameraView]:
        """Cameras that are not watched although campers rely on them, of campsites where others are."""
        return [camera for view in self.shown_modes if not view.manual_watch for camera in view.unwatched]

    @property
    def partly_blind(self) -> list[CameraView]:
        """Blind cameras of campsites where others still see."""
        return [camera for view in self.shown_modes if not view.manual_watch for camera in view.blind]


def page_chrome(
    session: Session, site: Site, account: Account, now: float, stale: Mapping[str, StaleCamera] | None = None
) -> PageChrome:
    """The frame for one viewer. Read the ledger's end first: what comes later reaches the page as an event.

    ``stale``: :func:`~rollout.authority.freshness.stale_cameras` at this moment, where the caller has it already.
    """
    seq = head_seq(session)
    scope = access_scope(session, account, now, site.match_rule)
    modes = [mode for mode in modes_now(session, site.board, now, stale) if account.covers(mode.campsite_id)]
    notices = notices_for(site.config, account, site.board.notices.current, scope)
    return PageChrome(
        modes=tuple(modes),
        shape=shape(modes, notices),
        notices=notices,
        waiting=count_open(session, scope),
        seq=seq,
        scope=scope,
        timezone=next(iter(site.config.regions.values())).timezone,
        camper_messages=messages_of_campers.count_waiting(session, elsewhere(account, scope))
        if account.may(Right.REVIEW)
        else 0,
        second_reviews=appeals.count_waiting(session, account.id, scope.hidden) if account.may(Right.REVIEW) else 0,
        handovers=_handovers(session, site, account, scope),
        new_devices=tuple(new_devices(session, account, now)) if account.session else (),
        overridden=site.plan_watcher.current().overridden,
        overridden_model=overridden_champion(session),
    )


def _handovers(session: Session, site: Site, account: Account, scope: AccessScope) -> tuple[HandoverView, ...]:
    plan, reader = site.plan_watcher.current(), reader_of(site.config, account, scope)
    found = open_handovers(plan, load(session).handovers, reader.names)
    return handovers_for(reader, found, {person.user for person in plan.on_call})


def elsewhere(account: Account, scope: AccessScope) -> set[str]:
    """The campsites that are not this viewer's at all, whether they watch or not."""
    return {campsite for campsite in scope.hidden if not account.covers(campsite)}
