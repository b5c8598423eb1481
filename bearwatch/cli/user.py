"""Add people, set passwords, and end access."""

from __future__ import annotations

import argparse
import getpass
import json
import sys

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from core.clock import now_s
from core.settings import settings
from db.ledger import record
from db.migrate import upgrade
from db.models import LoginSession, Role, User
from db.session import Database
from review_ui.security import hash_password, new_password


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What to do, and with whom."""
    parser.add_argument("action", choices=("add", "password", "deactivate", "list"))
    parser.add_argument("name", nargs="?", help="the account's name")
    parser.add_argument("--role", choices=[role.value for role in Role], default=Role.RANGER.value)
    parser.add_argument("--ask", action="store_true", help="ask for the password instead of generating one")
    parser.add_argument("--json", action="store_true", help="one JSON document on standard output")


def run(arguments: argparse.Namespace) -> int:
    """Do it, and write it into the ledger."""
    database = Database(settings().database)
    upgrade(database)
    try:
        if arguments.action == "list":
            return _list(database, arguments.json)
        if not arguments.name:
            print(f"`bearwatch user {arguments.action}` needs a name", file=sys.stderr)
            return 2
        with database.write() as session:
            return _change(session, arguments)
    finally:
        database.close()


def _list(database: Database, as_json: bool) -> int:
    with database.read() as session:
        people = [
            {"name": user.name, "role": user.role, "active": user.active}
            for user in session.scalars(select(User).order_by(User.name))
        ]
    if as_json:
        print(json.dumps({"users": people}))
    else:
        for person in people:
            print(f"{person['name']:<24}{person['role']:<16}{'active' if person['active'] else 'no access'}")
    return 0


def _change(session: Session, arguments: argparse.Namespace) -> int:
    user = session.scalar(select(User).where(User.name == arguments.name))
    if arguments.action == "add":
        if user is not None:
            print(f"there is an account named {arguments.name!r} already", file=sys.stderr)
            return 1
        user = User(name=arguments.name, password_hash="", role=arguments.role, created_at=now_s())
        session.add(user)
    if user is None:
        print(f"there is no account named {arguments.name!r}; `bearwatch user list` shows them", file=sys.stderr)
        return 1
    password = None
    if arguments.action == "deactivate":
        user.active = False
    else:
        password = _ask() if arguments.ask else new_password()
        user.password_hash = hash_password(password)
        user.active = True
    session.flush()
    ended = LoginSession.user_id == user.id, LoginSession.revoked_at.is_(None)
    session.execute(update(LoginSession).where(*ended).values(revoked_at=now_s()))
    record(
        session,
        at=now_s(),
        kind=f"user.{arguments.action}",
        subject=f"user:{user.id}",
        actor="command line",
        body={"name": user.name, "role": user.role},
    )
    _say(arguments, user, None if arguments.ask else password)
    return 0


def _ask() -> str:
    first = getpass.getpass("New password: ")
    if len(first) < 12:
        raise SystemExit("Use at least 12 characters; nothing was changed.")
    if first != getpass.getpass("Once more: "):
        raise SystemExit("The two are not the same; nothing was changed.")
    return first


def _say(arguments: argparse.Namespace, user: User, password: str | None) -> None:
    if arguments.json:
        print(json.dumps({"name": user.name, "role": user.role, "active": user.active, "password": password}))
    elif arguments.action == "deactivate":
        print(f"{user.name} can no longer log in, and is logged out everywhere.")
    else:
        print(f"{user.name} ({user.role})" + (f": password {password}" if password else ": password set"))
