"""Messages from campers: taken in within limits, handed to the rangers, and forgotten again.

No personal data is kept. An address becomes a digest under a key of the day; the key goes after two days, the text
after ``retention.camper_days``. What stays is that there was a report, a complaint or an appeal, and what was done.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from sqlalchemy import Select, delete, func, select, update
from sqlalchemy.orm import Session, joinedload

from core.client_network import network_of
from core.rate_limit import RateExceeded, RateLimit, RateLimiter
from db.ledger import record
from db.models import CamperMessage, MessageKind, SenderKey
from db.session import Database
from rollout.alerting.active_warnings import current_warning
from rollout.alerting.appeals import open_appeal

LONGEST_TEXT: Final = 600
PER_SENDER: Final = ((600.0, 4), (86400.0, 12))
"""Within so many seconds, so many messages from one address to one campsite. A camp's shared network is one address."""
PER_CAMPSITE: Final = ((600.0, 40), (86400.0, 400))
"""All addresses together: more than this is no longer news to the rangers."""
KEYS_KEPT_S: Final = 2 * 86400.0


@dataclass(frozen=True, slots=True)
class CamperNote:
    """What a camper sends. ``sender`` is their network address; it is not kept. ``shared``: it stands for everybody,
    and nothing is limited by it."""

    campsite_id: str
    kind: MessageKind
    text: str
    sender: str
    idempotency_key: str
    shared: bool = False


class TooMany(Exception):
    """More messages than the limits allow; the next one is taken after ``wait_s`` seconds."""

    def __init__(self, wait_s: float) -> None:
        super().__init__(f"too many messages; try again in {wait_s:.0f} s")
        self.wait_s = wait_s


class NothingToAppeal(Exception):
    """There is no warning at the campsite now."""


def receive(database: Database, limiter: RateLimiter, message: CamperNote, now: float) -> int:
    """Take a message in; returns its number.

    1. The same idempotency key again is the same message; one that comes at the very same moment counts all the same.
    2. More than the limits allow raise :class:`TooMany`.
    3. An appeal is about the warning that stands now; without one it raises :class:`NothingToAppeal`.
    4. The first appeal of a warning opens a second, blind review of it.
    """
    with database.write() as session:
        known = session.scalar(select(CamperMessage.id).where(CamperMessage.idempotency_key == message.idempotency_key))
        if known is not None:
            return known
        sender = _sender(session, message.sender, now)
    rates = _rates(message.campsite_id, None if message.shared else sender)
    _within(limiter.check, rates)
    if message.kind is MessageKind.APPEAL:
        with database.read() as session:
            _warned_about(session, message.campsite_id, now)
    _within(limiter.hit, rates)
    with database.write() as session:
        return _keep(session, message, sender, now)


def _keep(session: Session, message: CamperNote, sender: str, now: float) -> int:
    alert_id = _warned_about(session, message.campsite_id, now) if message.kind is MessageKind.APPEAL else None
    row = CamperMessage(
        campsite_id=message.campsite_id,
        kind=message.kind,
        text=message.text[:LONGEST_TEXT],
        sender=sender,
        created_at=now,
        alert_id=alert_id,
        idempotency_key=message.idempotency_key,
    )
    session.add(row)
    session.flush()
    if alert_id is not None:
        open_appeal(session, alert_id, now)
    record(
        session,
        at=now,
        kind=f"camper.{message.kind}",
        subject=f"camper:{row.id}",
        actor="camper",
        campsite=message.campsite_id,
        body={"message": row.id},
    )
    return row.id


def waiting(session: Session, hidden: Collection[str], limit: int = 100, after: int = 0) -> Sequence[CamperMessage]:
    """Reports and complaints that nobody has handled, oldest first, those numbered above ``after``.

    Appeals are handled as second reviews.
    """
    query = _waiting_query(hidden).where(CamperMessage.id > after).options(joinedload(CamperMessage.campsite))
    return session.scalars(query.order_by(CamperMessage.id).limit(limit)).all()


def count_waiting(session: Session, hidden: Collection[str]) -> int:
    """How many there are."""
    return session.scalar(select(func.count()).select_from(_waiting_query(hidden).subquery())) or 0


def handled(session: Session, hidden: Collection[str], limit: int = 30) -> Sequence[CamperMessage]:
    """Those that somebody has handled, newest first."""
    query = select(CamperMessage).where(
        CamperMessage.handled_at.is_not(None),
        CamperMessage.kind != MessageKind.APPEAL,
        CamperMessage.campsite_id.not_in(hidden),
    )
    together = (joinedload(CamperMessage.campsite), joinedload(CamperMessage.handled_by))
    return session.scalars(query.options(*together).order_by(CamperMessage.handled_at.desc()).limit(limit)).all()


def handle(
    session: Session, message_id: int, user_id: int, answer: str, hidden: Collection[str], now: float
) -> CamperMessage | None:
    """Write down what was done about a message. None when there is no such message, or somebody was faster."""
    done = session.scalars(
        update(CamperMessage)
        .where(
            CamperMessage.id == message_id,
            CamperMessage.handled_at.is_(None),
            CamperMessage.kind != MessageKind.APPEAL,
            CamperMessage.campsite_id.not_in(hidden),
        )
        .values(handled_at=now, handled_by_id=user_id, answer=answer)
        .returning(CamperMessage)
    ).one_or_none()
    if done is None:
        return None
    record(
        session,
        at=now,
        kind="camper.handled",
        subject=f"camper:{done.id}",
        actor=f"user:{user_id}",
        campsite=done.campsite_id,
        body={"message": done.id, "answer": answer},
    )
    return done


def forget_campers(session: Session, text_before: float, now: float) -> None:
    """Forget the words of old messages, and who sent them as soon as the limits no longer need it."""
    session.execute(update(CamperMessage).where(CamperMessage.created_at < text_before).values(text=None))
    session.execute(update(CamperMessage).where(CamperMessage.created_at < now - KEYS_KEPT_S).values(sender=None))
    session.execute(delete(SenderKey).where(SenderKey.day < _day(now - KEYS_KEPT_S)))


def _waiting_query(hidden: Collection[str]) -> Select[CamperMessage]:
    return select(CamperMessage).where(
        CamperMessage.handled_at.is_(None),
        CamperMessage.kind != MessageKind.APPEAL,
        CamperMessage.campsite_id.not_in(hidden),
    )


def _warned_about(session: Session, campsite_id: str, now: float) -> int:
    warning = current_warning(session, campsite_id, now)
    if warning is None:
        raise NothingToAppeal(campsite_id)
    return warning.alert_id


def _rates(campsite_id: str, sender: str | None) -> list[RateLimit]:
    """What a message counts towards."""
    own = [
        RateLimit(amount, window_s, ("camper messages", campsite_id, sender))
        for window_s, amount in PER_SENDER
        if sender is not None
    ]
    return [
        *own,
        *(RateLimit(amount, window_s, ("camper messages", campsite_id)) for window_s, amount in PER_CAMPSITE),
    ]


def _within(ask: Callable[..., None], rates: Sequence[RateLimit]) -> None:
    try:
        ask(*rates)
    except RateExceeded as exceeded:
        raise TooMany(exceeded.wait_s) from exceeded


def _sender(session: Session, address: str, now: float) -> str:
    """The digest of an address under the key of the day. Of IPv6 only the network counts: a telephone has many."""
    key = session.get(SenderKey, _day(now))
    if key is None:
        key = SenderKey(day=_day(now), key=secrets.token_hex(32))
        session.add(key)
        session.flush()
    return hashlib.blake2b(network_of(address).encode(), key=bytes.fromhex(key.key), digest_size=16).hexdigest()


def _day(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d")
