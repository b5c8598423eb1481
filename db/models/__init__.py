"""All tables, one file per aggregate."""

from db.models.alerts import Alert, AlertStatus, Delivery, DeliveryAttempt, DeliveryStatus
from db.models.base import Base
from db.models.ledger import LedgerEntry
from db.models.people import LoginFailure, LoginSession, Role, User
from db.models.places import Camera, Campsite, Region
from db.models.review import Review, Sighting, Verdict, Watch
from db.models.rollout import AuthorityLease, Mode
from db.models.watching import CameraHour, Encounter, EncounterFrame

__all__ = [
    "Alert",
    "AlertStatus",
    "AuthorityLease",
    "Base",
    "Camera",
    "CameraHour",
    "Campsite",
    "Delivery",
    "DeliveryAttempt",
    "DeliveryStatus",
    "Encounter",
    "EncounterFrame",
    "LedgerEntry",
    "LoginFailure",
    "LoginSession",
    "Mode",
    "Region",
    "Review",
    "Role",
    "Sighting",
    "User",
    "Verdict",
    "Watch",
]
