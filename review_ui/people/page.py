"""``/people``: who works here, what they may do and where, and the end of their access. For administrators."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Final

from fastapi import APIRouter, Form, HTTPException, Request
from fastapi.responses import RedirectResponse, Response
from sqlalchemy.orm import Session

from db.models import Role, User
from review_ui.auth import totp
from review_ui.auth.accounts import Account
from review_ui.auth.browser_sessions import sessions_of
from review_ui.auth.passwords import LONGEST_PASSWORD, UNUSABLE
from review_ui.auth.rights import RIGHT_WORDS, RIGHTS, ROLE_WORDS, Right
from review_ui.auth.tokens import own_tokens
from review_ui.people.administration import (
    OWN_FACTOR,
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
from review_ui.site import Administrator, Site, SiteDep
from review_ui.web.page_chrome import page_chrome
from review_ui.web.step_up import NotProved, prove

router = APIRouter()

DONE: Final = {
    "changed": "Changed.",
    "deactivated": "They can no longer log in, and are signed out everywhere.",
    "revoked": "They are signed out everywhere, and their tokens open nothing any more.",
    "second-factor": "Their second factor is off: the password alone opens the account until they set it up again.",
}
Campsites = Annotated[list[str], Form(max_length=1000)]
Password = Annotated[str, Form(max_length=LONGEST_PASSWORD)]
"""The administrator's own, once more: whoever has their cookie makes nobody an administrator."""


@router.get("/people")
def people_page(request: Request, site: SiteDep, account: Administrator) -> Response:
    """Everybody."""
    return _list(request, site, account)


@router.post("/people")
def add(
    request: Request,
    site: SiteDep,
    account: Administrator,
    name: Annotated[str, Form(max_length=200)] = "",
    role: Annotated[Role, Form()] = Role.RANGER,
    campsite: Campsites = [],  # noqa: B006  # FastAPI copies it
    password: Password = "",
) -> Response:
    """Add somebody; the password that opens the account once is shown once."""
    typed = {"name": name, "role": role, "campsites": campsite}
    try:
        prove(site, account, password)
        with site.database.write() as session:
            user, made = add_person(session, _admin(account), name, role, campsite, site.clock())
    except AdministrationRefused as refused:
        return _list(request, site, account, error=str(refused), typed=typed, status=422)
    except NotProved as refused:
        return _list(request, site, account, error=str(refused), typed=typed, status=refused.status)
    return _person(request, site, account, user.id, password=made)


@router.get("/people/{user_id:int}")
def person_page(request: Request, site: SiteDep, account: Administrator, user_id: int, done: str = "") -> Response:
    """One person."""
    return _person(request, site, account, user_id, notice=DONE.get(done, ""))


@router.post("/people/{user_id:int}")
def change(
    request: Request,
    site: SiteDep,
    account: Administrator,
    user_id: int,
    role: Annotated[Role, Form()],
    campsite: Campsites = [],  # noqa: B006
    password: Password = "",
) -> Response:
    """Give somebody another role, or other campsites."""

    def act(session: Session) -> None:
        change_person(session, _admin(account), user_id, role, campsite, site.clock())

    return _do(request, site, account, user_id, password, act, "changed")


@router.post("/people/{user_id:int}/deactivate")
def end_access(
    request: Request, site: SiteDep, account: Administrator, user_id: int, password: Password = ""
) -> Response:
    """End somebody's access."""

    def act(session: Session) -> None:
        deactivate(session, _admin(account), user_id, site.clock())

    return _do(request, site, account, user_id, password, act, "deactivated")


@router.post("/people/{user_id:int}/revoke")
def revoke(request: Request, site: SiteDep, account: Administrator, user_id: int, password: Password = "") -> Response:
    """Sign somebody out everywhere."""

    def act(session: Session) -> None:
        revoke_access(session, _admin(account), user_id, site.clock())

    return _do(request, site, account, user_id, password, act, "revoked")


@router.post("/people/{user_id:int}/second-factor")
def remove_second_factor(
    request: Request, site: SiteDep, account: Administrator, user_id: int, password: Password = ""
) -> Response:
    """Switch off the second factor of somebody whose telephone is lost."""

    def act(session: Session) -> None:
        if not 0 < user_id < 2**31 or not people(session, site.clock(), only=user_id):
            raise AdministrationRefused("There is no such account.")
        if user_id == account.id:
            raise AdministrationRefused(OWN_FACTOR)
        totp.remove(session, user_id, _admin(account).actor, site.clock())

    return _do(request, site, account, user_id, password, act, "second-factor")


@router.post("/people/{user_id:int}/activate")
def give_access_back(
    request: Request, site: SiteDep, account: Administrator, user_id: int, password: Password = ""
) -> Response:
    """Give access back, with a new password."""
    return _with_password(request, site, account, user_id, password, activate)


@router.post("/people/{user_id:int}/password")
def new_password(
    request: Request, site: SiteDep, account: Administrator, user_id: int, password: Password = ""
) -> Response:
    """Make a new password that opens the account once."""
    return _with_password(request, site, account, user_id, password, reset_password)


def _with_password(
    request: Request,
    site: Site,
    account: Account,
    user_id: int,
    own_password: str,
    act: Callable[[Session, Admin, int, float], str],
) -> Response:
    try:
        prove(site, account, own_password)
        with site.database.write() as session:
            password = act(session, _admin(account), user_id, site.clock())
    except AdministrationRefused as refused:
        return _person(request, site, account, user_id, error=str(refused), status=422)
    except NotProved as refused:
        return _person(request, site, account, user_id, error=str(refused), status=refused.status)
    return _person(request, site, account, user_id, password=password)


def _do(
    request: Request,
    site: Site,
    account: Account,
    user_id: int,
    own_password: str,
    act: Callable[[Session], None],
    done: str,
) -> Response:
    try:
        prove(site, account, own_password)
        with site.database.write() as session:
            act(session)
    except AdministrationRefused as refused:
        return _person(request, site, account, user_id, error=str(refused), status=422)
    except NotProved as refused:
        return _person(request, site, account, user_id, error=str(refused), status=refused.status)
    site.wake_pages()
    return RedirectResponse(f"/people/{user_id}?done={done}", status_code=303)


def _admin(account: Account) -> Admin:
    return Admin(f"user:{account.id}", account.id)


def _list(
    request: Request,
    site: Site,
    account: Account,
    *,
    error: str = "",
    typed: dict[str, Any] | None = None,
    status: int = 200,
) -> Response:
    now = site.clock()
    with site.database.read() as session:
        context = {
            **_words(site, account),
            "chrome": page_chrome(session, site, account, now),
            "people": people(session, now),
            "error": error,
            "typed": typed or {"name": "", "role": Role.RANGER, "campsites": []},
        }
    return site.pages.render(request, "people.html", context, status=status)


def _person(
    request: Request,
    site: Site,
    account: Account,
    user_id: int,
    *,
    notice: str = "",
    error: str = "",
    password: str = "",
    status: int = 200,
) -> Response:
    now = site.clock()
    with site.database.read() as session:
        found = people(session, now, only=user_id) if 0 < user_id < 2**31 else []
        if not found:
            raise HTTPException(404, "There is no such account.")
        context = {
            **_words(site, account),
            "chrome": page_chrome(session, site, account, now),
            "person": found[0],
            "sessions": sessions_of(session, user_id, now),
            "tokens": own_tokens(session, user_id, now),
            "notice": notice,
            "error": error,
            "password": password,
        }
    return site.pages.render(request, "person.html", context, status=status)


def _words(site: Site, account: Account) -> dict[str, Any]:
    with site.database.read() as session:
        own = session.get_one(User, account.id).password_hash
    return {
        "prove_required": own != UNUSABLE,
        "roles": ROLE_WORDS,
        "rights_of": {role: [RIGHT_WORDS[right] for right in Right if right in RIGHTS[role]] for role in Role},
        "right_words": RIGHT_WORDS,
        "campsites": {key: campsite.name or key for key, campsite in site.config.campsites.items()},
        "timezone": next(iter(site.config.regions.values())).timezone,
    }
