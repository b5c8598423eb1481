"""Models are registered once, by their digest, for ever, and the ledger knows it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import select

from db.ledger import verify
from db.models import LedgerEntry, ModelOrigin, RegisteredModel
from db.session import Database
from rollout.models.registry import (
    BadRegistration,
    RegisteredBundle,
    UnknownModel,
    model_named,
    register_model,
    registered_models,
)

A, B = "a1" * 32, "a1" * 4 + "b2" * 28
BUNDLE = RegisteredBundle(A, "bundles/first", None, ModelOrigin.FILE, None, 1000.0, "campsite@224:a1a1a1a1", "mara")


def test_a_registered_model_keeps_its_lineage_and_stands_in_the_ledger(database: Database) -> None:
    with database.write() as session:
        register_model(session, BUNDLE)
        learned = RegisteredBundle(B, "bundles/second", A, ModelOrigin.LEARNED, 7, 2000.0)
        register_model(session, learned)
    with database.read() as session:
        rows = registered_models(session)
        assert [(r.digest, r.parent_digest, r.origin, r.learning_run_id) for r in rows] == [
            (B, A, "learned", 7), (A, None, "file", None),
        ]  # fmt: skip
        entries = session.scalars(select(LedgerEntry).where(LedgerEntry.kind == "model.registered")).all()
        assert [(e.subject, e.actor) for e in entries] == [(f"model:{A[:12]}", "mara"), (f"model:{B[:12]}", "learning")]
        assert verify(session).broken_at is None


def test_registering_it_again_changes_and_records_nothing(database: Database) -> None:
    for at in (1000.0, 5000.0):
        with database.write() as session:
            row = register_model(session, replace(BUNDLE, at=at, directory=f"bundles/{at:.0f}"))
            assert (row.registered_at, row.directory) == (1000.0, "bundles/1000")
    with database.read() as session:
        assert len(session.scalars(select(RegisteredModel)).all()) == 1
        assert len(session.scalars(select(LedgerEntry).where(LedgerEntry.kind == "model.registered")).all()) == 1


@pytest.mark.parametrize("directory", ["", "/srv/bundles/x", "../x", "bundles/../../x", "bundles/\0"])
def test_a_directory_outside_the_data_folder_is_refused(sqlite_database: Database, directory: str) -> None:
    with sqlite_database.write() as session, pytest.raises(BadRegistration, match="no directory below the data folder"):
        register_model(session, replace(BUNDLE, directory=directory))


@pytest.mark.parametrize("digest", ["", "a1", "A1" * 32, "g1" * 32, A + "00"])
def test_what_is_no_digest_is_refused(sqlite_database: Database, digest: str) -> None:
    with sqlite_database.write() as session, pytest.raises(BadRegistration, match="64 hexadecimal digits"):
        register_model(session, replace(BUNDLE, digest=digest))
    with sqlite_database.write() as session, pytest.raises(BadRegistration, match="the parent's"):
        register_model(session, replace(BUNDLE, parent_digest=digest))


def test_a_model_is_named_by_the_beginning_of_its_digest(sqlite_database: Database) -> None:
    with sqlite_database.write() as session:
        register_model(session, BUNDLE)
        assert model_named(session, A[:8]).digest == A
        assert model_named(session, "campsite@224:a1a1a1a1").digest == A
        register_model(session, replace(BUNDLE, digest=B))
        assert model_named(session, B[:12]).digest == B
        with pytest.raises(UnknownModel, match="several models begin with a1a1a1a1"):
            model_named(session, "a1a1a1a1")
        with pytest.raises(UnknownModel, match=r"no model ffffffff is registered; .bearwatch models list. shows"):
            model_named(session, "ffffffff")
        for wrong in ("a1a1", "", "not-a-digest", "%" * 10):
            with pytest.raises(UnknownModel, match="is no digest"):
                model_named(session, wrong)
