"""``/appeals``: what campers write, and second reviews of decisions, blind until they are answered."""

from __future__ import annotations

from typing import Annotated, Final, Self

from fastapi import APIRouter, Form, HTTPException, Request
from fastapi.responses import RedirectResponse, Response
from pydantic import BaseModel, Field
from sqlalchemy import select
from sqlalchemy.orm import Session

from db.models import Appeal, CamperMessage, Verdict
from review_ui.alerts.view import AlertDetail, alert_detail
from review_ui.auth.access_scope import access_scope
from review_ui.auth.accounts import Account
from review_ui.rendering.cursors import After, Limit, NextAfter, StrictBody, next_after
from review_ui.site import Reviewer, Site, SiteDep
from review_ui.web.page_chrome import elsewhere, page_chrome
from review_ui.web.sighting_form import storable
from rollout.alerting import appeals, camper_messages

router = APIRouter()

NO_SUCH_REVIEW: Final = "There is no such second review, it is hidden while you are on watch, or you decided first."
NO_SUCH_MESSAGE: Final = "There is no such message, or somebody else has handled it."
LONGEST_ANSWER: Final = 600
ANSWERS: Final = (Verdict.BEAR, Verdict.NOT_A_BEAR, Verdict.UNSURE)

Words = Annotated[str, Form(max_length=LONGEST_ANSWER)]


@router.get("/appeals")
def appeals_page(request: Request, site: SiteDep, account: Reviewer) -> Response:
    """Everything that waits, and what was handled lately."""
    with site.database.read() as session:
        around = page_chrome(session, site, account, site.clock())
        hidden = around.hidden
        context = {
            "chrome": around,
            "messages": camper_messages.waiting(session, elsewhere(account, around.scope)),
            "second_reviews": appeals.waiting(session, account.id, hidden),
            "unsettled": appeals.unsettled(session, hidden),
            "handled": camper_messages.handled(session, elsewhere(account, around.scope)),
            "pages": [
                (key, site.config.campsites[key].name or key) for key in site.config.campsites if account.covers(key)
            ],
            "timezones": {
                key: site.config.regions[each.region].timezone for key, each in site.config.campsites.items()
            },
            "names": {key: each.name or key for key, each in site.config.campsites.items()},
        }
        return site.pages.render(request, "appeals.html", context)


@router.get("/appeals/{appeal_id:int}")
def second_review(request: Request, site: SiteDep, account: Reviewer, appeal_id: int) -> Response:
    """The frames, and three answers. Both decisions and the camper's words once it is answered."""
    with site.database.read() as session:
        around = page_chrome(session, site, account, site.clock())
        appeal, file = _review(session, site, account, appeal_id)
        context = {"chrome": around.about(appeal.campsite_id), "appeal": appeal, "file": file, "card": file.card,
                   "words": _words(session, appeal)}  # fmt: skip
        return site.pages.render(request, "appeal.html", context)


@router.post("/appeals/{appeal_id:int}/answer")
def answer_second_review(
    site: SiteDep, account: Reviewer, appeal_id: int, verdict: Annotated[Verdict, Form()]
) -> Response:
    """The second decision."""
    _answer(site, account, appeal_id, verdict)
    return RedirectResponse(f"/appeals/{appeal_id}", status_code=303)


@router.post("/appeals/{appeal_id:int}/settle")
def settle_appeal(site: SiteDep, account: Reviewer, appeal_id: int, what: Words = "") -> Response:
    """What was done after an appeal was upheld."""
    _settle(site, account, appeal_id, what)
    return RedirectResponse("/appeals", status_code=303)


@router.post("/camper-messages/{message_id:int}")
def handle_message(site: SiteDep, account: Reviewer, message_id: int, answer: Words = "") -> Response:
    """What was done about a camper's message."""
    _handle(site, account, message_id, answer)
    return RedirectResponse("/appeals", status_code=303)


class CamperMessageOut(BaseModel):
    """A message from a camper."""

    id: int
    campsite: str
    kind: str
    text: str | None = Field(description="null once it has been forgotten")
    created_at: float

    @classmethod
    def of(cls, row: CamperMessage) -> Self:
        """From its row."""
        return cls(id=row.id, campsite=row.campsite_id, kind=row.kind, text=row.text, created_at=row.created_at)


class CamperMessagesOut(BaseModel):
    """A page of messages."""

    messages: list[CamperMessageOut]
    next_after: NextAfter


class SecondReviewRowOut(BaseModel):
    """A second review that waits."""

    id: int
    campsite: str
    captured_at: float


class SecondReviewsOut(BaseModel):
    """A page of second reviews."""

    second_reviews: list[SecondReviewRowOut]
    next_after: NextAfter


class SecondReviewOut(BaseModel):
    """A second review. The first decision is null until it is answered."""

    id: int
    campsite: str
    frames: list[str]
    answered_at: float | None
    first_verdict: str | None
    second_verdict: str | None
    outcome: str | None


class AnswerIn(StrictBody):
    """The second decision."""

    verdict: Verdict


class WordsIn(StrictBody):
    """What was done."""

    text: str = Field(min_length=1, max_length=LONGEST_ANSWER)


@router.get("/api/v1/camper-messages", summary="Reports and complaints that wait, oldest first")
def list_messages(site: SiteDep, account: Reviewer, after: After = 0, limit: Limit = 50) -> CamperMessagesOut:
    """By number."""
    with site.database.read() as session:
        not_theirs = elsewhere(account, access_scope(session, account, site.clock(), site.match_rule))
        rows = [CamperMessageOut.of(row) for row in camper_messages.waiting(session, not_theirs, limit, after)]
    return CamperMessagesOut(messages=rows, next_after=next_after([row.id for row in rows], limit))


@router.post(
    "/api/v1/camper-messages/{message_id}", summary="Write down what was done about a message", status_code=204
)
def post_handled(site: SiteDep, account: Reviewer, message_id: int, body: WordsIn) -> None:
    """Once; a second time is 404."""
    _handle(site, account, message_id, body.text)


@router.get("/api/v1/appeals", summary="Second reviews that wait for you")
def list_second_reviews(site: SiteDep, account: Reviewer, after: After = 0, limit: Limit = 50) -> SecondReviewsOut:
    """In the order of their alerts, which says nothing. Those that you decided yourself are not yours to look at."""
    with site.database.read() as session:
        hidden = access_scope(session, account, site.clock(), site.match_rule).hidden
        found = [each for each in appeals.waiting(session, account.id, hidden) if each.alert_id > after][:limit]
        rows = [
            SecondReviewRowOut(id=each.id, campsite=each.campsite_id, captured_at=each.alert.captured_at)
            for each in found
        ]
    return SecondReviewsOut(second_reviews=rows, next_after=next_after([each.alert_id for each in found], limit))


@router.get("/api/v1/appeals/{appeal_id}", summary="One second review")
def get_second_review(site: SiteDep, account: Reviewer, appeal_id: int) -> SecondReviewOut:
    """Its frames; both decisions once it is answered."""
    with site.database.read() as session:
        appeal, file = _review(session, site, account, appeal_id)
        return SecondReviewOut(
            id=appeal.id,
            campsite=appeal.campsite_id,
            frames=[each.picture.url for each in file.frames],
            answered_at=appeal.answered_at,
            first_verdict=appeal.first_verdict if appeal.answered_at else None,
            second_verdict=appeal.second_verdict,
            outcome=appeal.outcome,
        )


@router.post("/api/v1/appeals/{appeal_id}/answer", summary="Answer a second review", status_code=204)
def post_answer(site: SiteDep, account: Reviewer, appeal_id: int, body: AnswerIn) -> None:
    """Once; a second time is 409."""
    _answer(site, account, appeal_id, body.verdict)


@router.post("/api/v1/appeals/{appeal_id}/settlement", summary="Settle an upheld appeal", status_code=204)
def post_settlement(site: SiteDep, account: Reviewer, appeal_id: int, body: WordsIn) -> None:
    """Once; a second time is 409."""
    _settle(site, account, appeal_id, body.text)


def _review(session: Session, site: Site, account: Account, appeal_id: int) -> tuple[Appeal, AlertDetail]:
    """A second review that this person may take or read. Whoever decided first reads it once it is answered."""
    scope = access_scope(session, account, site.clock(), site.match_rule)
    appeal = appeals.find(session, appeal_id, scope.hidden)
    if appeal is None or (appeal.answered_at is None and not appeals.may_answer(session, appeal, account.id)):
        raise HTTPException(404, NO_SUCH_REVIEW)
    file = alert_detail(session, site.media, site.config, appeal.alert_id, scope)
    if file is None:
        raise HTTPException(404, NO_SUCH_REVIEW)
    return appeal, file


def _words(session: Session, appeal: Appeal) -> list[str]:
    """What campers wrote about the warning; not before the answer, since it tells that there was one."""
    if appeal.answered_at is None or appeal.control:
        return []
    said = select(CamperMessage.text).where(CamperMessage.alert_id == appeal.alert_id).order_by(CamperMessage.id)
    return [text for text in session.scalars(said.limit(20)) if text]


def _answer(site: Site, account: Account, appeal_id: int, verdict: Verdict) -> None:
    if verdict not in ANSWERS:
        raise HTTPException(422, "A second review is answered with bear, not a bear, or unsure.")
    try:
        with site.database.write() as session:
            appeal, _ = _review(session, site, account, appeal_id)
            appeals.answer(session, appeal, account.id, verdict, site.clock())
    except (appeals.NotYours, appeals.AlreadyAnswered):
        raise HTTPException(409, "Somebody else was faster. Your answer was not written down.") from None
    site.wake_pages()


def _settle(site: Site, account: Account, appeal_id: int, what: str) -> None:
    said = storable(what)
    if not said:
        raise HTTPException(422, "Write what was done.")
    with site.database.write() as session:
        appeal, _ = _review(session, site, account, appeal_id)
        if not appeals.settle(session, appeal, account.id, said, site.clock()):
            raise HTTPException(409, "There is nothing to settle, or somebody else was faster.")


def _handle(site: Site, account: Account, message_id: int, answer: str) -> None:
    said = storable(answer)
    if not said:
        raise HTTPException(422, "Write what was done.")
    with site.database.write() as session:
        not_theirs = elsewhere(account, access_scope(session, account, site.clock(), site.match_rule))
        known = 0 < message_id < 2**31
        if not known or camper_messages.handle(session, message_id, account.id, said, not_theirs, site.clock()) is None:
            raise HTTPException(404, NO_SUCH_MESSAGE)
    site.wake_pages()
