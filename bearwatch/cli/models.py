"""The models of a site: which there are, which one is the champion, promote another one, roll back.

Promoting and approving need the person's password: BEARWATCH_PASSWORD, or typed. A rollback needs nobody: it only takes
power away.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from bearwatch.account_proof import NotYou, account_named, prove_account
from bearwatch.keys.model_signing import sign_bundle, verify_bundle
from bearwatch.models_text import comparison_text, model_text, registry_text
from bearwatch.output import Output
from bearwatch.site_options import add_site_options, site_settings
from core.bundles.bundle_files import BundleFiles, known_bundles
from core.clock import now_s
from core.redis_client import connect
from core.settings import Settings
from db.existing import open_existing
from db.migrate import upgrade
from db.models import ChangeKind, ModelChange, Role
from db.session import Database
from review_ui.auth.accounts import TooManyLogins
from review_ui.auth.passwords import Busy
from review_ui.auth.rights import RIGHT_WORDS, Right, may
from review_ui.models.bundle_comparison import compare_models
from rollout.control.model_approval import approve_model
from rollout.control.service import person
from rollout.models.challenger import challenge, withdraw
from rollout.models.model_changes import consequences, promote_model, roll_back
from rollout.models.model_follower import tell_detectors
from rollout.models.model_status import model_registry_status
from rollout.models.registry import BadRegistration, UnknownModel, model_named, register_model
from rollout.stages.commands import Person, Refused
from rollout.stages.event_store import load
from rollout.stages.plan import RolloutPlan
from rollout.stages.spec_file import load_plan

ACTIONS = {
    "list": "champion, the model before it, all that are registered, and what was changed",
    "show": "one model: DIGEST",
    "compare": "two models side by side: DIGEST DIGEST",
    "add": "register the bundle in DIRECTORY, or `built-in`; it is copied into the data folder",
    "approve": "agree to promote a model, where the rollout plan asks for people: DIGEST",
    "promote": "make a model the champion: DIGEST",
    "rollback": "go back to the model before the champion",
    "challenge": "let a model score beside the champion, alerting nobody: DIGEST",
    "withdraw": "let no challenger score any more",
    "sign": "vouch for the bundle in DIRECTORY with the key of --key",
    "verify": "whether every file of the bundle in DIRECTORY is what it says, and who signed it",
}
ARGUMENTS = {name: what.count("DIGEST") + what.count("DIRECTORY") for name, what in ACTIONS.items()}
"""So many names each action takes, as its words say."""
AT_THE_MACHINE = "operator at the machine"


class NotSure(Exception):
    """What a promotion does to the rollout, to be read before it is done."""


@dataclass(frozen=True, slots=True)
class Call:
    """A command line with what it works on."""

    arguments: argparse.Namespace
    settings: Settings
    database: Database
    plan: RolloutPlan
    now: float

    @property
    def names(self) -> list[str]:
        """Digests, or a directory."""
        return list(self.arguments.names)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What to do, with which models, as whom."""
    parser.add_argument(
        "action", choices=tuple(ACTIONS), help="; ".join(f"{name}: {what}" for name, what in ACTIONS.items())
    )
    parser.add_argument("names", nargs="*", metavar="DIGEST", help="digests (eight letters or more), or a directory")
    parser.add_argument("--as", dest="user", metavar="USER", help="your account (approve, promote; rollback and add)")
    parser.add_argument("--reason", default="", help="why (promote, rollback, approve)")
    parser.add_argument(
        "--override", action="store_true", help="although a condition does not hold; --reason says why (promote)"
    )
    parser.add_argument("--yes", action="store_true", help="you have read what it does to the rollout (promote)")
    parser.add_argument("--key", type=Path, help="file of the key to sign with; made when there is none (sign)")
    add_site_options(parser)
    parser.add_argument("--json", action="store_true", help="one JSON document on standard output")


def run(arguments: argparse.Namespace, clock: Callable[[], float] = now_s) -> int:
    """Exit status 0 when it was done, 1 when it was refused, 2 when the command line is wrong."""
    if len(arguments.names) != ARGUMENTS[arguments.action]:
        takes, what = ARGUMENTS[arguments.action], ACTIONS[arguments.action]
        print(f"bearwatch models {arguments.action} takes {takes} names ({what})", file=sys.stderr)
        return 2
    if arguments.action == "sign":
        return sign_bundle(arguments.names[0], arguments.key, arguments.json)
    if arguments.action == "verify":
        return verify_bundle(arguments.names[0], arguments.json)
    current = site_settings(arguments)
    database = open_existing(current.database)
    try:
        upgrade(database)
        return _DO[arguments.action](Call(arguments, current, database, load_plan(arguments.config), clock()))
    except (Refused, NotYou, NotSure, UnknownModel, BadRegistration, TooManyLogins, Busy) as error:
        return _refused(arguments, str(error))
    finally:
        database.close()


def _refused(arguments: argparse.Namespace, why: str) -> int:
    if arguments.json:
        print(json.dumps({"done": False, "why": [why]}))
    else:
        print(f"Refused: {why}", file=sys.stderr)
    return 1


def _list(call: Call) -> int:
    with call.database.read() as session:
        status = model_registry_status(session, call.plan, call.now)
    registered = {each.digest for each in status.models}
    others = [each for each in _files(call).values() if each.digest not in registered]
    if call.arguments.json:
        return _json(status, unregistered=[{"digest": o.digest, "directory": str(o.directory)} for o in others])
    Output().print(registry_text(status, [(o.short, str(o.directory)) for o in others], call.plan.timezone))
    return 0


def _show(call: Call) -> int:
    with call.database.read() as session:
        digest = model_named(session, call.names[0]).digest
        status = model_registry_status(session, call.plan, call.now)
    each = next(model for model in status.models if model.digest == digest)
    files = _files(call).get(digest)
    if call.arguments.json:
        return _json(each, thresholds=files.thresholds if files else None)
    print(model_text(each, call.plan.timezone, files.thresholds if files else None))
    return 0


def _compare(call: Call) -> int:
    first, second = (_bundle(call, name) for name in call.names)
    found = compare_models(first, second)
    if call.arguments.json:
        return _json(found)
    Output().print(comparison_text(found))
    return 0


def _add(call: Call) -> int:
    from bearwatch.model_files import bring_bundle

    by = _who(call).name if call.arguments.user else AT_THE_MACHINE
    bundle = bring_bundle(call.names[0], call.settings, call.now, by)
    with call.database.write() as session:
        row = register_model(session, bundle)
        told = {"digest": row.digest, "name": row.name, "directory": row.directory}
    if call.arguments.json:
        print(json.dumps({"done": True, "model": told}))
    else:
        print(f"Registered: {told['name']} in {told['directory']}. Promote it: bearwatch models promote "
              f"{told['digest'][:12]} --as USER")  # fmt: skip
    return 0


def _approve(call: Call) -> int:
    by = _who(call, proved=True)
    approve_model(call.database, call.plan, call.names[0], by, call.now, call.arguments.reason, by.name)
    if call.arguments.json:
        print(json.dumps({"done": True, "why": []}))
    else:
        print(f"{by.name} agrees to promote {call.names[0]}.")
    return 0


def _promote(call: Call) -> int:
    by = _who(call, Right.MODELS, proved=True)
    with call.database.read() as session:
        told = consequences(call.plan, load(session))
    if not call.arguments.yes:
        raise NotSure(" ".join([*told, "Add --yes when you have read this."]))
    with call.database.write() as session:
        change = promote_model(
            session, call.plan, call.names[0], by, call.now, call.arguments.reason, override=call.arguments.override
        )
        said = _change(change)
    return _changed(call, said)


def _rollback(call: Call) -> int:
    by = _who(call, Right.MODELS).name if call.arguments.user else AT_THE_MACHINE
    with call.database.write() as session:
        said = _change(roll_back(session, by, call.now, call.arguments.reason))
    return _changed(call, said)


def _challenge(call: Call) -> int:
    by = _who(call, Right.MODELS).name
    with call.database.write() as session:
        row = challenge(session, call.names[0], by, call.now) if call.names else withdraw(session, by, call.now)
        said = _change(row)
    return _changed(call, said)


def _change(row: ModelChange) -> dict[str, Any]:
    return {"change": row.id, "kind": row.kind, "from": row.from_digest, "to": row.to_digest}


def _changed(call: Call, said: dict[str, Any]) -> int:
    told = tell_detectors(call.database, connect(call.settings.redis))
    if call.arguments.json:
        print(json.dumps({"done": True, **said, "detectors_told": told}))
        return 0
    if said["kind"] in (ChangeKind.CHALLENGE, ChangeKind.WITHDRAW):
        beside = f"{said['to'][:12]} scores beside the champion" if said["to"] else "no challenger scores any more"
        print(f"Done: {beside}. `bearwatch models list` says how often both agree.")
        return 0
    to = (said["to"] or "the configured model")[:20]
    when = (
        "The detectors take it once they have proved it; `bearwatch models list` says when the first frame was scored."
        if told
        else "Redis is unreachable: the controller tells the detectors as soon as it is back."
    )
    print(f"Done: {said['kind']} to {to} (change {said['change']}). {when}")
    return 0


def _who(call: Call, right: Right | None = None, proved: bool = False) -> Person:
    if not call.arguments.user:
        raise NotYou(f"`bearwatch models {call.arguments.action}` needs --as with your account")
    with call.database.read() as session:
        user = account_named(session, call.arguments.user)
    if right is not None and not may(Role(user.role), right):
        raise NotYou(f"{user.name} may not do this; it takes the right: {RIGHT_WORDS[right].lower()}")
    if proved:
        prove_account(user)
    return person(user)


def _files(call: Call) -> dict[str, BundleFiles]:
    return known_bundles(call.settings.bearwatch_data)


def _bundle(call: Call, name: str) -> BundleFiles:
    """A bundle by the beginning of its digest, registered or not."""
    wanted = name.rpartition(":")[2]
    found = [each for digest, each in _files(call).items() if len(wanted) >= 8 and digest.startswith(wanted)]
    if len(found) != 1:
        raise UnknownModel(f"{len(found)} bundles here begin with {wanted!r}; write eight letters or more of a digest")
    return found[0]


def _json(found: BaseModel, **more: Any) -> int:
    print(json.dumps(found.model_dump(mode="json") | more))
    return 0


_DO: dict[str, Callable[[Call], int]] = {
    "list": _list,
    "show": _show,
    "compare": _compare,
    "add": _add,
    "approve": _approve,
    "promote": _promote,
    "rollback": _rollback,
    "challenge": _challenge,
    "withdraw": _challenge,
}
