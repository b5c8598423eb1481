"""Add people, give them roles and campsites, set passwords, and end access. The page `/people` does the same."""

from __future__ import annotations

import argparse
import getpass
import json
import sys
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from bearwatch.site_options import add_site_options, site_settings
from core.clock import now_s
from db.existing import open_existing
from db.migrate import upgrade
from db.models import Role, User
from db.session import Database
from review_ui.auth.accounts import WeakPassword, hash_password
from review_ui.auth.totp import remove
from review_ui.people.administration import (
    Admin,
    AdministrationRefused,
    activate,
    add_person,
    change_person,
    deactivate,
    people,
    reset_password,
    revoke_access,
)

ACTIONS = ("add", "change", "password", "activate", "deactivate", "revoke", "second-factor-off", "list")
ADMIN = Admin("command line")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What to do, with whom, and at which site."""
    parser.add_argument("action", choices=ACTIONS)
    parser.add_argument("name", nargs="?", help="the account's name")
    parser.add_argument("--role", choices=[role.value for role in Role], help="for add (ranger) and change")
    parser.add_argument(
        "--campsite", action="append", metavar="KEY", help="limit the account to this campsite; may be repeated"
    )
    parser.add_argument("--all-campsites", action="store_true", help="for change: lift the limit")
    add_site_options(parser)
    parser.add_argument("--ask", action="store_true", help="ask for the password instead of generating one")
    parser.add_argument("--json", action="store_true", help="one JSON document on standard output")


def run(arguments: argparse.Namespace) -> int:
    """Do it, and write it into the ledger."""
    database = open_existing(site_settings(arguments).database)
    upgrade(database)
    try:
        if arguments.action == "list":
            return _list(database, arguments.json)
        if not arguments.name:
            print(f"`bearwatch user {arguments.action}` needs a name", file=sys.stderr)
            return 2
        asked = _ask() if arguments.ask and arguments.action in ("add", "password", "activate") else None
        with database.write() as session:
            outcome = _act(session, arguments, asked)
        _say(arguments, outcome)
        return 0
    except (AdministrationRefused, WeakPassword) as refused:
        print(f"{refused} Nothing was changed.", file=sys.stderr)
        return 1
    finally:
        database.close()


@dataclass(frozen=True, slots=True)
class UserOutcome:
    """An account after the change; the password when one was generated."""

    name: str
    role: str
    active: bool
    campsites: list[str]
    password: str | None


def _act(session: Session, arguments: argparse.Namespace, asked: str | None) -> UserOutcome:
    now, action = now_s(), arguments.action
    if action == "add":
        role = Role(arguments.role or Role.RANGER)
        user, password = add_person(session, ADMIN, arguments.name, role, arguments.campsite or (), now)
        return _outcome(session, user, _choose(user, asked, password))
    user = _find(session, arguments.name)
    generated = None
    if action == "change":
        change_person(session, ADMIN, user.id, Role(arguments.role or user.role), _campsites(arguments, user), now)
    elif action == "password":
        generated = reset_password(session, ADMIN, user.id, now)
    elif action == "activate":
        generated = activate(session, ADMIN, user.id, now)
    elif action == "deactivate":
        deactivate(session, ADMIN, user.id, now)
    elif action == "revoke":
        revoke_access(session, ADMIN, user.id, now)
    else:
        remove(session, user.id, ADMIN.actor, now)
    return _outcome(session, user, _choose(user, asked, generated))


def _choose(user: User, asked: str | None, generated: str | None) -> str | None:
    """Take the password that was typed: its owner sits here, or has told it; the generated one stays a first one."""
    if asked is None:
        return generated
    user.password_hash = hash_password(asked, user.name)
    user.must_change_password = False
    return None


def _campsites(arguments: argparse.Namespace, user: User) -> list[str]:
    if arguments.all_campsites:
        return []
    return arguments.campsite or [each.campsite_id for each in user.campsites]


def _find(session: Session, name: str) -> User:
    user = session.scalar(select(User).where(User.name == name))
    if user is None:
        raise AdministrationRefused(f"There is no account named {name!r}; `bearwatch user list` shows them.")
    return user


def _outcome(session: Session, user: User, password: str | None) -> UserOutcome:
    session.flush()
    return UserOutcome(user.name, user.role, user.active, [each.campsite_id for each in user.campsites], password)


def _list(database: Database, as_json: bool) -> int:
    with database.read() as session:
        found = people(session, now_s())
    if as_json:
        listed = [
            {
                "name": each.name,
                "role": each.role,
                "active": each.active,
                "campsites": list(each.campsites),
                "second_factor": each.second_factor,
            }
            for each in found
        ]
        print(json.dumps({"users": listed}))
        return 0
    for each in found:
        state = ("second factor" if each.second_factor else "password") if each.active else "no access"
        print(f"{each.name:<24}{each.role:<16}{state:<16}{', '.join(each.campsites) or 'all campsites'}")
    return 0


def _ask() -> str:
    first = getpass.getpass("New password: ")
    if first != getpass.getpass("Once more: "):
        raise AdministrationRefused("The two are not the same.")
    return first


def _say(arguments: argparse.Namespace, outcome: UserOutcome) -> None:
    if arguments.json:
        facts = {"name": outcome.name, "role": outcome.role, "active": outcome.active}
        print(json.dumps({**facts, "campsites": outcome.campsites, "password": outcome.password}))
    elif outcome.password:
        print(f"{outcome.name} ({outcome.role}): password {outcome.password}")
        print("It opens the account once: with it they choose their own.")
    else:
        print(f"{outcome.name} ({outcome.role}): {_DONE[arguments.action]}")


_DONE = {
    "add": "added, with the password you typed.",
    "change": "changed.",
    "password": "has the password you typed, and is logged out everywhere.",
    "activate": "may log in again, with the password you typed.",
    "deactivate": "can no longer log in, and is logged out everywhere.",
    "revoke": "is logged out everywhere, and their tokens open nothing any more.",
    "second-factor-off": "logs in with the password alone until they set up a second factor again.",
}
