"""What somebody may see now of what the model says: their campsites, less those to which they are blind.

The model is judged against what people saw by themselves. So while a person watches a campsite whose authority is
``shadow``, everything the model says about that campsite is hidden from them: in the queue, on alert pages, in
pictures, in live events and in the API. It comes back when their watch ends. A sighting that they seal opens, for a
while, what the model saw around the moment of that sighting, and nothing else: a made-up sighting buys no view of the
night, and stays in the record under its author's name.

Where only some cameras of a campsite advise and the others are still in the shadow stage, the others alone are hidden.

The same person may be asked for a second review of a decision (:mod:`rollout.alerting.appeals`). Until they have
answered, they must not learn what was decided first: such alerts are in :attr:`AccessScope.second_reviews`.

Every route asks here, with :func:`access_scope`; there is no other rule. Whoever shows something new puts
:meth:`AccessScope.alerts` or :meth:`AccessScope.encounters` into its query, or asks :meth:`AccessScope.shows`; whoever
cannot tell when a thing was seen, or by which camera, leaves out the campsites in :attr:`AccessScope.hidden`. Whoever
shows a decision leaves out those about the alerts in :attr:`AccessScope.second_reviews`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Final, Self

from sqlalchemy import ColumnElement, Select, and_, exists, func, or_, select
from sqlalchemy.orm import Session, aliased

from core.night_span import date_of, night
from db.models import (
    Alert,
    AuthorityLease,
    Camera,
    Campsite,
    Encounter,
    EncounterFrame,
    ImportedLabel,
    Sighting,
    Watch,
)
from review_ui.auth.accounts import Account
from review_ui.auth.rights import Right, may
from rollout.alerting.appeals import open_reviews
from rollout.alerting.send_policy import advised
from rollout.authority.authority import advises
from rollout.authority.notified_cameras import advising_cameras
from rollout.evidence.loader import timezones_of
from rollout.evidence.matching import MatchRule

REVEAL_S: Final = 600.0
"""How long the view that a sealed sighting opens stays open."""


@dataclass(frozen=True, slots=True)
class Window:
    """Encounters at a campsite that overlap ``start`` to ``end`` may be seen, although the campsite is hidden."""

    campsite_id: str
    start: float
    end: float

    @classmethod
    def around(cls, campsite_id: str, seen_at: float, rule: MatchRule) -> Self:
        """What the rule can match with a sighting."""
        return cls(campsite_id, seen_at - rule.before_s, seen_at + rule.after_s)

    def holds(self, campsite_id: str, first_at: float, last_at: float) -> bool:
        """Whether an encounter lies in it."""
        return campsite_id == self.campsite_id and first_at <= self.end and last_at >= self.start


@dataclass(frozen=True, slots=True)
class Blinding:
    """Somebody is blind to a campsite ``since`` then, but for the windows that their sightings have opened."""

    since: float
    windows: tuple[Window, ...] = ()
    advising: frozenset[str] = frozenset()
    """Cameras of the campsite that advise, so that nobody is blind to them."""

    def all_along_since(self, at: float, camera: str | None) -> bool:
        """Whether nothing could be seen from ``at`` until now of a camera, or of the whole campsite for None."""
        hidden = not self.advising or (camera is not None and camera not in self.advising)
        return hidden and not self.windows and self.since <= at


@dataclass(frozen=True, slots=True)
class AccessScope:
    """What one person may see of what the model says. Camera states and modes are not among it: ask ``covers``."""

    hidden: frozenset[str] = frozenset()
    """Campsites of which nothing may be seen but what ``windows`` open and ``advising`` cameras saw: not theirs, or
    they are blind to them."""
    blind: frozenset[str] = frozenset()
    """Those of them to which they are blind because they watch there."""
    windows: tuple[Window, ...] = ()
    advising: frozenset[str] = frozenset()
    """Cameras at hidden campsites that advise: what they saw may be seen all the same."""
    rule: MatchRule = field(default_factory=MatchRule)
    """What ``windows`` were opened by; whoever matches sightings for this person uses it, too."""
    second_reviews: Mapping[int, int] = field(default_factory=dict)
    """Alerts of which they must not know the decision, and the second review that they may take instead."""

    def alerts(self) -> ColumnElement[bool]:
        """Condition on :class:`Alert`."""
        of_alert = aliased(Encounter)
        opened = (
            and_(
                Alert.campsite_id == each.campsite_id,
                exists().where(of_alert.id == Alert.encounter_id, *_overlap(of_alert, each)),
            )
            for each in self.windows
        )
        return or_(Alert.campsite_id.not_in(self.hidden), Alert.camera_id.in_(self.advising), *opened)

    def encounters(self) -> ColumnElement[bool]:
        """Condition on :class:`Encounter` joined with its :class:`Camera`."""
        opened = (and_(Camera.campsite_id == w.campsite_id, *_overlap(Encounter, w)) for w in self.windows)
        return or_(Camera.campsite_id.not_in(self.hidden), Camera.id.in_(self.advising), *opened)

    def hides_camera(self, camera_id: str, campsite_id: str) -> bool:
        """Whether what a camera of a campsite saw is hidden, but for open windows."""
        return campsite_id in self.hidden and camera_id not in self.advising

    def shows(
        self, campsite_id: str | None, span: tuple[float, float] | None = None, camera_id: str | None = None
    ) -> bool:
        """Whether something that the model saw at a campsite may be seen; ``span`` are its encounter's first and last
        moment. Something of no campsite may be seen; something of no known time or camera only where nothing is hidden.
        """
        if campsite_id is None or campsite_id not in self.hidden or camera_id in self.advising:
            return True
        return span is not None and any(window.holds(campsite_id, *span) for window in self.windows)


Blindings = dict[tuple[int, str], Blinding]
"""By (user, campsite)."""


def access_scope(session: Session, account: Account, now: float, rule: MatchRule) -> AccessScope:
    """What one person may see now. ``rule``: what a sealed sighting opens, :attr:`review_ui.site.Site.match_rule`."""
    return access_scopes(session, [account], now, rule)[account.session]


def access_scopes(
    session: Session, accounts: Collection[Account], now: float, rule: MatchRule
) -> dict[str, AccessScope]:
    """The same for many at once, by their login sessions; for the live stream."""
    users = {account.id for account in accounts}
    blindings = current_blindings(session, now, rule, next(iter(users)) if len(users) == 1 else None)
    everything = _all_campsites(session) if any(a.campsites is not None for a in accounts) else frozenset()
    open_now = open_reviews(session)
    found = {}
    for account in accounts:
        # A program with fewer rights still belongs to somebody who takes second reviews.
        reviews = may(account.role, Right.REVIEW)
        theirs = {review.alert_id: review.id for review in open_now if reviews and account.id not in review.known_to}
        found[account.session] = _access_scope(account, blindings, everything, rule, theirs)
    return found


def campsites_in_scope(session: Session, account: Account, now: float, rule: MatchRule) -> set[str]:
    """The campsites of which this person may see now all that the model says."""
    return set(_all_campsites(session) - access_scope(session, account, now, rule).hidden)


def may_see_picture(session: Session, account: Account, key: str, now: float, rule: MatchRule) -> bool:
    """Whether this person may see one kept picture: its camera, or the open window in which it was chosen."""
    camera = session.get(Camera, key.split("/")[1])
    if camera is None:
        return may(account.role, Right.LABEL) and _imported(session, account, key, now, rule)
    scope = access_scope(session, account, now, rule)
    if not scope.hides_camera(camera.id, camera.campsite_id):
        return True
    return any(
        _chosen_within(session, camera.id, key, each)
        for each in scope.windows
        if each.campsite_id == camera.campsite_id
    )


def _imported(session: Session, account: Account, key: str, now: float, rule: MatchRule) -> bool:
    """Whether a picture was brought in with labels, from a camera that this site does not have, and is not hidden."""
    campsites = session.scalars(select(ImportedLabel.campsite_id).where(ImportedLabel.media == key)).all()
    return bool(campsites) and not access_scope(session, account, now, rule).hidden.intersection(campsites)


def current_blindings(session: Session, now: float, rule: MatchRule, user_id: int | None = None) -> Blindings:
    """Who is blind to which campsite. Of one user, or of all.

    1. Whoever has no open watch on a campsite sees it. A forgotten watch is over at its ``ends_at``.
    2. Where the model advises rangers nobody is blind: people act on what it says. That is so in every stage but
       shadow, and after authority has ended until a ranger has taken over the watch; but not in a night that an
       experiment has switched off.
    3. Otherwise they are blind: since the watch began, authority fell back to shadow, or the last view closed.
    4. Where the stage reaches some of the cameras only, they are blind to the others: since the watch or the stage
       began, or the last view closed. A camera that has left the stage advises until a ranger has taken over.
    5. A sighting sealed during the watch opens, for :data:`REVEAL_S` seconds, what the model saw as long before and
       after it as ``rule`` can match the two.
    """
    found: Blindings = {}
    windows = _windows(session, now, rule, user_id)
    for watch, lease, sealed_at in session.execute(_open_watches(now, user_id)):
        advising = frozenset[str]()
        if advised(session, watch.campsite_id, now):
            some = None if lease is None else advising_cameras(session, lease)
            if lease is None or some is None:
                continue
            advising, shadow_since = some, lease.granted_at
        else:
            shadow_since = _hidden_since(session, watch.campsite_id, lease, now)
        closed_at = float("-inf") if sealed_at is None else sealed_at + REVEAL_S
        since = max(watch.started_at, shadow_since, closed_at if closed_at <= now else float("-inf"))
        key = (watch.user_id, watch.campsite_id)
        before = found[key].since if key in found else since
        found[key] = Blinding(max(since, before), tuple(windows.get(key, ())), advising)
    return found


def _hidden_since(session: Session, campsite_id: str, lease: AuthorityLease | None, now: float) -> float:
    """Since when nobody is advised there: since authority fell back to shadow, or since the noon of an off night."""
    if lease is None:
        return float("-inf")
    if not advises(lease):
        return lease.granted_at
    timezone = timezones_of(session)[campsite_id]
    return night(date_of(now, timezone), timezone).start


def _access_scope(
    account: Account,
    blindings: Blindings,
    everything: frozenset[str],
    rule: MatchRule,
    second_reviews: Mapping[int, int],
) -> AccessScope:
    mine = {campsite: blinding for (user, campsite), blinding in blindings.items() if user == account.id}
    elsewhere = frozenset() if account.campsites is None else everything - account.campsites
    theirs = [blinding for campsite, blinding in mine.items() if account.covers(campsite)]
    return AccessScope(
        hidden=elsewhere | frozenset(mine),
        blind=frozenset(mine),
        windows=tuple(window for blinding in theirs for window in blinding.windows),
        advising=frozenset[str]().union(*(blinding.advising for blinding in theirs)),
        rule=rule,
        second_reviews=second_reviews,
    )


def _all_campsites(session: Session) -> frozenset[str]:
    return frozenset(session.scalars(select(Campsite.id)))


def _chosen_within(session: Session, camera_id: str, key: str, window: Window) -> bool:
    """Whether a picture belongs to an encounter of the camera that a window opens."""
    chosen = (
        select(Encounter.id)
        .outerjoin(EncounterFrame, EncounterFrame.encounter_id == Encounter.id)
        .where(
            Encounter.camera_id == camera_id,
            *_overlap(Encounter, window),
            or_(Encounter.cover == key, EncounterFrame.media == key),
        )
    )
    return session.scalar(chosen.limit(1)) is not None


def _overlap(encounter: type[Encounter], window: Window) -> tuple[ColumnElement[bool], ...]:
    return encounter.first_at <= window.end, encounter.last_at >= window.start


def _windows(session: Session, now: float, rule: MatchRule, user_id: int | None) -> dict[tuple[int, str], list[Window]]:
    lately = (
        select(Sighting.user_id, Sighting.campsite_id, Sighting.seen_at)
        .join(Watch, and_(Watch.user_id == Sighting.user_id, Watch.campsite_id == Sighting.campsite_id))
        .where(Sighting.sealed_at > now - REVEAL_S, Sighting.sealed_at >= Watch.started_at, is_open(now))
    )
    found: dict[tuple[int, str], list[Window]] = {}
    if user_id is not None:
        lately = lately.where(Watch.user_id == user_id)
    for user, campsite, seen_at in session.execute(lately):
        found.setdefault((user, campsite), []).append(Window.around(campsite, seen_at, rule))
    return found


def _open_watches(now: float, user_id: int | None) -> Select[Watch, AuthorityLease, float | None]:
    sealed = (
        select(func.max(Sighting.sealed_at))
        .where(
            Sighting.user_id == Watch.user_id,
            Sighting.campsite_id == Watch.campsite_id,
            Sighting.sealed_at >= Watch.started_at,
        )
        .scalar_subquery()
    )
    open_watches = (
        select(Watch, AuthorityLease, sealed)
        .outerjoin(AuthorityLease, AuthorityLease.campsite_id == Watch.campsite_id)
        .where(is_open(now))
    )
    return open_watches if user_id is None else open_watches.where(Watch.user_id == user_id)


def is_open(now: float) -> ColumnElement[bool]:
    """Condition on :class:`Watch`: nobody has ended it, and it has not ended by itself."""
    return and_(Watch.ended_at.is_(None), or_(Watch.ends_at.is_(None), Watch.ends_at > now))
