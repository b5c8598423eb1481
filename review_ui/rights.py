"""What each role may do on the page. One table, asked by every route."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from db.models import Role


class Right(StrEnum):
    """Something that a person may be allowed to do."""

    VIEW = "view"
    """See the queue, alerts, pictures and sightings."""
    REVIEW = "review"
    """Decide about alerts, log sightings, go on watch."""


RIGHTS: Final[dict[Role, frozenset[Right]]] = {
    Role.RANGER: frozenset({Right.VIEW, Right.REVIEW}),
    Role.LEAD_RANGER: frozenset({Right.VIEW, Right.REVIEW}),
    Role.OPERATOR: frozenset({Right.VIEW}),
    Role.MODEL_OWNER: frozenset({Right.VIEW}),
    Role.AUDITOR: frozenset({Right.VIEW}),
    Role.ADMINISTRATOR: frozenset({Right.VIEW, Right.REVIEW}),
}


def may(role: Role, right: Right) -> bool:
    """Whether ``role`` has ``right``."""
    return right in RIGHTS[role]
