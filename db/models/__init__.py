"""All tables, one file per aggregate."""

from db.models.account_tables import ApiToken, LoginSession, OutsideIdentity, RecoveryCode, Role, User, UserCampsite
from db.models.alert_tables import Alert, AlertStatus, Audience, Delivery, DeliveryAttempt, DeliveryKind, DeliveryStatus
from db.models.audit_tables import AuditAnswer, AuditDraw, AuditSheet, BearSeen, SheetKind
from db.models.base import Base
from db.models.breaker_tables import BreakerState, BreakerTrip, CanaryRun, WatchDrill
from db.models.camper_tables import Appeal, AppealOutcome, CamperMessage, MessageKind, SenderKey
from db.models.encounter_tables import CameraHour, Encounter, EncounterCrop, EncounterFrame, Recording
from db.models.experiment_tables import NightExperiment, RandomWatch
from db.models.freshness_tables import CameraFreshness, FreshnessGap
from db.models.host_tables import CameraCount, GpuSample, MachineSample, QueueSample
from db.models.label_tables import (
    Animal,
    ChangeStatus,
    EditAction,
    ImportedLabel,
    LabelChange,
    LabelEdit,
    LabelImport,
)
from db.models.learning_tables import LearningRun, LearningStatus, LearningTrigger
from db.models.ledger_tables import LedgerEntry
from db.models.model_tables import (
    ChallengerCount,
    ChangeKind,
    ChangeTrigger,
    ModelChange,
    ModelChangeReport,
    ModelOrigin,
    RegisteredModel,
    ReportOutcome,
)
from db.models.operating_point_tables import CameraLightDay, OperatingPointChange, VisitScore
from db.models.place_tables import Camera, CameraPlace, Campsite, Region
from db.models.push_tables import PushKey, PushSubscription
from db.models.review_tables import Review, Sighting, Verdict, Watch
from db.models.rollout_tables import AnalysisReason, AnalysisRunRow, AuthorityLease, GateResultRow, Mode, RolloutEvent
from db.models.weather_tables import Weather

__all__ = [
    "Alert",
    "AlertStatus",
    "AnalysisReason",
    "AnalysisRunRow",
    "Animal",
    "ApiToken",
    "Appeal",
    "AppealOutcome",
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
    "CameraFreshness",
    "CameraHour",
    "CameraLightDay",
    "CameraPlace",
    "CamperMessage",
    "Campsite",
    "CanaryRun",
    "ChallengerCount",
    "ChangeKind",
    "ChangeStatus",
    "ChangeTrigger",
    "Delivery",
    "DeliveryAttempt",
    "DeliveryKind",
    "DeliveryStatus",
    "EditAction",
    "Encounter",
    "EncounterCrop",
    "EncounterFrame",
    "FreshnessGap",
    "GateResultRow",
    "GpuSample",
    "ImportedLabel",
    "LabelChange",
    "LabelEdit",
    "LabelImport",
    "LearningRun",
    "LearningStatus",
    "LearningTrigger",
    "LedgerEntry",
    "LoginSession",
    "MachineSample",
    "MessageKind",
    "Mode",
    "ModelChange",
    "ModelChangeReport",
    "ModelOrigin",
    "NightExperiment",
    "OperatingPointChange",
    "OutsideIdentity",
    "PushKey",
    "PushSubscription",
    "QueueSample",
    "RandomWatch",
    "Recording",
    "RecoveryCode",
    "Region",
    "RegisteredModel",
    "ReportOutcome",
    "Review",
    "Role",
    "RolloutEvent",
    "SenderKey",
    "SheetKind",
    "Sighting",
    "User",
    "UserCampsite",
    "Verdict",
    "VisitScore",
    "Watch",
    "WatchDrill",
    "Weather",
]
