"""Errors that a person is told in a sentence."""

from __future__ import annotations


class OperatorError(Exception):
    """Something that only a person can put right: the message says what, where, and what to do.

    The command prints it as it is, without a traceback.
    """
