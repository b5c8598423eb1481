"""Audits: people look at camera-hours drawn at random, blind, so that what everybody missed is found too.

:mod:`rollout.audits.draw` decides which (pure), :mod:`rollout.audits.sheets` writes and shows contact sheets,
:mod:`rollout.audits.answers` takes what an auditor found, and :mod:`rollout.audits.figures` counts.
"""

from rollout.audits.answers import AnswerRefused, answer
from rollout.audits.draw import DrawPlan
from rollout.audits.figures import Progress, progress
from rollout.audits.sheets import OpenSheet, draw_day, draw_due, open_sheets

__all__ = [
    "AnswerRefused",
    "DrawPlan",
    "OpenSheet",
    "Progress",
    "answer",
    "draw_day",
    "draw_due",
    "open_sheets",
    "progress",
]
