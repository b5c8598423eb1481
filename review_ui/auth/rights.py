"""What each role may do. One table, asked by every route.

A route names its right once, as a dependency: ``account: Annotated[Account, Depends(require(Right.LABEL))]`` with
:func:`review_ui.site.require`, or one of the shorthands there (``Viewer``, ``Reviewer``, …). A right says *what*;
*where* is the person's campsites (:meth:`review_ui.auth.accounts.Account.covers`), and *whether now* is blindness: ask
:mod:`review_ui.auth.access_scope` for both before anything of a campsite, a camera or a picture leaves. A test walks
all routes, so that a new one has to be written down in ``tests/support/rights_table.py``.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from db.models import Role


class Right(StrEnum):
    """Something that a person may be allowed to do."""

    VIEW = "view"
    """See the queue, alerts, pictures, sightings, cameras and the rollout."""
    REVIEW = "review"
    """Decide about alerts."""
    WATCH = "watch"
    """Go on watch, log sightings, acknowledge manual watch."""
    AUDIT = "audit"
    """Look through camera-hours, blind."""
    LABEL = "label"
    """Say what is in a picture, clean labels, name unknown animals."""
    APPROVE_PROMOTION = "approve_widen"
    """Be one of the people whom a wider rollout, or the end of a breaker, needs."""
    STOP = "stop"
    """Stop the rollout. One action, anybody who works here."""
    OPERATE = "operate"
    """Cameras and masks; asking for the rollout's next step and for more time. Approving it is for others."""
    MODELS = "models"
    """Promote models and roll them back."""
    REPORTS = "reports"
    """Read and export reports."""
    LEDGER = "ledger"
    """Read and verify the record of everything."""
    PEOPLE = "people"
    """Add people, give roles, end access."""


EVERYBODY: Final = frozenset({Right.VIEW, Right.STOP})

RIGHTS: Final[dict[Role, frozenset[Right]]] = {
    Role.RANGER: EVERYBODY | {Right.REVIEW, Right.WATCH, Right.AUDIT, Right.LABEL},
    Role.LEAD_RANGER: EVERYBODY
    | {Right.REVIEW, Right.WATCH, Right.AUDIT, Right.LABEL, Right.APPROVE_PROMOTION, Right.REPORTS, Right.LEDGER},
    Role.OPERATOR: EVERYBODY | {Right.OPERATE, Right.REPORTS},
    Role.MODEL_OWNER: EVERYBODY | {Right.LABEL, Right.MODELS, Right.APPROVE_PROMOTION, Right.REPORTS},
    Role.AUDITOR: EVERYBODY | {Right.AUDIT, Right.REPORTS, Right.LEDGER},
    Role.ADMINISTRATOR: frozenset(Right),
}


def may(role: Role, right: Right) -> bool:
    """Whether ``role`` has ``right``."""
    return right in RIGHTS[role]


ROLE_WORDS: Final = {
    Role.RANGER: "Ranger",
    Role.LEAD_RANGER: "Lead ranger",
    Role.OPERATOR: "Operator",
    Role.MODEL_OWNER: "Model owner",
    Role.AUDITOR: "Auditor",
    Role.ADMINISTRATOR: "Administrator",
}

RIGHT_WORDS: Final = {
    Right.VIEW: "See alerts, pictures, sightings, cameras and the rollout",
    Right.REVIEW: "Decide about alerts",
    Right.WATCH: "Go on watch and log sightings",
    Right.AUDIT: "Look through camera-hours",
    Right.LABEL: "Label pictures and name unknown animals",
    Right.APPROVE_PROMOTION: "Approve a wider rollout, and the end of a breaker",
    Right.STOP: "Stop the rollout",
    Right.OPERATE: "Run cameras and masks, ask for the rollout's next step",
    Right.MODELS: "Promote models and roll them back",
    Right.REPORTS: "Read reports",
    Right.LEDGER: "Read the ledger",
    Right.PEOPLE: "Add people, give roles, end access",
}
