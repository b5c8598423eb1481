"""Rehearse the manual watch: page those on call as a handover would, and write down who took over and how soon."""

from __future__ import annotations

import argparse
import sys

from sqlalchemy import select
from sqlalchemy.orm import Session

from bearwatch.site_options import add_site_options, site_settings
from core.clock import civil, now_s
from db.existing import open_existing
from db.migrate import upgrade
from db.models import Campsite, User, WatchDrill
from rollout.control.drills import Finish, NoSuchDrill, begin_drill, drills, finish_drill
from rollout.stages.spec_file import load_plan

ACTIONS = ("begin", "passed", "failed", "list")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What to do, where, and as whom."""
    parser.add_argument("action", choices=ACTIONS, help="begin: page those on call; passed, failed: how it went")
    parser.add_argument("--campsite", help="where (begin)")
    parser.add_argument("--as", dest="user", metavar="USER", help="who leads it; the account must exist")
    parser.add_argument("--drill", type=int, help="its number, as `begin` said (passed, failed)")
    parser.add_argument("--after", type=float, metavar="SECONDS", help="how soon somebody had taken over (passed)")
    parser.add_argument("--note", default="", help="what was learnt")
    add_site_options(parser)


class DrillError(Exception):
    """The command line asks for something that there is not; the message says what to write."""


def run(arguments: argparse.Namespace) -> int:
    """Exit status 0 when it was done, 2 when the command line is wrong."""
    database = open_existing(site_settings(arguments).database)
    upgrade(database)
    try:
        with database.write() as session:
            print(_act(session, arguments))
    except (DrillError, NoSuchDrill, ValueError) as error:
        print(error, file=sys.stderr)
        return 2
    finally:
        database.close()
    return 0


def _act(session: Session, arguments: argparse.Namespace) -> str:
    if arguments.action == "list":
        return "\n".join(map(_line, drills(session))) or "No drill has been held yet."
    leader = session.scalar(select(User).where(User.name == (arguments.user or ""), User.active))
    if leader is None:
        raise DrillError(f"no account {arguments.user!r}; name the person who leads the drill with --as")
    if arguments.action == "begin":
        return _begin(session, arguments, leader)
    if arguments.drill is None:
        raise DrillError("which one? Write --drill and the number that `begin` said")
    finish = Finish(arguments.action == "passed", arguments.after, arguments.note)
    return _line(finish_drill(session, arguments.drill, finish, leader, now_s()))


def _begin(session: Session, arguments: argparse.Namespace, leader: User) -> str:
    campsite = session.get(Campsite, arguments.campsite or "")
    if campsite is None:
        known = ", ".join(session.scalars(select(Campsite.id).order_by(Campsite.id)))
        raise DrillError(f"no campsite {arguments.campsite!r}; write --campsite and one of: {known}")
    plan = load_plan(arguments.config)
    targets = list(dict.fromkeys(contact for person in plan.on_call for contact in person.contacts))
    drill = begin_drill(session, campsite, leader, targets, now_s())
    told = (
        f"{len(targets)} addresses of those on call are paged"
        if targets
        else "nobody on call has an address: call them"
    )
    return (
        f"Drill {drill.id} at {campsite.name} has begun; {told}. Afterwards: bearwatch drill passed --drill {drill.id}"
    )


def _line(drill: WatchDrill) -> str:
    when = civil(drill.held_at, drill.campsite.region.timezone)
    result = "passed" if drill.passed else "failed" if drill.note else "going on"
    answered = f", taken over after {drill.answered_s:.0f} s" if drill.answered_s is not None else ""
    return f"{drill.id}  {when:%Y-%m-%d %H:%M}  {drill.campsite_id}  {result}{answered}  {drill.note}".rstrip()
