"""Walk the rollout from shadow to everywhere: look at it, approve, promote, extend, demote, stop, take over the watch,
close breakers. Approvals need the person's password: BEARWATCH_PASSWORD, or typed.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from contextlib import nullcontext, suppress
from dataclasses import asdict, dataclass, replace
from typing import Any

from rich.live import Live
from rich.text import Text
from sqlalchemy import select
from sqlalchemy.orm import Session

from bearwatch.account_proof import NotYou, account_named, prove_account
from bearwatch.rollout_text import history_text, plan_text, status_text
from bearwatch.site_options import add_site_options, site_settings
from core.clock import now_s
from core.config import Config
from core.config_file import ConfigError, load_config
from db.existing import open_existing
from db.migrate import upgrade
from db.models import User
from db.session import Database
from review_ui.auth.access_scope import access_scope
from review_ui.auth.accounts import TooManyLogins, account_for
from review_ui.auth.passwords import Busy
from review_ui.web.viewer_scope import configured, reader_of
from rollout.base.durations import Duration
from rollout.control.reader import Names, Reader
from rollout.control.service import CommandOutcome, more_time, perform, person, promote
from rollout.control.status import RolloutStatus, overview
from rollout.control.status_redaction import redact
from rollout.control.verification import verify_rollout
from rollout.stages.commands import (
    Approve,
    BreakerReset,
    Command,
    Demote,
    EmergencyStop,
    Hold,
    Person,
    Refused,
    Step,
    WatchAck,
)
from rollout.stages.event_store import StoredEvent, history, load
from rollout.stages.events import kind_of, to_body
from rollout.stages.plan import RolloutPlan, empty_plan, evidence_rule
from rollout.stages.spec_file import load_plan

ACTIONS = {
    "plan": "what each stage demands, and how long that takes at the rates seen so far; changes nothing",
    "status": "where the rollout stands, each gate with its evidence, and what is missing",
    "approve": "agree to a step",
    "promote": "go on to the next stage",
    "extend": "give the running stage more time",
    "demote": "take power back, down to an earlier stage or from some campsites",
    "stop": "end authority at once, everywhere or at some campsites",
    "hold": "go no further until two people close it; what is live goes on",
    "ack": "say that you have taken over the watch",
    "reset": "close a breaker, with a written cause",
    "history": "what has happened, newest first",
    "verify": "prove that events, ledger and authority agree",
}
AS = "your account; it must exist. `status` and `plan` then show what it may see now"
WATCH_EVERY_S = 3.0
AT_THE_MACHINE = "operator at the machine"


@dataclass(frozen=True, slots=True)
class Call:
    """A command line with what it works on."""

    arguments: argparse.Namespace
    database: Database
    plan: RolloutPlan
    now: float


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What to do, as whom, and with what."""
    parser.add_argument(
        "action", type=_action, choices=tuple(ACTIONS), help="; ".join(f"{k}: {v}" for k, v in ACTIONS.items())
    )
    parser.add_argument("--as", dest="user", metavar="USER", help=AS)
    parser.add_argument(
        "--for", dest="step", choices=("promote", "extend", "reset"), default="promote", help="approve what"
    )
    parser.add_argument("--breaker", help="which one to reset, as `status` names it; with one open it may be left out")
    parser.add_argument("--cause", default="", help="what the cause was, in a sentence (reset)")
    parser.add_argument("--reason", default="", help="why (demote, stop, hold)")
    parser.add_argument("--watch", action="store_true", help="show it again every few seconds, until Ctrl-C (status)")
    parser.add_argument("--to", metavar="STAGE", help="an earlier stage (demote)")
    parser.add_argument("--campsite", action="append", help="only there (demote, stop); may be repeated")
    parser.add_argument("--longer", default="24h", help="by how much (extend)")
    parser.add_argument(
        "--rerun-stage", action="store_true", help="start the same stage anew instead of the next (promote)"
    )
    parser.add_argument("--limit", type=int, default=30, help="so many events (history)")
    add_site_options(parser)
    parser.add_argument("--json", action="store_true", help="one JSON document on standard output")


def _action(word: str) -> str:
    """Two actions had other words at first; whoever types those is understood."""
    return {"widen": "promote", "narrow": "demote"}.get(word, word)


def run(arguments: argparse.Namespace, clock: Callable[[], float] = now_s) -> int:
    """Exit status 0 when it was done, 1 when it was held or refused, 2 when the command line is wrong."""
    database = open_existing(site_settings(arguments).database)
    try:
        plan = _plan(arguments)
        upgrade(database)
        return _DO[arguments.action](Call(arguments, database, plan, clock()))
    except (Refused, NotYou, TooManyLogins, Busy, ValueError) as error:
        return _refused(arguments, str(error))
    finally:
        database.close()


def _plan(arguments: argparse.Namespace) -> RolloutPlan:
    """The configured plan. A stop waits for no correction of the configuration: it needs none."""
    try:
        return load_plan(arguments.config)
    except ConfigError as error:
        if arguments.action != "stop":
            raise
        print(f"The configuration cannot be used; stopping all the same.\n{error}", file=sys.stderr)
        return empty_plan()


def _refused(arguments: argparse.Namespace, why: str) -> int:
    if arguments.json:
        print(json.dumps({"done": False, "why": [why]}))
    else:
        print(f"Refused: {why}", file=sys.stderr)
    return 1


def _status(call: Call) -> int:
    planning = call.arguments.action == "plan"
    if call.arguments.watch and not planning:
        return _watch_status(call)
    view = _view(call, fresh=True)
    if call.arguments.json:
        print(view.model_dump_json(include={"phase", "here", "blockers", "stages"} if planning else None))
    else:
        print(plan_text(view) if planning else status_text(view))
    return 0


def _view(call: Call, fresh: bool) -> RolloutStatus:
    config = load_config(call.arguments.config)
    with call.database.read() as session:
        view = overview(session, call.plan, call.now, configured(config), fresh=fresh)
        return redact(view, _reader(call, session, config))


def _watch_status(call: Call) -> int:
    """Show it again and again, by the last analysis, until Ctrl-C: in place on a terminal, else one after the other;
    with ``--json`` a line each time.
    """
    on_screen = sys.stdout.isatty() and not call.arguments.json
    with suppress(KeyboardInterrupt), Live(screen=True, auto_refresh=False) if on_screen else nullcontext() as screen:
        while True:
            view = _view(replace(call, plan=_plan(call.arguments), now=now_s()), fresh=False)
            text = view.model_dump_json() if call.arguments.json else status_text(view)
            if screen is None:
                print(text, flush=True)
            else:
                screen.update(Text(text), refresh=True)
            time.sleep(WATCH_EVERY_S)
    return 0


def _reader(call: Call, session: Session, config: Config) -> Reader:
    """Whose eyes it is seen with: those of ``--as``, who may watch blind now; else nothing is kept back."""
    if not call.arguments.user:
        return Reader(Names.of(config))
    account = account_for(_user(call, session), "command line")
    rule = evidence_rule(call.plan.defaults.evidence).match
    return reader_of(config, account, access_scope(session, account, call.now, rule))


def _history(call: Call) -> int:
    with call.database.read() as session:
        entries = history(session, call.arguments.limit)
    if call.arguments.json:
        print(json.dumps({"events": [_entry(entry) for entry in entries]}))
    else:
        print(history_text(entries, call.plan.timezone))
    return 0


def _entry(entry: StoredEvent) -> dict[str, Any]:
    return {"seq": entry.seq, "kind": entry.kind, "actor": entry.actor, "epoch": entry.epoch, **to_body(entry.event)}


def _verify(call: Call) -> int:
    with call.database.read() as session:
        found = verify_rollout(session, call.now)
    if call.arguments.json:
        print(json.dumps(asdict(found)))
    elif not found.problems:
        print(f"{found.events} events, {found.phase}: complete, in the ledger, and what holds is what was granted.")
    else:
        print("\n".join(["NOT PROVED:", *(f"  - {problem}" for problem in found.problems)]))
    return 1 if found.problems else 0


def _approve(call: Call) -> int:
    step = Step(call.arguments.step)
    who = _person(call, proved=True)
    latch = _latch(call) if step is Step.RESET else None
    return _perform(call, Approve(by=who, step=step, latch=latch, note=call.arguments.cause))


def _promote(call: Call) -> int:
    rerun_stage, actor = call.arguments.rerun_stage, _actor(call)
    return _say(call, promote(call.database, call.plan, _person(call), call.now, rerun_stage=rerun_stage, actor=actor))


def _extend(call: Call) -> int:
    longer, actor = Duration.parse(call.arguments.longer), _actor(call)
    return _say(call, more_time(call.database, call.plan, _person(call), longer, call.now, actor=actor))


def _demote(call: Call) -> int:
    asked = call.arguments
    where = tuple(asked.campsite or ())
    return _perform(call, Demote(by=_person(call), campsites=where, to=asked.to, reason=asked.reason))


def _stop(call: Call) -> int:
    asked = call.arguments
    # Whoever stands at the machine may stop it: no account, no password, no question.
    who = _person(call) if asked.user else Person(AT_THE_MACHINE, ())
    return _perform(
        call, EmergencyStop(by=who, campsites=tuple(asked.campsite) if asked.campsite else None, reason=asked.reason)
    )


def _hold(call: Call) -> int:
    return _perform(call, Hold(by=_person(call), reason=call.arguments.reason))


def _ack(call: Call) -> int:
    return _perform(call, WatchAck(by=_person(call)))


def _reset(call: Call) -> int:
    who = _person(call, proved=True)
    return _perform(call, BreakerReset(by=who, latch=_latch(call), cause=call.arguments.cause))


def _latch(call: Call) -> str:
    if call.arguments.breaker:
        return str(call.arguments.breaker)
    with call.database.read() as session:
        known = [latch.id for latch in load(session).latches]
    if len(known) == 1:
        return known[0]
    raise NotYou(f"say which one with --breaker; open: {', '.join(known) or 'none'}")


def _person(call: Call, proved: bool = False) -> Person:
    """The account of ``--as``. The machine is trusted, but an agreement needs the person's own secret."""
    if not call.arguments.user:
        raise NotYou(f"`bearwatch rollout {call.arguments.action}` needs --as with your account")
    with call.database.read() as session:
        user = _user(call, session)
    if proved:
        prove_account(user)
    return person(user)


def _user(call: Call, session: Session) -> User:
    return account_named(session, str(call.arguments.user))


def _actor(call: Call) -> str | None:
    with call.database.read() as session:
        found = session.scalar(select(User.id).where(User.name == (call.arguments.user or "")))
    return None if found is None else f"user:{found}"


def _perform(call: Call, command: Command) -> int:
    return _say(call, perform(call.database, call.plan, command, call.now, _actor(call)))


def _say(call: Call, outcome: CommandOutcome) -> int:
    held = outcome.held
    if call.arguments.json:
        events = [{"kind": kind_of(event), **to_body(event)} for event in outcome.events]
        why = list(held.why) if held else []
        shown = {"done": not held, "phase": outcome.state.phase.value, "why": why, "events": events}
        print(json.dumps(shown))
    elif held:
        print("\n".join([f"Held, not promoted to {held.to}:", *(f"  - {why}" for why in held.why)]))
    else:
        done = ", ".join(kind_of(event).replace("_", " ") for event in outcome.events) or "nothing had to be done"
        print(f"Done: {done}. The rollout is in {outcome.state.phase.value.upper()}.")
    return 1 if held else 0


_DO: dict[str, Callable[[Call], int]] = {
    "plan": _status,
    "status": _status,
    "approve": _approve,
    "promote": _promote,
    "extend": _extend,
    "demote": _demote,
    "stop": _stop,
    "hold": _hold,
    "ack": _ack,
    "reset": _reset,
    "history": _history,
    "verify": _verify,
}
