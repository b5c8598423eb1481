"""Models that may be promoted: registered once by their digest, never changed, and recorded in the ledger."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from db.ledger import lock, record
from db.models import ModelOrigin, RegisteredModel

BUILT_IN_DIRECTORY: Final = "built-in"
"""Stands for the directory of the model that comes with this program, wherever that is installed."""
SHORTEST_PREFIX: Final = 8
"""Letters of a digest by which a model may be named."""
_DIGEST: Final = re.compile(r"[0-9a-f]{64}")


class UnknownModel(LookupError):
    """No registered model has this digest, or several begin like that; the message says which there are."""


class BadRegistration(ValueError):
    """What is to be registered is no model of this site; the message says what is wrong with it."""


@dataclass(frozen=True, slots=True)
class RegisteredBundle:
    """A model bundle to be registered.

    ``digest`` is the bundle's own (SHA-256, 64 hexadecimal digits); ``directory`` its place below the data folder, as
    ``bundles/2026-12-01``, or ``built-in``; ``at`` in seconds since 1970. ``name`` is how detectors write it beside
    scores (``campsite@224:1a2b3c4d``), ``by`` who brought it. ``runs`` is the digest over every file that runs, the
    exported graphs too: detectors run no other files than these; empty: not known.
    """

    digest: str
    directory: str
    parent_digest: str | None
    origin: ModelOrigin
    learning_run_id: int | None
    at: float
    name: str = ""
    by: str = "learning"
    runs: str = ""


def register_model(session: Session, bundle: RegisteredBundle) -> RegisteredModel:
    """Register a model inside the caller's writing transaction; one that is registered already is returned as it is.

    Only its graphs may be others than they were, as after another export: that is written down.

    Raises:
        BadRegistration: the digest is none, or the directory does not lie below the data folder.
    """
    _check(bundle)
    lock(session)
    known = session.get(RegisteredModel, bundle.digest)
    if known is not None:
        _expect_graphs(session, known, bundle)
        return known
    row = RegisteredModel(
        digest=bundle.digest,
        name=bundle.name,
        directory=bundle.directory,
        parent_digest=bundle.parent_digest,
        origin=bundle.origin,
        learning_run_id=bundle.learning_run_id,
        registered_at=bundle.at,
        registered_by=bundle.by,
        runs=bundle.runs,
    )
    session.add(row)
    session.flush()
    record(
        session, at=bundle.at, kind="model.registered", subject=f"model:{bundle.digest[:12]}", actor=bundle.by,
        body={"digest": bundle.digest, "name": bundle.name, "directory": bundle.directory,
              "parent": bundle.parent_digest, "origin": bundle.origin, "learning_run": bundle.learning_run_id,
              "runs": bundle.runs},
    )  # fmt: skip
    return row


def _expect_graphs(session: Session, known: RegisteredModel, bundle: RegisteredBundle) -> None:
    """From now on detectors run the graphs that lie there now."""
    if not bundle.runs or bundle.runs == known.runs:
        return
    record(
        session, at=bundle.at, kind="model.graphs", subject=f"model:{bundle.digest[:12]}", actor=bundle.by,
        body={"digest": bundle.digest, "runs_before": known.runs, "runs": bundle.runs},
    )  # fmt: skip
    known.runs = bundle.runs


def registered_models(session: Session) -> list[RegisteredModel]:
    """All of them, the newest first."""
    query = select(RegisteredModel).order_by(RegisteredModel.registered_at.desc(), RegisteredModel.digest)
    return list(session.scalars(query))


def model_named(session: Session, prefix: str) -> RegisteredModel:
    """The registered model whose digest begins so, with eight letters or more; a name's ``:1a2b3c4d`` will do.

    Raises:
        UnknownModel: none does, or several do.
    """
    wanted = prefix.rpartition(":")[2].lower()
    if len(wanted) < SHORTEST_PREFIX or not re.fullmatch(r"[0-9a-f]{8,64}", wanted):
        raise UnknownModel(f"{prefix!r} is no digest: write its first eight letters or more")
    query = select(RegisteredModel).where(RegisteredModel.digest.startswith(wanted))
    found = list(session.scalars(query.order_by(RegisteredModel.digest).limit(2)))
    if len(found) == 1:
        return found[0]
    if found:
        raise UnknownModel(f"several models begin with {wanted}; write more of the digest")
    raise UnknownModel(f"no model {wanted} is registered; `bearwatch models list` shows those that are")


def _check(bundle: RegisteredBundle) -> None:
    if not _DIGEST.fullmatch(bundle.digest):
        raise BadRegistration(f"{bundle.digest!r} is no digest: 64 hexadecimal digits are")
    if bundle.parent_digest is not None and not _DIGEST.fullmatch(bundle.parent_digest):
        raise BadRegistration(f"the parent's {bundle.parent_digest!r} is no digest: 64 hexadecimal digits are")
    if bundle.runs and not _DIGEST.fullmatch(bundle.runs):
        raise BadRegistration(f"{bundle.runs!r} is no digest over files: 64 hexadecimal digits are")
    place = PurePosixPath(bundle.directory)
    if not bundle.directory or place.is_absolute() or ".." in place.parts or "\0" in bundle.directory:
        raise BadRegistration(
            f"{bundle.directory!r} is no directory below the data folder; bring the bundle there first, "
            "as `bearwatch models add` does"
        )
