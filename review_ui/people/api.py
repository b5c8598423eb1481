"""``/api/v1/me``, ``/tokens`` and ``/people``: accounts as JSON, under the same rights as the pages."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Final, Self, TypeVar

from fastapi import APIRouter, HTTPException
from pydantic import BaseModel, Field
from sqlalchemy.orm import Session

from db.models import ApiToken, Role
from review_ui.auth import totp
from review_ui.auth.access_scope import access_scope
from review_ui.auth.accounts import Account
from review_ui.auth.passwords import LONGEST_PASSWORD
from review_ui.auth.rights import Right
from review_ui.auth.tokens import BadScope, make_token, own_tokens, revoke_token
from review_ui.people.administration import (
    OWN_FACTOR,
    Admin,
    AdministrationRefused,
    StaffMember,
    activate,
    add_person,
    change_person,
    deactivate,
    people,
    reset_password,
    revoke_access,
)
from review_ui.rendering.cursors import After, Limit, NextAfter, StrictBody, next_after
from review_ui.site import Administrator, SignedIn, Site, SiteDep, Viewer
from review_ui.web.step_up import NotProved, prove

router = APIRouter(prefix="/api/v1")

NO_SUCH_PERSON = "There is no such account."
NO_SUCH_TOKEN = "You have no such token."
Campsite = Annotated[str, Field(max_length=63)]
Result = TypeVar("Result")
PROVED: Final[dict[int | str, dict[str, Any]]] = {
    429: {"description": "too many wrong passwords; wait a quarter of an hour"},
}


class MeOut(BaseModel):
    """Who is asking, what they may do, and where."""

    id: int
    name: str
    role: Role
    rights: list[Right]
    campsites: list[str] = Field(description="the campsites that you may see")
    blind_to: list[str] = Field(description="those of them whose alerts are hidden while you are on watch")


class Proof(StrictBody):
    """The password of whoever asks, once more; none for those who log in elsewhere and have done so lately."""

    password: str = Field(default="", max_length=LONGEST_PASSWORD, description="your own, once more")


class TokenIn(Proof):
    """A key for a program."""

    name: str = Field(min_length=1, max_length=80)
    rights: list[Right] = Field(min_length=1, max_length=len(Right))
    campsites: list[Campsite] = Field(default=[], max_length=1000, description="empty: all that you may see")
    days: int = Field(default=90, ge=1, le=366)


class TokenOut(BaseModel):
    """A token, without its secret."""

    id: int
    name: str
    rights: list[str]
    campsites: list[str]
    created_at: float
    expires_at: float
    last_used_at: float | None

    @classmethod
    def of(cls, row: ApiToken) -> Self:
        """From a row."""
        return cls(
            id=row.id,
            name=row.name,
            rights=row.rights,
            campsites=row.campsites,
            created_at=row.created_at,
            expires_at=row.expires_at,
            last_used_at=row.last_used_at,
        )


class NewTokenOut(BaseModel):
    """A token that was just made."""

    id: int
    token: str = Field(description="shown this once; send it as `Authorization: Bearer …`")


class TokensOut(BaseModel):
    """One's own tokens."""

    tokens: list[TokenOut]
    next_after: NextAfter


class PersonIn(Proof):
    """Somebody new."""

    name: str = Field(min_length=1, max_length=80)
    role: Role = Role.RANGER
    campsites: list[Campsite] = Field(default=[], max_length=1000, description="empty: all")


class PersonChange(Proof):
    """What is to hold from now on."""

    role: Role
    campsites: list[Campsite] = Field(default=[], max_length=1000, description="empty: all")


class PersonOut(BaseModel):
    """One account."""

    id: int
    name: str
    role: Role
    active: bool
    campsites: list[str]
    second_factor: bool
    must_change_password: bool
    sessions: int
    tokens: int
    last_seen_at: float | None

    @classmethod
    def of(cls, person: StaffMember) -> Self:
        """From a person."""
        return cls(**{name: getattr(person, name) for name in cls.model_fields})


class PeopleOut(BaseModel):
    """A page of accounts."""

    people: list[PersonOut]
    next_after: NextAfter


class PasswordOut(BaseModel):
    """A password that opens the account once; shown this once."""

    id: int
    password: str


@router.get("/me", summary="Who you are here")
def get_me(site: SiteDep, account: Viewer) -> MeOut:
    """The account behind the cookie or the token."""
    with site.database.read() as session:
        blind = access_scope(session, account, site.clock(), site.match_rule).blind
    return MeOut(
        id=account.id,
        name=account.name,
        role=account.role,
        rights=[right for right in Right if account.may(right)],
        campsites=[key for key in site.config.campsites if account.covers(key)],
        blind_to=sorted(blind),
    )


@router.get("/tokens", summary="Your tokens")
def list_tokens(site: SiteDep, account: SignedIn, after: After = 0, limit: Limit = 50) -> TokensOut:
    """Those that still open something, oldest first. Programs cannot look after tokens: this needs a login."""
    with site.database.read() as session:
        rows = sorted(own_tokens(session, account.id, site.clock()), key=lambda row: row.id)
        page = [TokenOut.of(row) for row in rows if row.id > after][:limit]
    return TokensOut(tokens=page, next_after=next_after([token.id for token in page], limit))


@router.post("/tokens", summary="Make a token", status_code=201, responses=PROVED)
def post_token(site: SiteDep, account: SignedIn, body: TokenIn) -> NewTokenOut:
    """It can do no more than you, and is shown this once."""
    if account.required_action is not None:
        raise HTTPException(403, "First do what the page /account asks for.")
    _prove(site, account, body.password)
    try:
        with site.database.write() as session:
            made = make_token(session, account, body.name, body.rights, body.campsites, body.days, site.clock())
    except BadScope as bad:
        raise HTTPException(422, str(bad)) from None
    return NewTokenOut(id=made.id, token=made.secret)


@router.delete("/tokens/{token_id}", summary="End a token", status_code=204)
def delete_token(site: SiteDep, account: SignedIn, token_id: int) -> None:
    """It opens nothing any more."""
    known = 0 < token_id < 2**31
    with site.database.write() as session:
        ended = known and revoke_token(session, account.id, token_id, f"user:{account.id}", site.clock())
    if not ended:
        raise HTTPException(404, NO_SUCH_TOKEN)


@router.get("/people", summary="List people")
def list_people(site: SiteDep, account: Administrator, after: After = 0, limit: Limit = 50) -> PeopleOut:
    """All accounts by number, those without access too."""
    with site.database.read() as session:
        found = sorted(people(session, site.clock()), key=lambda person: person.id)
    page = [person for person in found if person.id > after][:limit]
    following = next_after([person.id for person in page], limit)
    return PeopleOut(people=[PersonOut.of(person) for person in page], next_after=following)


@router.post("/people", summary="Add somebody", status_code=201, responses=PROVED)
def post_person(site: SiteDep, account: Administrator, body: PersonIn) -> PasswordOut:
    """The password opens the account once: with it they choose their own."""

    def act(session: Session) -> PasswordOut:
        user, password = add_person(session, _admin(account), body.name, body.role, body.campsites, site.clock())
        return PasswordOut(id=user.id, password=password)

    return _do(site, account, body.password, act)


@router.put("/people/{user_id}", summary="Give somebody another role, or other campsites", responses=PROVED)
def put_person(site: SiteDep, account: Administrator, user_id: int, body: PersonChange) -> PersonOut:
    """What is sent holds; nothing of what held before stays."""

    def act(session: Session) -> PersonOut:
        change_person(session, _admin(account), _known(session, user_id, site), body.role, body.campsites, site.clock())
        return PersonOut.of(people(session, site.clock(), only=user_id)[0])

    return _do(site, account, body.password, act)


@router.post("/people/{user_id}/password", summary="Make a new password for somebody", responses=PROVED)
def post_password(site: SiteDep, account: Administrator, user_id: int, body: Proof | None = None) -> PasswordOut:
    """It opens the account once; whatever was open is ended."""

    def act(session: Session) -> PasswordOut:
        known = _known(session, user_id, site)
        return PasswordOut(id=known, password=reset_password(session, _admin(account), known, site.clock()))

    return _do(site, account, (body or Proof()).password, act)


@router.post(
    "/people/{user_id}/revoke", summary="End somebody's sessions and tokens", status_code=204, responses=PROVED
)
def post_revoke(site: SiteDep, account: Administrator, user_id: int, body: Proof | None = None) -> None:
    """They may log in again."""

    def act(session: Session) -> None:
        revoke_access(session, _admin(account), _known(session, user_id, site), site.clock())

    _do(site, account, (body or Proof()).password, act)


@router.delete(
    "/people/{user_id}/second-factor", summary="Switch off somebody's second factor", status_code=204, responses=PROVED
)
def delete_second_factor(site: SiteDep, account: Administrator, user_id: int, body: Proof | None = None) -> None:
    """For a lost telephone: the password alone opens the account until they set it up again."""

    def act(session: Session) -> None:
        if user_id == account.id:
            raise AdministrationRefused(OWN_FACTOR)
        totp.remove(session, _known(session, user_id, site), _admin(account).actor, site.clock())

    _do(site, account, (body or Proof()).password, act)


@router.post("/people/{user_id}/deactivate", summary="End somebody's access", status_code=204, responses=PROVED)
def post_deactivate(site: SiteDep, account: Administrator, user_id: int, body: Proof | None = None) -> None:
    """Sessions, tokens and watches end; what they decided stays."""

    def act(session: Session) -> None:
        deactivate(session, _admin(account), _known(session, user_id, site), site.clock())

    _do(site, account, (body or Proof()).password, act)


@router.post("/people/{user_id}/activate", summary="Give somebody access back", responses=PROVED)
def post_activate(site: SiteDep, account: Administrator, user_id: int, body: Proof | None = None) -> PasswordOut:
    """With a new password that opens the account once."""

    def act(session: Session) -> PasswordOut:
        known = _known(session, user_id, site)
        return PasswordOut(id=known, password=activate(session, _admin(account), known, site.clock()))

    return _do(site, account, (body or Proof()).password, act)


def _do(site: Site, account: Account, password: str, act: Callable[[Session], Result]) -> Result:
    _prove(site, account, password)
    try:
        with site.database.write() as session:
            done = act(session)
    except AdministrationRefused as refused:
        raise HTTPException(422, str(refused)) from None
    site.wake_pages()
    return done


def _prove(site: Site, account: Account, password: str) -> None:
    try:
        prove(site, account, password)
    except NotProved as not_proved:
        detail: object = {"password": str(not_proved)} if not_proved.status == 422 else str(not_proved)
        raise HTTPException(not_proved.status, detail) from None


def _known(session: Session, user_id: int, site: Site) -> int:
    if not (0 < user_id < 2**31 and people(session, site.clock(), only=user_id)):
        raise HTTPException(404, NO_SUCH_PERSON)
    return user_id


def _admin(account: Account) -> Admin:
    return Admin(f"user:{account.id}", account.id)
