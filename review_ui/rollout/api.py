"""``/api/v1/rollout``: the rollout as JSON, and every command to it, under the same rights as the page."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, Literal, Self

from fastapi import APIRouter, HTTPException
from pydantic import BaseModel, Field

from review_ui.auth.access_scope import access_scope
from review_ui.auth.accounts import Account
from review_ui.auth.passwords import LONGEST_PASSWORD
from review_ui.rendering.cursors import Before, Limit, NextBefore, StrictBody, next_after
from review_ui.rollout import commanding as give
from review_ui.rollout.analysis_requests import run_analysis_now, run_first_analysis
from review_ui.rollout.commanding import LONGEST_WORDS
from review_ui.rollout.history_view import EventOut, events_out
from review_ui.site import Approver, Operator, Site, SiteDep, Stopper, Viewer, Watcher
from review_ui.web.sighting_form import KEY_PATTERN, storable
from review_ui.web.step_up import NotProved, prove
from review_ui.web.viewer_scope import configured_site, reader_of
from rollout.base.durations import Duration
from rollout.control.service import CommandOutcome
from rollout.control.status import RolloutStatus, StageView, overview
from rollout.control.status_redaction import redact
from rollout.stages.commands import Refused, Step
from rollout.stages.event_store import history
from rollout.stages.events import kind_of

router = APIRouter(prefix="/api/v1/rollout")

REFUSED: Final[dict[int | str, dict[str, Any]]] = {
    409: {"description": "the rollout refuses it; `detail` says why and what to do. Nothing was written"}
}
PROVED: Final[dict[int | str, dict[str, Any]]] = {**REFUSED, 429: {"description": "too many wrong passwords; wait"}}


class Command(StrictBody):
    """What commands share."""

    epoch: int | None = Field(default=None, ge=0, lt=2**31, description="`epoch` of the plan that you had before you")
    idempotency_key: str | None = Field(default=None, pattern=KEY_PATTERN)


class Proved(Command):
    """A command that somebody has to prove it is them for. A token is its self-test; a browser gives the password."""

    password: str = Field(default="", max_length=LONGEST_PASSWORD)


class ApproveIn(Proved):
    """Agree to a promotion, or to more time."""

    step: Literal["promote", "extend", "reset"] = Field(
        default="promote", description="promote or extend; breakers have an address of their own"
    )
    note: str = Field(default="", max_length=LONGEST_WORDS)


class PromoteIn(Proved):
    """Go on to the next stage."""

    rerun_stage: bool = Field(default=False, description="start the present stage anew instead")


class ExtendIn(Proved):
    """More time for the running stage."""

    longer: str = Field(default="24h", max_length=20, description="as 24h or 1d12h")


class DemoteIn(StrictBody):
    """Take power back; with neither, down to shadow."""

    to: str | None = Field(default=None, max_length=200, description="an earlier stage")
    campsites: list[str] = Field(default=[], max_length=1000)
    reason: str = Field(default="", max_length=LONGEST_WORDS)


class StopIn(StrictBody):
    """Stop. Everything is optional: an empty object stops everything."""

    campsites: list[str] = Field(default=[], max_length=1000, description="only there; empty: everywhere")
    reason: str = Field(default="", max_length=LONGEST_WORDS)
    idempotency_key: str | None = Field(default=None, pattern=KEY_PATTERN)


class HoldIn(StrictBody):
    """Hold the rollout where it is."""

    reason: str = Field(default="", max_length=LONGEST_WORDS)
    idempotency_key: str | None = Field(default=None, pattern=KEY_PATTERN)


class TakeOverIn(StrictBody):
    """ "I have taken over the watch"."""

    handover: int | None = Field(default=None, ge=0, lt=2**31, description="null: all that are open")


class ResetIn(Proved):
    """Agree to close a breaker."""

    breaker: str = Field(max_length=200)
    cause: str = Field(min_length=10, max_length=LONGEST_WORDS, description="what it was, and what was done about it")


class OutcomeOut(BaseModel):
    """What a command led to."""

    done: bool = Field(description="false: the promotion was held, and `why` says what is in the way")
    phase: str
    why: list[str]
    events: list[str] = Field(description="kinds of the events that it wrote; none: it had been obeyed before")

    @classmethod
    def of(cls, outcome: CommandOutcome) -> Self:
        """From the service's answer."""
        held = outcome.held
        return cls(
            done=held is None,
            phase=outcome.state.phase.value,
            why=list(held.why) if held else [],
            events=[kind_of(event) for event in outcome.events],
        )


class HistoryOut(BaseModel):
    """A page of events, newest first."""

    events: list[EventOut]
    next_before: NextBefore


@router.get("", summary="The rollout: where we are, the gates, who agrees, what is open")
def get_rollout(site: SiteDep, account: Viewer) -> RolloutStatus:
    """The document of `bearwatch rollout status --json`, as far as it is yours.

    Numbers of a campsite that you watch blind are null, and their gates `hidden`. Evidence is that of the last analysis
    (`last_analysis`); what decides about going on is a fresh one.
    """
    run_first_analysis(site)
    with site.database.read() as session:
        scope = access_scope(session, account, site.clock(), site.match_rule)
        view = overview(session, site.plan_watcher.current(), site.clock(), configured_site(site))
        return redact(view, reader_of(site.config, account, scope))


@router.post("/analysis", summary="Analyse the gates now; returns the status of the rollout")
def post_analysis(site: SiteDep, account: Viewer) -> RolloutStatus:
    """Works all evidence out, which may take seconds. The controller does it each hour; it changes nothing."""
    run_analysis_now(site)
    return get_rollout(site, account)


@router.get("/plan", summary="What each stage of the plan demands")
def get_plan(site: SiteDep, account: Viewer) -> tuple[StageView, ...]:
    """`days` is at the rates seen so far; null where nobody can say, or while you watch blind."""
    return get_rollout(site, account).stages


@router.get("/history", summary="What has happened in the rollout, newest first")
def get_history(site: SiteDep, account: Viewer, before: Before = None, limit: Limit = 50) -> HistoryOut:
    """Details that are not for you now are empty."""
    with site.database.read() as session:
        entries = history(session, limit, before)
        reader = reader_of(site.config, account, access_scope(session, account, site.clock(), site.match_rule))
        events = events_out(reader, entries)
    return HistoryOut(events=events, next_before=next_after([each.seq for each in events], limit))


@router.post("/stop", summary="Stop: end authority at once", responses=REFUSED)
def post_stop(site: SiteDep, account: Stopper, body: StopIn) -> OutcomeOut:
    """Anybody may, from every state. It is latched: two people close it again."""
    return _answer(lambda: give.stop(site, account, body.campsites, storable(body.reason), body.idempotency_key))


@router.post("/hold", summary="Hold: promote nothing for now", responses=REFUSED)
def post_hold(site: SiteDep, account: Stopper, body: HoldIn) -> OutcomeOut:
    """Anybody may. What is live goes on; two people close it again, as a breaker."""
    return _answer(lambda: give.hold(site, account, storable(body.reason), body.idempotency_key))


@router.post("/watch", summary="Say that you have taken over the watch", responses=REFUSED)
def post_watch(site: SiteDep, account: Watcher, body: TakeOverIn) -> OutcomeOut:
    """Only somebody on call can."""
    return _answer(lambda: give.take_over(site, account, body.handover))


@router.post("/approvals", summary="Agree to a promotion, or to more time", responses=PROVED)
def post_approval(site: SiteDep, account: Approver, body: ApproveIn) -> OutcomeOut:
    """Two people with distinct roles must; neither may be the author of the step."""
    if body.step == "reset":
        raise HTTPException(422, {"step": "Breakers are closed with POST /api/v1/rollout/breakers/reset."})
    _prove(site, account, body)
    note = storable(body.note)
    return _answer(lambda: give.approve(site, account, Step(body.step), note, body.epoch, body.idempotency_key))


@router.post("/promote", summary="Go on to the next stage, if nothing is in the way", responses=PROVED)
def post_promote(site: SiteDep, account: Operator, body: PromoteIn) -> OutcomeOut:
    """Being held is an answer, not an error: `done` is false then."""
    _prove(site, account, body, programs=True)
    return _shown(
        site, account, _answer(lambda: give.promote(site, account, body.epoch, body.idempotency_key, body.rerun_stage))
    )


@router.post("/extend", summary="Give the running stage more time", responses=PROVED)
def post_extend(site: SiteDep, account: Operator, body: ExtendIn) -> OutcomeOut:
    """Two people must have approved it before."""
    _prove(site, account, body, programs=True)
    try:
        longer = Duration.parse(body.longer)
    except ValueError as wrong:
        raise HTTPException(422, {"longer": f"{wrong}."}) from None
    return _answer(lambda: give.extend(site, account, longer, body.epoch, body.idempotency_key))


@router.post("/demote", summary="Take power back", responses=REFUSED)
def post_demote(site: SiteDep, account: Stopper, body: DemoteIn) -> OutcomeOut:
    """One person, at any time."""
    return _answer(lambda: give.demote(site, account, body.to, body.campsites, storable(body.reason)))


@router.post("/breakers/reset", summary="Agree to close a breaker, with a written cause", responses=PROVED)
def post_reset(site: SiteDep, account: Approver, body: ResetIn) -> OutcomeOut:
    """With the last agreement that is needed, it closes."""
    _prove(site, account, body)
    cause = storable(body.cause)
    return _answer(lambda: give.close_breaker(site, account, body.breaker, cause, body.epoch, body.idempotency_key))


def _answer(command: Callable[[], CommandOutcome]) -> OutcomeOut:
    try:
        return OutcomeOut.of(command())
    except Refused as refused:
        text = str(refused)
        raise HTTPException(409, f"{text[:1].upper()}{text[1:].rstrip('.')}.") from None


def _shown(site: Site, account: Account, outcome: OutcomeOut) -> OutcomeOut:
    """Why the promotion was held, without numbers for whoever watches blind or may see some campsites only."""
    with site.database.read() as session:
        blind = access_scope(session, account, site.clock(), site.match_rule).blind
    if outcome.why and (blind or account.campsites is not None):
        return outcome.model_copy(update={"why": ["see `blockers` of the rollout"]})
    return outcome


def _prove(site: Site, account: Account, body: Proved, *, programs: bool = False) -> None:
    try:
        prove(site, account, body.password, programs=programs)
    except NotProved as not_proved:
        detail: object = {"password": str(not_proved)} if not_proved.status == 422 else str(not_proved)
        raise HTTPException(not_proved.status, detail) from None
