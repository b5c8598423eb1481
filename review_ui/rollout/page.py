"""``/rollout``: the rollout from shadow to everywhere, what it takes to go on, and Stop.

Whatever gives the machine more power needs a form, a password and two people; nothing of it has a key. Stopping needs
one tap and one confirmation, from everywhere and by anybody.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import RedirectResponse, Response
from sqlalchemy.orm import Session

from review_ui.auth.accounts import Account
from review_ui.auth.passwords import LONGEST_PASSWORD
from review_ui.rendering.rollout_charts import series_plot
from review_ui.rollout import commanding as give
from review_ui.rollout.analysis_requests import run_analysis_now, run_first_analysis
from review_ui.rollout.commanding import LONGEST_WORDS
from review_ui.rollout.history_view import events_out
from review_ui.rollout.view import WHY_HIDDEN, gate_cards, moment, trail_of
from review_ui.site import Approver, Operator, Site, SiteDep, Stopper, Viewer, Watcher
from review_ui.web.page_chrome import PageChrome, page_chrome
from review_ui.web.sighting_form import KEY_PATTERN, storable
from review_ui.web.step_up import NotProved, prove
from review_ui.web.viewer_scope import configured_site, reader_of
from rollout.base.durations import Duration
from rollout.control.drills import drills
from rollout.control.open_status import BreakerView
from rollout.control.status import overview
from rollout.control.status_redaction import redact
from rollout.control.status_words import breaker_name
from rollout.stages.commands import Refused, Step
from rollout.stages.event_store import StoredEvent, history
from rollout.stages.events import ModeConfirmed

router = APIRouter()

EVENTS: Final = 12
EVENTS_A_PAGE: Final = 50
LONGER: Final = ("12h", "24h", "48h", "72h")

Epoch = Annotated[int, Form(ge=0, lt=2**31)]
Key = Annotated[str, Form(pattern=KEY_PATTERN)]
Password = Annotated[str, Form(max_length=LONGEST_PASSWORD)]
Words = Annotated[str, Form(max_length=LONGEST_WORDS)]

DONE: Final = {
    "approved": "Your approval is written down.",
    "promoted": "The rollout goes on: the next stage runs.",
    "held": "Not yet. What is in the way stands below; nothing was changed.",
    "analysis": "Evidence was worked out anew.",
    "extended": "The stage has more time.",
    "demoted": "Power was taken back.",
    "taken": "You have taken over the watch. Now go on watch, so that it is on record that somebody looks.",
    "agreed": "Your agreement to close the breaker is written down; somebody else must agree too.",
    "held-here": "Nothing is promoted until two people close the hold, below. Warnings go on as they are.",
    "closed": "The breaker is closed and watches again.",
}


@router.get("/rollout")
def rollout_page(request: Request, site: SiteDep, account: Viewer, done: str = "") -> Response:
    """The whole rollout."""
    return _page(request, site, account, notice=DONE.get(done, ""))


@router.get("/fragments/rollout")
def rollout_fragment(request: Request, site: SiteDep, account: Viewer) -> Response:
    """The part that changes by itself: where we are, and who watches."""
    run_first_analysis(site)
    with site.database.read() as session:
        around = page_chrome(session, site, account, site.clock())
        return site.pages.render(request, "_rollout_now.html", _status(session, site, account, around))


@router.get("/rollout/history")
def history_page(
    request: Request, site: SiteDep, account: Viewer, before: Annotated[int | None, Query(ge=0, lt=2**31)] = None
) -> Response:
    """Everything that has happened in the rollout, newest first."""
    with site.database.read() as session:
        around = page_chrome(session, site, account, site.clock())
        entries = history(session, EVENTS_A_PAGE, before)
        context = {
            "chrome": around,
            "events": events_out(reader_of(site.config, account, around.scope), entries),
            "older": entries[-1].seq if len(entries) == EVENTS_A_PAGE else None,
            "timezone": site.plan_watcher.current().timezone,
            "why_hidden": WHY_HIDDEN if around.scope.blind else "",
        }
        return site.pages.render(request, "rollout_history.html", context)


@router.get("/rollout/stop")
def stop_page(request: Request, site: SiteDep, account: Stopper) -> Response:
    """What stopping does, and one button."""
    return _stop_page(request, site, account)


@router.post("/rollout/stop")
def stop(
    request: Request,
    site: SiteDep,
    account: Stopper,
    campsite: Annotated[list[str], Form(max_length=1000)] = [],  # noqa: B006  # FastAPI copies it
    reason: Words = "",
) -> Response:
    """Stop. It holds with the transaction that writes it, for every process, since authority is read at each act."""
    try:
        outcome = give.stop(site, account, campsite, storable(reason), None)
    except Refused as refused:
        return _stop_page(request, site, account, problem=_said(refused))
    with site.database.read() as session:
        around = page_chrome(session, site, account, site.clock())
        context = {
            "chrome": around,
            "stopped_at": outcome.state.at,
            "where": [site.config.campsites[key].name or key for key in campsite if key in site.config.campsites],
            "handovers": around.handovers,
        }
        return site.pages.render(request, "rollout_stopped.html", context)


@router.post("/rollout/analysis")
def analyse_again(site: SiteDep, account: Viewer) -> Response:
    """Analyse the gates now, instead of waiting for the hour to pass. It changes nothing in the rollout."""
    run_analysis_now(site)
    return _back("analysis")


@router.post("/rollout/ack")
def take_over(
    request: Request, site: SiteDep, account: Watcher, handover: Annotated[int | None, Form(ge=0, lt=2**31)] = None
) -> Response:
    """Say that one has taken over the watch."""
    try:
        give.take_over(site, account, handover)
    except Refused as refused:
        return _page(request, site, account, problem=_said(refused), status=409)
    return _back("taken")


@router.post("/rollout/approve")
def approve(
    request: Request,
    site: SiteDep,
    account: Approver,
    step: Annotated[Step, Form()] = Step.PROMOTE,
    epoch: Epoch = 0,
    idempotency_key: Key = "",
    password: Password = "",
    note: Words = "",
) -> Response:
    """Agree to going on, or to more time."""
    try:
        prove(site, account, password)
        give.approve(site, account, step, storable(note), epoch, idempotency_key or None)
    except NotProved as not_proved:
        return _page(request, site, account, problem=str(not_proved), status=not_proved.status, typed={"note": note})
    except Refused as refused:
        return _page(request, site, account, problem=_said(refused), status=409, typed={"note": note})
    return _back("approved")


@router.post("/rollout/promote")
def promote(
    request: Request,
    site: SiteDep,
    account: Operator,
    epoch: Epoch = 0,
    idempotency_key: Key = "",
    password: Password = "",
    rerun_stage: Annotated[bool, Form()] = False,
) -> Response:
    """Go on, if nothing is in the way."""
    try:
        prove(site, account, password)
        outcome = give.promote(site, account, epoch, idempotency_key or None, rerun_stage)
    except NotProved as not_proved:
        return _page(request, site, account, problem=str(not_proved), status=not_proved.status)
    except Refused as refused:
        return _page(request, site, account, problem=_said(refused), status=409)
    return _back("held" if outcome.held else "promoted")


@router.post("/rollout/hold")
def hold(site: SiteDep, account: Stopper, reason: Words = "", idempotency_key: Key = "") -> Response:
    """Go no further for now; what is live goes on."""
    give.hold(site, account, storable(reason), idempotency_key or None)
    return _back("held-here")


@router.post("/rollout/extend")
def extend(
    request: Request,
    site: SiteDep,
    account: Operator,
    longer: Annotated[str, Form(max_length=20)] = "24h",
    epoch: Epoch = 0,
    idempotency_key: Key = "",
    password: Password = "",
) -> Response:
    """Give the running stage more time."""
    try:
        prove(site, account, password)
        give.extend(site, account, Duration.parse(longer), epoch, idempotency_key or None)
    except NotProved as not_proved:
        return _page(request, site, account, problem=str(not_proved), status=not_proved.status)
    except (Refused, ValueError) as refused:
        return _page(request, site, account, problem=_said(refused), status=409)
    return _back("extended")


@router.post("/rollout/demote")
def demote(
    request: Request,
    site: SiteDep,
    account: Stopper,
    to: Annotated[str, Form(max_length=200)] = "",
    campsite: Annotated[list[str], Form(max_length=1000)] = [],  # noqa: B006  # FastAPI copies it
    reason: Words = "",
) -> Response:
    """Take power back."""
    try:
        give.demote(site, account, to or None, campsite, storable(reason))
    except Refused as refused:
        return _page(request, site, account, problem=_said(refused), status=409, typed={"reason": reason})
    return _back("demoted")


@router.post("/rollout/breakers/reset")
def reset(
    request: Request,
    site: SiteDep,
    account: Approver,
    breaker: Annotated[str, Form(max_length=200)] = "",
    cause: Words = "",
    epoch: Epoch = 0,
    idempotency_key: Key = "",
    password: Password = "",
) -> Response:
    """Agree to close a breaker, with a written cause."""
    typed = {"breaker": breaker, "cause": cause}
    try:
        prove(site, account, password)
        outcome = give.close_breaker(site, account, breaker, storable(cause), epoch, idempotency_key or None)
    except NotProved as not_proved:
        return _page(request, site, account, problem=str(not_proved), status=not_proved.status, typed=typed)
    except Refused as refused:
        return _page(request, site, account, problem=_said(refused), status=409, typed=typed)
    return _back("agreed" if outcome.state.latch(breaker) else "closed")


def _back(done: str) -> Response:
    return RedirectResponse(f"/rollout?done={done}", status_code=303)


def _said(refused: Exception) -> str:
    text = str(refused)
    return f"{text[:1].upper()}{text[1:].rstrip('.')}. Nothing was changed."


def _page(
    request: Request,
    site: Site,
    account: Account,
    *,
    notice: str = "",
    problem: str = "",
    typed: Mapping[str, str] | None = None,
    status: int = 200,
) -> Response:
    """The whole page; ``typed`` is what a refused form had in its fields, by their names."""
    run_first_analysis(site)
    with site.database.read() as session:
        around = page_chrome(session, site, account, site.clock())
        context = _status(session, site, account, around)
        plan = site.plan_watcher.current()
        reader = reader_of(site.config, account, around.scope)
        context |= {
            "notice": notice,
            "problem": problem,
            "typed": typed or {},
            "events": events_out(reader, _eventful(history(session, 3 * EVENTS))),
            "earlier": [stage for stage in context["rollout"].stages if stage.number < context["rollout"].here],
            "longer": [each for each in LONGER if Duration.parse(each).nominal_s <= plan.extension.max.nominal_s],
            "drills": [each for each in drills(session) if account.covers(each.campsite_id)][:5],
            "rehearse_every": plan.defaults.manual_watch.rehearse_every.days,
            "watching": _watching(context["rollout"].breakers, site),
        }
        return site.pages.render(request, "rollout.html", context, status=status)


def _status(session: Session, site: Site, account: Account, around: PageChrome) -> dict[str, Any]:
    plan = site.plan_watcher.current()
    view = redact(
        overview(session, plan, site.clock(), configured_site(site)), reader_of(site.config, account, around.scope)
    )
    return {
        "chrome": around,
        "rollout": view,
        "gates": gate_cards(view, plan),
        "trail": trail_of(view),
        "why_hidden": WHY_HIDDEN,
        "moment": moment,
        "plot": series_plot,
        "key": uuid.uuid4,
    }


def _eventful(entries: Sequence[StoredEvent]) -> list[StoredEvent]:
    """The newest events, without the read-backs that found what they should."""
    return [entry for entry in entries if not isinstance(entry.event, ModeConfirmed)][:EVENTS]


def _watching(open_now: Sequence[BreakerView], site: Site) -> list[tuple[str, str, str]]:
    """Breakers that are not open: name, what trips each, what a trip leads to."""
    named = {each.name for each in open_now}
    found = []
    for key, spec in site.plan_watcher.current().breakers.specs().items():
        if breaker_name(key) not in named:
            found.append((breaker_name(key), spec.when or str(spec.detector), THEN_WORDS[spec.then.value]))
    return found


THEN_WORDS: Final = {
    "handover": "hands the watch over",
    "rate_limit_and_review": "only confirmed bears are warned of",
    "page_only_below_2x": "pages; hands over from twice the budget on",
    "hold_and_freeze_training": "nothing is promoted, nothing is learnt",
}


def _stop_page(request: Request, site: Site, account: Account, problem: str = "") -> Response:
    with site.database.read() as session:
        around = page_chrome(session, site, account, site.clock())
        context = {
            "chrome": around,
            "campsites": [
                (key, each.name or key) for key, each in site.config.campsites.items() if account.covers(key)
            ],
            "problem": problem,
        }
        return site.pages.render(request, "rollout_stop.html", context, status=409 if problem else 200)
