"""Seals everything that a site keeps sealed anew, with the key of now: second factors, addresses, the push key."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Text, select, type_coerce, update
from sqlalchemy.orm import InstrumentedAttribute

from core.secret_box import LostKey, SecretBox, is_sealed
from db.models import Delivery, PushKey, User
from db.session import Database
from review_ui.auth.totp import owner_of_secret

BATCH = 500


@dataclass(slots=True)
class Resealed:
    """How many were sealed anew, and how many no key of this site opens."""

    done: int = 0
    lost: int = 0


def reseal(database: Database, box: SecretBox) -> Resealed:
    """Everything that was sealed with the key before, or is kept in clear still. May be called again at any time."""
    found = Resealed()
    with database.read() as session:
        people = {user_id: owner_of_secret(user_id) for user_id in session.scalars(select(User.id))}
    _reseal(database, box, User.id, User.totp_sealed, people, found)
    for number, sealed, whose in (
        (PushKey.id, PushKey.private_key, "key of push messages"),
        (Delivery.id, Delivery.target, "address of a message"),
    ):
        with database.read() as session:
            ids = list(session.scalars(select(number)))
        for start in range(0, len(ids), BATCH):
            _reseal(database, box, number, sealed, dict.fromkeys(ids[start : start + BATCH], whose), found)
    return found


def lost_secrets(database: Database, box: SecretBox) -> int:
    """How many sealed texts no key of this site opens."""
    lost = 0
    with database.read() as session:
        for sealed in (User.totp_sealed, PushKey.private_key, Delivery.target):
            texts = session.scalars(select(type_coerce(sealed, Text())).where(sealed.is_not(None)))
            lost += sum(1 for text in texts if text and is_sealed(text) and not box.fits(text))
    return lost


def _reseal(
    database: Database,
    box: SecretBox,
    number: InstrumentedAttribute[int],
    sealed: InstrumentedAttribute[str] | InstrumentedAttribute[str | None],
    whose: dict[int, str],
    found: Resealed,
) -> None:
    """Those of these rows that need it, as the database itself has them."""
    raw = type_coerce(sealed, Text())
    with database.write() as session:
        rows = session.execute(select(number, raw).where(number.in_(whose), raw.is_not(None))).all()
        for row_id, text in rows:
            if not text or (is_sealed(text) and box.is_current(text)):
                continue
            try:
                plain = box.open(text, whose[row_id]) if is_sealed(text) else text
            except LostKey:
                found.lost += 1
                continue
            anew = box.seal(plain, whose[row_id])
            session.execute(
                update(number.class_)
                .where(number == row_id, raw == text)
                .values({sealed.key: type_coerce(anew, Text())})
            )
            found.done += 1
