"""The sighting form: what was typed, what is wrong with it, and what it means."""

from __future__ import annotations

import re
import uuid
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from core.config import Config
from review_ui.auth.accounts import Account
from review_ui.rendering.time_input import BadMoment, When, check, when_seen
from review_ui.rendering.wording import ANIMALS

KEY_PATTERN = r"^[A-Za-z0-9_-]{8,64}$"
"""Idempotency keys: the browser's are UUIDs."""


LONGEST_NOTE: Final = 2000
MOST_ANIMALS: Final = 50


def storable(text: str) -> str:
    """The text as every database takes it: PostgreSQL knows no NUL, UTF-8 no half of a pair."""
    return text.replace("\0", "").encode("utf-8", "replace").decode().strip()


_MOMENT = re.compile(r"\d{1,10}(\.\d{1,20})?")


@dataclass(frozen=True, slots=True)
class Entered:
    """What was entered: exactly what the seal covers, with who sealed it and when."""

    campsite: str
    camera: str | None
    animal: str
    number: int
    note: str
    seen_at: float


@dataclass(frozen=True, slots=True)
class SightingForm:
    """The fields as typed, so that the form can be shown again with all that was written."""

    campsite: str = ""
    camera: str = ""
    animal: str = "bear"
    number: str = "1"
    when: str = "now"
    minutes: str = ""
    clock: str = ""
    at: str = ""
    note: str = ""
    idempotency_key: str = field(default_factory=lambda: str(uuid.uuid4()))

    @classmethod
    def typed(cls, fields: Mapping[str, str]) -> SightingForm:
        """From a form's fields; whatever is missing counts as empty."""
        known = {name: str(fields.get(name, "")) for name in cls.__dataclass_fields__}
        key = known["idempotency_key"]
        known["idempotency_key"] = key if re.fullmatch(KEY_PATTERN, key) else str(uuid.uuid4())
        if not _MOMENT.fullmatch(known["at"]):
            known["at"] = ""
        if known["when"] == "at" and not known["at"]:
            known["when"] = ""
        return cls(**known)

    def fixed(self, config: Config, now: float) -> SightingForm:
        """The same with its moment worked out, so that "now" stays the moment at which it was said."""
        try:
            return replace(self, when="at", at=repr(self._seen_at(config, now)))
        except BadMoment:
            return self

    def entered(
        self, config: Config, account: Account, now: float, animals: Collection[str] = tuple(ANIMALS)
    ) -> tuple[Entered | None, dict[str, str]]:
        """What it means, or what is wrong with each field. A campsite that is not theirs is no choice; ``animals`` are
        those that can be chosen."""
        errors: dict[str, str] = {}
        if self.campsite not in config.campsites or not account.covers(self.campsite):
            errors["campsite"] = "Choose the campsite."
        camera = config.cameras.get(self.camera)
        if self.camera and (camera is None or camera.campsite != self.campsite):
            errors["camera"] = "This camera does not stand at that campsite. Choose another, or none."
        if self.animal not in animals:
            errors["animal"] = "Choose the animal."
        if not (self.number.isascii() and self.number.isdigit() and 1 <= int(self.number[:4]) <= MOST_ANIMALS):
            errors["number"] = f"Write how many, a whole number from 1 to {MOST_ANIMALS}."
        if len(self.note) > LONGEST_NOTE:
            errors["note"] = f"The note has {len(self.note)} characters; {LONGEST_NOTE} fit."
        seen_at = now
        try:
            seen_at = check(self._seen_at(config, now), now)
        except BadMoment as bad:
            errors[bad.field] = str(bad)
        if errors:
            return None, errors
        return (
            Entered(self.campsite, self.camera or None, self.animal, int(self.number), storable(self.note), seen_at),
            {},
        )

    def timezone(self, config: Config) -> str:
        """The clock at the campsite."""
        campsite = config.campsites.get(self.campsite)
        region = config.regions[campsite.region] if campsite else next(iter(config.regions.values()))
        return region.timezone

    def _seen_at(self, config: Config, now: float) -> float:
        return when_seen(When(self.when, self.minutes, self.clock, self.at), now, self.timezone(config))
