"""``/api/v1/labels``: labels and changes of labels as JSON, under the same rights as the pages."""

from __future__ import annotations

from collections.abc import Collection
from typing import Annotated, Any, Final, Literal, Self

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field
from sqlalchemy.orm import Session

from db.models import EditAction, LabelChange
from review_ui.auth.access_scope import access_scope
from review_ui.auth.accounts import Account
from review_ui.labels import changes as work
from review_ui.labels.changes import CannotChange, UnknownWord
from review_ui.labels.page import LONGEST_REASON, PAGE, Shown, change_or_404, wanted, write_change, write_edit
from review_ui.rendering.cursors import (
    AfterKey,
    Before,
    Limit,
    NextAfterKey,
    NextBefore,
    StrictBody,
    next_after,
    page_of,
)
from review_ui.rendering.problems import problem
from review_ui.site import Labeller, Site, SiteDep
from review_ui.web.sighting_form import storable
from rollout.evidence.labels.animal_vocabulary import LONGEST_NAME, LONGEST_TAXON, CannotAdd, NewAnimal, add_animal
from rollout.evidence.labels.collection import collection, find
from rollout.evidence.labels.labelled import Labelled
from rollout.evidence.labels.snapshot import left_out
from rollout.evidence.labels.vocabulary import Word, read_vocabulary

router = APIRouter(prefix="/api/v1")

GREATEST_LOSS: Final = 10.0
"""No loss is greater: see ``SMALLEST_SHARE``."""


class LabelOut(BaseModel):
    """One labelled picture."""

    item: str
    file: str | None = Field(description="media key; null when the picture is no longer kept")
    label: str = Field(description="a word of the vocabulary")
    source: str
    probability: float = Field(description="with which the picture came to be labelled, given its source")
    score: float | None
    loss: float
    campsite: str
    camera: str
    captured_at: float
    visit: int | None = Field(description="the encounter that it is a picture of; null for audits")
    doubted: bool
    kept: bool
    removed: bool
    left_out: str | None = Field(description="why it is not learnt from; null when it is")

    @classmethod
    def of(cls, each: Labelled, left_out: str | None) -> Self:
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
            visit=each.visit,
            doubted=each.doubted,
            kept=each.kept,
            removed=each.removed,
            left_out=left_out,
        )


class LabelsOut(BaseModel):
    """A page of labels."""

    labels: list[LabelOut]
    next_after: NextAfterKey


class EditIn(StrictBody):
    """One edit for one's draft."""

    item: str = Field(max_length=80, pattern=r"^[a-z]+:[0-9]{1,10}(:[0-9]{1,4})?$", examples=["encounter:12"])
    action: Literal["keep", "relabel", "remove", "undo"]
    seen: str = Field(max_length=40, description="what the label said when you looked")
    label: str | None = Field(default=None, max_length=40, description="for `relabel`: what it shows instead")
    visit: bool = Field(default=False, description="the same for the other pictures of its visit that say the same")


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


class ChangesOut(BaseModel):
    """A page of changes."""

    changes: list[ChangeOut]
    next_before: NextBefore


class ApplyIn(StrictBody):
    """What was looked over, and why."""

    seen: str = Field(pattern=r"^[0-9a-f]{64}$")
    reason: str = Field(default="", max_length=LONGEST_REASON, description="needed for a change of one's own")


class AnimalOut(BaseModel):
    """A word for an animal."""

    key: str = Field(description="as labels and sightings say it")
    name: str
    taxon: str = Field(description="its scientific name; empty where there is none")
    parent: str | None = Field(description="the animal of which it is a kind")

    @classmethod
    def of(cls, word: Word) -> Self:
        """From the vocabulary."""
        return cls(key=word.key, name=word.name, taxon=word.taxon, parent=word.parent)


class AnimalsOut(BaseModel):
    """A page of the words for animals."""

    animals: list[AnimalOut]
    next_after: NextAfterKey


class AnimalIn(StrictBody):
    """An animal to add."""

    name: str = Field(max_length=LONGEST_NAME, examples=["Grizzly"])
    taxon: str = Field(
        max_length=LONGEST_TAXON, description="its scientific name", examples=["Ursus arctos horribilis"]
    )
    parent: str | None = Field(
        default=None, max_length=40, description="of which animal it is a kind", examples=["bear"]
    )


@router.get("/labels", summary="Labels, worst losses first")
def list_labels(
    site: SiteDep,
    account: Labeller,
    label: Annotated[str, Query(max_length=40)] = "",
    campsite: Annotated[str, Query(max_length=63)] = "",
    shown: Shown = "all",
    after: AfterKey = "",
    limit: Limit = PAGE,
) -> LabelsOut:
    """The cursor says how great the last loss was: what is labelled meanwhile moves nothing to another page."""
    with site.database.read() as session:
        labels = collection(session, access_scope(session, account, site.clock(), site.match_rule), site.clock())
        why = left_out(session, labels, site.media, site.clock())
    chosen = [each for each in labels if wanted(each, label, campsite, shown, why)]
    page, following = page_of(chosen, _cursor, after, limit)
    return LabelsOut(labels=[LabelOut.of(each, why.get(each.item)) for each in page], next_after=following)


def _cursor(each: Labelled) -> str:
    """Sorts like the worst losses first."""
    return f"{GREATEST_LOSS - each.loss:09.6f}:{each.item}"


@router.post(
    "/labels/edits",
    summary="Put an edit into your draft, or take it out",
    response_model=ChangeOut | None,
    responses={409: {"description": "the label has changed, or the edit says nothing"}},
)
def postwrite_edit(site: SiteDep, account: Labeller, body: EditIn) -> Any:
    """The draft as it is now; null when it is empty."""
    try:
        write_edit(site, account, body.item, body.action, body.seen, body.label, body.visit)
    except UnknownWord as unknown:
        return problem(422, str(unknown))
    except CannotChange as cannot:
        return problem(409, str(cannot))
    with site.database.read() as session:
        draft = work.draft_of(session, account.id)
        return _change_out(session, site, account, draft) if draft and draft.edits else None


@router.get("/labels/animals", summary="The words for animals")
def list_animals(site: SiteDep, account: Labeller, after: AfterKey = "", limit: Limit = 50) -> AnimalsOut:
    """Built-in and added ones, in the order of their keys."""
    with site.database.read() as session:
        vocabulary = read_vocabulary(session)
    animals = [vocabulary.words[key] for key in vocabulary.animals]
    page, following = page_of(animals, lambda word: word.key, after, limit)
    return AnimalsOut(animals=[AnimalOut.of(word) for word in page], next_after=following)


@router.post(
    "/labels/animals",
    summary="Add an animal to the vocabulary",
    status_code=201,
    response_model=AnimalOut,
    responses={409: {"description": "it is there already, or it cannot be called so"}},
)
def post_animal(site: SiteDep, account: Labeller, body: AnimalIn) -> Any:
    """It is offered wherever an animal is named, and never taken out again."""
    try:
        with site.database.write() as session:
            row = add_animal(
                session, NewAnimal(storable(body.name), storable(body.taxon), body.parent), account.id, site.clock()
            )
            return AnimalOut(key=row.key, name=row.name, taxon=row.taxon, parent=row.parent)
    except CannotAdd as cannot:
        return problem(409, str(cannot))


@router.get("/labels/changes", summary="Changes of labels, newest first")
def list_changes(site: SiteDep, account: Labeller, before: Before = None, limit: Limit = 50) -> ChangesOut:
    """Without their edits: ask for one change."""
    with site.database.read() as session:
        page = [ChangeOut.of(change) for change in work.changes(session, limit, before)]
    return ChangesOut(changes=page, next_before=next_after([change.id for change in page], limit))


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
        return problem(409, str(cannot))
    return get_change(site, account, change_id)


def _change_out(session: Session, site: Site, account: Account, change: LabelChange) -> ChangeOut:
    scope = access_scope(session, account, site.clock(), site.match_rule)
    return ChangeOut.of(change, find(session, {edit.item for edit in change.edits}, scope, site.clock()))
