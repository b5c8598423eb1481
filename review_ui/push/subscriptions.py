"""Web Push: who asked to be told of new alerts while no page is open, who may be told now, and the telling.

It is advice beside the page, never instead of it: the words are always the same and say nothing of what the model
thinks, where, or how sure it is. Whoever is blind to a campsite hears nothing of it, by the same rule as everywhere
(:mod:`review_ui.auth.access_scope`); an alert that was raised in the shadow stage is told to nobody.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from sqlalchemy import ColumnElement, and_, delete, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, selectinload

from db.ledger import head_seq, record
from db.models import Alert, AlertStatus, Encounter, LedgerEntry, LoginSession, Mode, PushKey, User
from db.models import PushSubscription as Subscription
from db.session import Database
from review_ui.auth.access_scope import access_scopes
from review_ui.auth.accounts import Account, account_for
from review_ui.auth.rights import Right
from review_ui.push.encryption import SiteKey, check_browser_key, new_site_key
from review_ui.push.sending import GONE, Device, PushText, Sender, is_service, send
from rollout.evidence.matching import MatchRule

log = logging.getLogger(__name__)

WORDS: Final = PushText("Bearwatch", "Look at the queue.")
TEST_WORDS: Final = PushText("Bearwatch", "A test: this device is told of new alerts.", quiet=True)
MOST_DEVICES: Final = 10
"""Of one person; the oldest gives way."""
FRESH_S: Final = 600.0
"""An alert that has waited longer is no news: the page says how old it is."""
QUIET_S: Final = 10.0
"""A device is told at most once in this time; what comes meanwhile is told after it."""
TRY_FOR_S: Final = 120.0
READ_AT_ONCE: Final = 500


class NotAService(ValueError):
    """An address that is no known push service: this server speaks to no others."""


def site_key(database: Database, now: float) -> SiteKey:
    """The site's key, made at first use. From here on the ledger's new entries are told."""
    with database.read() as session:
        if (known := _key(session)) is not None:
            return known
    made = new_site_key()
    try:
        with database.write() as session:
            row = PushKey(id=1, private_key=made.private_pem, public_key=made.public, created_at=now)
            row.told_seq = head_seq(session)
            session.add(row)
    except IntegrityError:
        pass  # another process was faster
    with database.read() as session:
        return _key(session) or made


def subscribe(
    session: Session, account: Account, device: Device, campsites: Collection[str] | None, services: str, now: float
) -> None:
    """Tell this browser from now on. Raises :class:`NotAService` or :class:`~review_ui.push.encryption.BadKey`.

    1. A browser belongs to whoever asked last in it.
    2. ``campsites`` are those that it is told of: none, all of its owner's; None, as before. Of one that is not theirs
       it is told nothing.
    """
    if not is_service(device.endpoint, services):
        raise NotAService(f"{urlsplit(device.endpoint).hostname} is not among this site's push services")
    check_browser_key(device.p256dh, device.auth)
    known = session.scalar(select(Subscription).where(Subscription.endpoint_digest == device.digest))
    row = known or Subscription(endpoint_digest=device.digest, created_at=now, user_id=account.id)
    fresh = known is None or known.user_id != account.id
    row.user_id, row.session_hash, row.endpoint = account.id, account.session, device.endpoint
    row.p256dh, row.auth = device.p256dh, device.auth
    if campsites is not None or fresh:
        asked = set(campsites or ())
        # Whoever asks for others' campsites alone is told nothing, not everything.
        row.campsites = sorted({each for each in asked if account.covers(each)} or asked)
    session.add(row)
    session.flush()
    _make_room(session, account.id)
    if fresh:
        record(session, at=now, kind="push.asked", subject=f"push:{row.id}", actor=f"user:{account.id}")


def unsubscribe(session: Session, account: Account, endpoint: str, now: float) -> None:
    """Tell this browser no more."""
    mine = delete(Subscription).where(_own(account, endpoint)).returning(Subscription.id)
    gone = session.scalars(mine).one_or_none()
    if gone is not None:
        record(session, at=now, kind="push.ended", subject=f"push:{gone}", actor=f"user:{account.id}")


def own_device(session: Session, account: Account, endpoint: str) -> Subscription | None:
    """A browser of this person that is told, by its address."""
    return session.scalar(select(Subscription).where(_own(account, endpoint)))


def try_out(database: Database, account: Account, endpoint: str, sender: Sender, now: float) -> str:
    """Send a quiet message to one's own device; returns what went wrong, or an empty string.

    Once in :data:`QUIET_S`. It is no news: alerts are told as if it had not been sent.
    """
    with database.write() as session:
        row, key = own_device(session, account, endpoint), _key(session)
        if row is None or key is None:
            return "This device is not told of anything yet."
        if row.tested_at is not None and now - row.tested_at < QUIET_S:
            return "That was a moment ago. Wait ten seconds."
        row.tested_at = now
        device = Device(row.endpoint, row.p256dh, row.auth)
    answer = send(key, device, TEST_WORDS, sender, now)
    if answer is None:
        return f"{device.service} does not answer. Try again later; look whether this server may reach it."
    if not 200 <= answer < 300:
        return f"{device.service} answered {answer}. Switch the notices off and on again on this device."
    return ""


@dataclass(frozen=True, slots=True)
class News:
    """A new alert, as far as it decides who is told."""

    alert_id: int
    campsite: str
    camera: str
    span: tuple[float, float]
    at: float


def take_news(session: Session, now: float) -> list[News]:
    """New alerts that nobody has been told of, each given to one process only.

    Alerts of the shadow stage, old ones and decided ones are no news.
    """
    told = session.scalar(select(PushKey.told_seq))
    if told is None:
        return []
    rows = session.execute(
        select(LedgerEntry.seq, LedgerEntry.kind, LedgerEntry.subject)
        .where(LedgerEntry.seq > told)
        .order_by(LedgerEntry.seq)
        .limit(READ_AT_ONCE)
    ).all()
    if not rows:
        return []
    mine = update(PushKey).where(PushKey.told_seq == told).values(told_seq=rows[-1].seq).returning(PushKey.id)
    if session.scalars(mine).one_or_none() is None:
        return []  # another process was faster
    numbers = [int(row.subject.partition(":")[2]) for row in rows if row.kind == "alert.raised"]
    found = session.execute(
        select(Alert.id, Alert.campsite_id, Alert.camera_id, Encounter.first_at, Encounter.last_at, Alert.created_at)
        .join(Encounter, Encounter.id == Alert.encounter_id)
        .where(Alert.id.in_(numbers), Alert.mode != Mode.SHADOW, Alert.status == AlertStatus.OPEN)
        .where(Alert.created_at > now - FRESH_S)
    )
    return [News(row.id, row.campsite_id, row.camera_id, (row.first_at, row.last_at), row.created_at) for row in found]


def hearers(
    session: Session, news: Iterable[News], now: float, rule: MatchRule, required: Collection[str] = ()
) -> dict[int, Subscription]:
    """The devices that may be told now that something of this is new, by number.

    1. The account works: active, nothing owed, with the right to see alerts; its session was not signed out.
    2. The campsite is theirs and among those that the device asked for.
    3. They are not blind to it.
    """
    subscriptions = session.scalars(
        select(Subscription)
        .join(User, User.id == Subscription.user_id)
        .where(User.active.is_(True))
        .options(selectinload(Subscription.user).selectinload(User.campsites))
    ).all()
    ended = _signed_out(session, {each.session_hash for each in subscriptions})
    devices = {}
    for each in subscriptions:
        account = account_for(each.user, f"push:{each.id}", required)
        if each.session_hash not in ended and account.required_action is None and account.may(Right.VIEW):
            devices[account.session] = (each, account)
    scopes = access_scopes(session, [account for _, account in devices.values()], now, rule)
    return {
        each.id: each
        for key, (each, account) in devices.items()
        if any(
            account.covers(new.campsite)
            and (not each.campsites or new.campsite in each.campsites)
            and scopes[key].shows(new.campsite, new.span, new.camera)
            for new in news
        )
    }


class Pusher:
    """Tells devices of new alerts; :meth:`step` is called about once a second, by the jobs."""

    def __init__(
        self,
        database: Database,
        sender: Sender,
        rule: Callable[[], MatchRule],
        required: Collection[str] = (),
        at_once: int = 8,
    ) -> None:
        self.database = database
        self.rule = rule
        self.sender = sender
        self.required = required
        self._pool = ThreadPoolExecutor(at_once, thread_name_prefix="push")
        self._untold: list[News] = []
        self._answered: dict[int, float] = {}
        """By device: when a push service last took or refused a message for it."""
        self._told: set[tuple[int, int]] = set()

    def step(self, now: float) -> int:
        """Tell what is due; returns how many devices were told."""
        with self.database.read() as session:
            told = session.scalar(select(PushKey.told_seq))
            behind = told is not None and head_seq(session) > told
        if behind:
            with self.database.write() as session:
                self._untold += take_news(session, now)
        self._untold = [new for new in self._untold if now - new.at < TRY_FOR_S]
        self._told &= {(device, new.alert_id) for device, _ in self._told for new in self._untold}
        if not self._untold:
            return 0
        due = self._due(now)
        if not due:
            return 0
        with self.database.read() as session:
            key = _key(session)
        if key is None:
            return 0
        answers = list(self._pool.map(lambda each: send(key, each[1], WORDS, self.sender, now), due))
        told = 0
        for (number, _, alerts), answer in zip(due, answers, strict=True):
            self._answered[number] = now
            if answer in GONE:
                self._forget(number, now)
            elif answer is not None and 200 <= answer < 300:
                told += 1
                self._told |= {(number, alert) for alert in alerts}
                self._mark(number, now)
        return told

    def close(self) -> None:
        """End the threads."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _due(self, now: float) -> list[tuple[int, Device, frozenset[int]]]:
        """Whom to tell, and which alerts that covers. Rights and blindness are asked anew at every try."""
        found: dict[int, tuple[Device, set[int]]] = {}
        rule = self.rule()
        with self.database.read() as session:
            for new in self._untold:
                for number, row in hearers(session, [new], now, rule, self.required).items():
                    quiet = now - max(self._answered.get(number, 0.0), row.sent_at or 0.0) < QUIET_S
                    if quiet or (number, new.alert_id) in self._told:
                        continue
                    found.setdefault(number, (Device(row.endpoint, row.p256dh, row.auth), set()))[1].add(new.alert_id)
        return [(number, device, frozenset(alerts)) for number, (device, alerts) in found.items()]

    def _mark(self, number: int, now: float) -> None:
        with self.database.write() as session:
            session.execute(update(Subscription).where(Subscription.id == number).values(sent_at=now))

    def _forget(self, number: int, now: float) -> None:
        with self.database.write() as session:
            mine = delete(Subscription).where(Subscription.id == number).returning(Subscription.id)
            if session.scalars(mine).one_or_none() is not None:
                record(session, at=now, kind="push.ended", subject=f"push:{number}", actor="system")


def _own(account: Account, endpoint: str) -> ColumnElement[bool]:
    """Condition on :class:`~db.models.PushSubscription`: this browser, asked for by this person."""
    return and_(Subscription.endpoint_digest == Device(endpoint, "", "").digest, Subscription.user_id == account.id)


def _key(session: Session) -> SiteKey | None:
    row = session.get(PushKey, 1)
    return None if row is None else SiteKey(row.private_key, row.public_key)


def _make_room(session: Session, user_id: int) -> None:
    newest = select(Subscription.id).where(Subscription.user_id == user_id).order_by(Subscription.id.desc())
    for number in session.scalars(newest.offset(MOST_DEVICES)).all():
        session.execute(delete(Subscription).where(Subscription.id == number))


def _signed_out(session: Session, hashes: Collection[str]) -> set[str]:
    """Sessions that somebody has ended. One that ran out by itself does not end the telling: the night goes on."""
    ended = select(LoginSession.token_hash).where(
        LoginSession.token_hash.in_(hashes), LoginSession.revoked_at.is_not(None)
    )
    return set(session.scalars(ended))
