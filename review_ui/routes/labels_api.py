"""``/api/v1/labels``: labels and changes of labels as JSON, under the same rights as the pages."""

from __future__ import annotations

from collections.abc import Collection
from typing import Annotated, Any, Literal, Self

from fastapi import APIRouter, Query
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.orm import Session

from db.models import EditAction, LabelChange
from review_ui.labels import changes as work
from review_ui.labels.changes import CannotChange
from review_ui.labels.collection import Labelled, collection, find
from review_ui.labels.vocabulary import Label
from review_ui.routes.labels import LONGEST_REASON, PAGE, Shown, change_or_404, wanted, write_change, write_edit
from review_ui.security import Account
from review_ui.site import Labeller, Site, SiteDep
from review_ui.visibility import visible

router = APIRouter(prefix="/api/v1")


class LabelOut(BaseModel):
    """One labelled picture."""

    item: str
    file: str | None = Field(description="media key; null when the picture is no longer kept")
    label: Label
    source: str
    probability: float = Field(description="with which the picture came to be labelled, given its source")
    score: float | None
    loss: float
    campsite: str
    camera: str
    captured_at: float
    doubted: bool
    kept: bool
    removed: bool

    @classmethod
    def of(cls, each: Labelled) -> Self:
        """From a label."""
        return cls(
            item=each.item,
            file=each.media,
            label=each.label,
            source=each.source,
            probability=each.probability,
            score=each.score,
            loss=round(each.loss, 4),
            campsite=each.campsite_id,
            camera=each.camera_id,
            captured_at=each.captured_at,
            doubted=each.doubted,
            kept=each.kept,
            removed=each.removed,
        )


class LabelsOut(BaseModel):
    """A page of labels."""

    labels: list[LabelOut]
    next_page: int | None = Field(description="null on the last one")


class EditIn(BaseModel):
    """One edit for one's draft."""

    model_config = ConfigDict(extra="forbid")

    item: str = Field(max_length=80, pattern=r"^[a-z]+:[0-9]{1,10}(:[0-9]{1,4})?$", examples=["encounter:12"])
    action: Literal["keep", "relabel", "remove", "undo"]
    seen: Label = Field(description="what the label said when you looked")
    label: Label | None = Field(default=None, description="for `relabel`: what it shows instead")


class EditOut(BaseModel):
    """One edit of a change."""

    item: str
    action: EditAction
    before: str
    after: str


class ChangeOut(BaseModel):
    """A change."""

    id: int
    author: int
    status: str
    reason: str | None
    digest: str = Field(description="give it as `seen` to apply exactly this")
    count: int = Field(description="how many edits it holds")
    edits: list[EditOut] = Field(description="those about labels that you may see; empty in lists")

    @classmethod
    def of(cls, change: LabelChange, visible_items: Collection[str] = ()) -> Self:
        """From its row."""
        return cls(
            id=change.id,
            author=change.author_id,
            status=change.status,
            reason=change.reason,
            digest=work.digest(change.edits),
            count=len(change.edits),
            edits=[
                EditOut(item=edit.item, action=EditAction(edit.action), before=edit.before, after=edit.after)
                for edit in change.edits
                if edit.item in visible_items
            ],
        )


class ApplyIn(BaseModel):
    """What was looked over, and why."""

    model_config = ConfigDict(extra="forbid")

    seen: str = Field(pattern=r"^[0-9a-f]{64}$")
    reason: str = Field(default="", max_length=LONGEST_REASON, description="needed for a change of one's own")


@router.get("/labels", summary="Labels, worst losses first")
def list_labels(
    site: SiteDep,
    account: Labeller,
    label: Label | None = None,
    campsite: Annotated[str, Query(max_length=63)] = "",
    shown: Shown = "all",
    page: Annotated[int, Query(ge=1, le=100_000)] = 1,
) -> LabelsOut:
    """Twenty-four a page."""
    with site.database.read() as session:
        labels = collection(session, visible(session, account, site.clock()).hidden, site.clock())
    chosen = [each for each in labels if wanted(each, label or "", campsite, shown)]
    shown_now = chosen[PAGE * (page - 1) : PAGE * page]
    more = len(chosen) > PAGE * page
    return LabelsOut(labels=[LabelOut.of(each) for each in shown_now], next_page=page + 1 if more else None)


@router.post(
    "/labels/edits",
    summary="Put an edit into your draft, or take it out",
    response_model=ChangeOut | None,
    responses={409: {"description": "the label has changed, or the edit says nothing"}},
)
def postwrite_edit(site: SiteDep, account: Labeller, body: EditIn) -> Any:
    """The draft as it is now; null when it is empty."""
    try:
        write_edit(site, account, body.item, body.action, body.seen, body.label)
    except CannotChange as cannot:
        return JSONResponse({"detail": str(cannot)}, status_code=409)
    with site.database.read() as session:
        draft = work.draft_of(session, account.id)
        return _change_out(session, site, account, draft) if draft and draft.edits else None


@router.get("/labels/changes", summary="Changes of labels, newest first")
def list_changes(site: SiteDep, account: Labeller) -> list[ChangeOut]:
    """At most fifty."""
    with site.database.read() as session:
        return [ChangeOut.of(change) for change in work.changes(session)]


@router.get("/labels/changes/{change_id}", summary="One change of labels")
def get_change(site: SiteDep, account: Labeller, change_id: int) -> ChangeOut:
    """With its edits."""
    with site.database.read() as session:
        return _change_out(session, site, account, change_or_404(session, change_id))


@router.post(
    "/labels/changes/{change_id}/apply",
    summary="Apply a change",
    response_model=ChangeOut,
    responses={409: {"description": "it is not open, was altered, or needs a reason"}},
)
def postwrite_change(site: SiteDep, account: Labeller, change_id: int, body: ApplyIn) -> Any:
    """All of it or nothing."""
    try:
        write_change(site, account, change_id, body.seen, body.reason)
    except CannotChange as cannot:
        return JSONResponse({"detail": str(cannot)}, status_code=409)
    return get_change(site, account, change_id)


def _change_out(session: Session, site: Site, account: Account, change: LabelChange) -> ChangeOut:
    hidden = visible(session, account, site.clock()).hidden
    return ChangeOut.of(change, find(session, {edit.item for edit in change.edits}, hidden, site.clock()))
