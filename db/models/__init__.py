"""All tables, one file per aggregate."""

from db.models.alerts import Alert, AlertStatus, Audience, Delivery, DeliveryAttempt, DeliveryKind, DeliveryStatus
from db.models.audits import AuditAnswer, AuditDraw, AuditSheet, BearSeen, SheetKind
from db.models.base import Base
from db.models.breakers import BreakerState, BreakerTrip, CanaryRun, WatchDrill
from db.models.campers import Appeal, CamperMessage, MessageKind, Outcome, SenderKey
from db.models.experiments import NightExperiment, RandomWatch
from db.models.labels import ChangeStatus, EditAction, LabelChange, LabelEdit
from db.models.ledger import LedgerEntry
from db.models.machines import CameraCount, GpuSample, MachineSample, QueueSample
from db.models.people import (
    ApiToken,
    LoginFailure,
    LoginSession,
    OutsideIdentity,
    RecoveryCode,
    Role,
    User,
    UserCampsite,
)
from db.models.places import Camera, Campsite, Region
from db.models.push import PushKey, PushSubscription
from db.models.review import Review, Sighting, Verdict, Watch
from db.models.rollout import AuthorityLease, GateLook, LookReason, Mode, RolloutEvent, StoredLook
from db.models.sight import CameraSight, SightGap
from db.models.watching import CameraHour, Encounter, EncounterFrame
from db.models.weather import Weather

__all__ = [
    "Alert",
    "AlertStatus",
    "ApiToken",
    "Appeal",
    "Audience",
    "AuditAnswer",
    "AuditDraw",
    "AuditSheet",
    "AuthorityLease",
    "Base",
    "BearSeen",
    "BreakerState",
    "BreakerTrip",
    "Camera",
    "CameraCount",
    "CameraHour",
    "CameraSight",
    "CamperMessage",
    "Campsite",
    "CanaryRun",
    "ChangeStatus",
    "Delivery",
    "DeliveryAttempt",
    "DeliveryKind",
    "DeliveryStatus",
    "EditAction",
    "Encounter",
    "EncounterFrame",
    "GateLook",
    "GpuSample",
    "LabelChange",
    "LabelEdit",
    "LedgerEntry",
    "LoginFailure",
    "LoginSession",
    "LookReason",
    "MachineSample",
    "MessageKind",
    "Mode",
    "NightExperiment",
    "Outcome",
    "OutsideIdentity",
    "PushKey",
    "PushSubscription",
    "QueueSample",
    "RandomWatch",
    "RecoveryCode",
    "Region",
    "Review",
    "Role",
    "RolloutEvent",
    "SenderKey",
    "SheetKind",
    "SightGap",
    "Sighting",
    "StoredLook",
    "User",
    "UserCampsite",
    "Verdict",
    "Watch",
    "WatchDrill",
    "Weather",
]
