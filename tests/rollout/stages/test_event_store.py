"""Authority and the events of the rollout on SQLite and PostgreSQL alike: what is asked, and who was first."""

from __future__ import annotations

import threading

import pytest
from sqlalchemy.exc import OperationalError

from db.models import AuthorityLease, Mode, RolloutEvent
from db.session import Database
from rollout.authority.authority import authority
from rollout.control.service import perform
from rollout.control.verification import verify_rollout
from rollout.stages import commands as c
from rollout.stages.commands import Person, Refused
from rollout.stages.event_store import everything, load
from tests.support.rollout.rollout_plans import (
    AUDITOR,
    DIGEST,
    LEAD,
    OPERATOR,
    OWNER,
    START,
    add_people,
    default_plan,
    gate_results,
)

SITE = "upper-pines"


def lease(database: Database, **more: object) -> None:
    """A lease for the upper campsite."""
    row = {"mode": Mode.AUTOMATIC, "granted_at": START, "expires_at": START + 120, **more}
    with database.write() as session:
        session.add(AuthorityLease(campsite_id=SITE, **row))


def asked(database: Database, camera: str | None = None, now: float = START + 1, site: str = SITE) -> Mode:
    """What holds."""
    with database.read() as session:
        return authority(session, site, now, camera)


def test_authority_is_what_the_lease_says_while_it_lives(database: Database) -> None:
    lease(database)
    assert asked(database) is Mode.AUTOMATIC
    assert asked(database, site="lower-pines") is Mode.SHADOW
    assert asked(database, site="nowhere'; --") is Mode.SHADOW
    assert [asked(database, now=START + after) for after in (-1, 0, 119.9, 120)] == [
        Mode.SHADOW, Mode.AUTOMATIC, Mode.AUTOMATIC, Mode.SHADOW,
    ]  # fmt: skip


def test_a_lease_for_some_cameras_grants_nothing_to_others(database: Database) -> None:
    lease(
        database,
        only_cameras=["upper-creek", "upper-trail", "upper-gate"],
        without_cameras=["upper-trail"],
        reviewed_cameras=["upper-gate"],
    )
    assert asked(database, "upper-creek") is Mode.AUTOMATIC
    assert asked(database, "upper-trail") is Mode.SHADOW
    assert asked(database, "upper-gate") is Mode.ASSISTED
    assert asked(database, "somewhere-else") is Mode.SHADOW
    assert asked(database) is Mode.SHADOW, "nobody said which camera"


def test_a_mode_that_nobody_knows_is_shadow(database: Database) -> None:
    lease(database, mode="omnipotent")
    assert asked(database) is Mode.SHADOW


def test_a_database_that_does_not_answer_raises_what_loops_catch(sqlite_database: Database) -> None:
    with sqlite_database.write() as session:
        session.connection().exec_driver_sql("DROP TABLE authority_leases")
    with pytest.raises(OperationalError):
        asked(sqlite_database)


def test_many_people_at_once_write_one_history(database: Database) -> None:
    plan = default_plan()
    for command in (c.PlanChanged(), c.ModelChanged(DIGEST)):
        perform(database, plan, command, START)
    people = [Person(f"ranger-{number}", ("lead_ranger",)) for number in range(8)]

    def approve(by: Person) -> None:
        perform(database, plan, c.Approve(by=by, key=f"key-of-{by.name}"), START + 1)
        perform(database, plan, c.Approve(by=by, key=f"key-of-{by.name}"), START + 2)

    threads = [threading.Thread(target=approve, args=(by,)) for by in people]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with database.read() as session:
        assert [entry.seq for entry in everything(session)] == list(range(1, len(people) + 4))
        assert {approval.by for approval in load(session).approvals} == {by.name for by in people}
        assert verify_rollout(session, START + 3).problems == ()


def test_two_wishes_to_go_on_at_once_start_one_stage(database: Database) -> None:
    plan, later = default_plan(), START + 15 * 86400
    with database.write() as session:
        add_people(session)
    for command in (c.PlanChanged(), c.ModelChanged(DIGEST)):
        perform(database, plan, command, START)
    for by in (LEAD, OWNER):
        perform(database, plan, c.Approve(by=by), later)
    with database.read() as session:
        state = load(session)
    wish = c.Promote(by=OPERATOR, gates=gate_results(plan, state), able=("rosa",), epoch=state.epoch)
    came: list[str] = []

    def ask() -> None:
        try:
            came.append("started" if perform(database, plan, wish, later).started else "held")
        except Refused:
            came.append("refused")

    threads = [threading.Thread(target=ask) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(came) == ["refused", "started"]
    with database.read() as session:
        assert load(session).run == 2


def test_another_history_in_the_same_place_is_noticed(sqlite_database: Database) -> None:
    plan = default_plan()
    perform(sqlite_database, plan, c.PlanChanged(), START)
    perform(sqlite_database, plan, c.EmergencyStop(by=AUDITOR), START + 1)
    with sqlite_database.write() as session:
        last = session.get_one(RolloutEvent, load(session).seq)
        last.body = last.body.replace("controller", "somebody")
    with sqlite_database.read() as session:
        assert load(session).seq == last.seq
        assert [latch.id for latch in load(session).latches] == ["kill"]
