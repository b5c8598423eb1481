"""Audits: people look at camera-hours drawn at random, blind, so that what everybody missed is found too.

:mod:`rollout.evidence.audits.audit_sampling` decides which (pure), :mod:`rollout.evidence.audits.contact_sheets`
writes and shows contact sheets, :mod:`rollout.evidence.audits.audit_answers` takes what an auditor found, and
:mod:`rollout.evidence.audits.audit_metrics` counts.
"""

from rollout.evidence.audits.audit_answers import AnswerRefused, answer
from rollout.evidence.audits.audit_metrics import AuditProgress, progress
from rollout.evidence.audits.audit_sampling import DrawPlan
from rollout.evidence.audits.contact_sheets import OpenSheet, draw_day, draw_due, open_sheets

__all__ = [
    "AnswerRefused",
    "AuditProgress",
    "DrawPlan",
    "OpenSheet",
    "answer",
    "draw_day",
    "draw_due",
    "open_sheets",
    "progress",
]
