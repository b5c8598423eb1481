"""``/labels``: the pictures whose labels surprise the model most, and changes to labels that somebody looks over."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any, Final, Literal
from urllib.parse import urlencode

from fastapi import APIRouter, Form, HTTPException, Query, Request
from fastapi.responses import RedirectResponse, Response
from sqlalchemy.orm import Session
from starlette.responses import StreamingResponse

from db.models import EditAction, LabelChange, LabelEdit
from review_ui.auth.access_scope import access_scope
from review_ui.auth.accounts import Account
from review_ui.labels import changes as work
from review_ui.labels.changes import CannotChange, DiffLine, Edit, UnknownWord
from review_ui.rendering.pictures import Crop, PictureView, crop, picture
from review_ui.site import Labeller, Site, SiteDep
from review_ui.web.form_drafts import local_path
from review_ui.web.page_chrome import page_chrome
from review_ui.web.sighting_form import storable
from rollout.evidence.labels.animal_vocabulary import LONGEST_NAME, LONGEST_TAXON, CannotAdd, NewAnimal, add_animal
from rollout.evidence.labels.collection import collection
from rollout.evidence.labels.collection import visit as pictures_of_visit
from rollout.evidence.labels.csv_export import manifest
from rollout.evidence.labels.labelled import Labelled
from rollout.evidence.labels.left_out import REASONS, LeftOut
from rollout.evidence.labels.snapshot import left_out
from rollout.evidence.labels.vocabulary import SOURCE_NAMES, read_vocabulary

router = APIRouter()

PAGE: Final = 24
NOTHING: Final[Mapping[str, LeftOut]] = {}
NO_SUCH_CHANGE: Final = "There is no such change."
Item = Annotated[str, Form(max_length=80, pattern=r"^[a-z]+:[0-9]{1,10}(:[0-9]{1,4})?$")]
Shown = Literal["open", "kept", "removed", "left_out", "all"]
LONGEST_REASON: Final = 600


@router.get("/labels")
def labels_page(
    request: Request,
    site: SiteDep,
    account: Labeller,
    label: Annotated[str, Query(max_length=40)] = "",
    campsite: Annotated[str, Query(max_length=63)] = "",
    shown: Shown = "open",
    page: Annotated[int, Query(ge=1, le=10_000)] = 1,
    problem: Annotated[str, Query(max_length=200)] = "",
) -> Response:
    """Worst losses first."""
    with site.database.read() as session:
        around = page_chrome(session, site, account, site.clock())
        everything = collection(session, around.scope, site.clock())
        draft = work.draft_of(session, account.id)
        why = left_out(session, everything, site.media, site.clock())
        chosen = [each for each in everything if wanted(each, label, campsite, shown, why)]
        cards = chosen[PAGE * (page - 1) : PAGE * page]
        visits: dict[int | None, list[Labelled]] = {}
        for each in everything:
            visits.setdefault(each.visit, []).append(each)
        context = {
            "chrome": around,
            "total": len(everything),
            "chosen": len(chosen),
            "cards": [card_of(site, each, draft, _together(each, visits[each.visit]), why) for each in cards],
            "counts": Counter(each.label for each in everything if not each.removed),
            "filters": {"label": label, "campsite": campsite, "shown": shown, "page": page},
            "pages": -(-len(chosen) // PAGE),
            "address": _address(label, campsite, shown, page),
            "at": lambda number: _address(label, campsite, shown, number),
            "draft": draft,
            "tally": Counter(edit.action for edit in draft.edits) if draft else Counter(),
            "problem": problem,
            "left_out": [(REASONS[reason], count) for reason, count in Counter(why.values()).most_common()],
            **words_of(session, site, account),
        }
        return site.pages.render(request, "labels.html", context)


@router.post("/labels/edits")
def edit_label(
    request: Request,
    site: SiteDep,
    account: Labeller,
    item: Item,
    action: Annotated[Literal["keep", "relabel", "remove", "undo"], Form()],
    seen: Annotated[str, Form(max_length=40)],
    label: Annotated[str, Form(max_length=40)] = "",
    visit: Annotated[bool, Form()] = False,
    back: Annotated[str, Form(max_length=300)] = "/labels",
) -> Response:
    """Put one edit into one's draft, or take it out again. A script gets the card, a browser goes back to its place."""
    try:
        write_edit(site, account, item, action, seen, label or None, visit)
        problem = ""
    except CannotChange as cannot:
        problem = str(cannot)
    if "hx-request" in request.headers:
        return _answer(request, site, account, item, problem)
    address = local_path(back)
    if problem:
        address += ("&" if "?" in address else "?") + urlencode({"problem": problem})
    return RedirectResponse(f"{address}#{item.replace(':', '-')}", status_code=303)


@router.post("/labels/animals")
def add_word(
    site: SiteDep,
    account: Labeller,
    name: Annotated[str, Form(max_length=LONGEST_NAME)],
    taxon: Annotated[str, Form(max_length=LONGEST_TAXON)],
    parent: Annotated[str, Form(max_length=40)] = "",
) -> Response:
    """Add an animal; from then on it is offered wherever one is named."""
    try:
        with site.database.write() as session:
            add_animal(session, NewAnimal(storable(name), storable(taxon), parent or None), account.id, site.clock())
        site.wake_pages()
        return RedirectResponse("/labels#animals", status_code=303)
    except CannotAdd as cannot:
        return RedirectResponse("/labels?" + urlencode({"problem": str(cannot)}), status_code=303)


@router.get("/labels/changes")
def changes_page(request: Request, site: SiteDep, account: Labeller) -> Response:
    """Open changes, and those of before."""
    with site.database.read() as session:
        around = page_chrome(session, site, account, site.clock())
        context = {"chrome": around, "changes": work.changes(session), "names": read_vocabulary(session).names}
        return site.pages.render(request, "label_changes.html", context)


@router.get("/labels/changes/{change_id:int}")
def change_page(request: Request, site: SiteDep, account: Labeller, change_id: int) -> Response:
    """One change, line by line, with its pictures."""
    return _change_page(request, site, account, change_id)


@router.post("/labels/changes/{change_id:int}/apply")
def apply_change(
    request: Request,
    site: SiteDep,
    account: Labeller,
    change_id: int,
    seen: Annotated[str, Form(pattern=r"^[0-9a-f]{64}$")],
    reason: Annotated[str, Form(max_length=LONGEST_REASON)] = "",
) -> Response:
    """Make it true, all of it."""
    try:
        write_change(site, account, change_id, seen, reason)
    except CannotChange as cannot:
        return _change_page(request, site, account, change_id, str(cannot), reason)
    return RedirectResponse(f"/labels/changes/{change_id}", status_code=303)


@router.post("/labels/changes/{change_id:int}/withdraw")
def withdraw_change(request: Request, site: SiteDep, account: Labeller, change_id: int) -> Response:
    """Give one's own draft up."""
    try:
        with site.database.write() as session:
            work.withdraw(session, change_or_404(session, change_id), account.id, site.clock())
    except CannotChange as cannot:
        return _change_page(request, site, account, change_id, str(cannot))
    return RedirectResponse("/labels/changes", status_code=303)


@router.post("/labels/changes/{change_id:int}/revert")
def revert_change(request: Request, site: SiteDep, account: Labeller, change_id: int) -> Response:
    """A new draft that takes it back."""
    try:
        with site.database.write() as session:
            draft = work.revert(session, change_or_404(session, change_id), account.id, site.clock()).id
    except CannotChange as cannot:
        return _change_page(request, site, account, change_id, str(cannot))
    return RedirectResponse(f"/labels/changes/{draft}", status_code=303)


@router.get("/labels.csv")
def labels_csv(site: SiteDep, account: Labeller, training: bool = False) -> Response:
    """The label set as a manifest, for ``bearwatch evaluate``, and with ``training`` for ``bearwatch train``."""
    with site.database.read() as session:
        labels = collection(session, access_scope(session, account, site.clock(), site.match_rule), site.clock())
    lines: Iterator[str] = manifest(labels, timezones(site), for_training=training)
    headers = {"Content-Disposition": 'attachment; filename="labels.csv"'}
    return StreamingResponse(lines, media_type="text/csv; charset=utf-8", headers=headers)


def wanted(each: Labelled, label: str, campsite: str, shown: Shown, why: Mapping[str, LeftOut]) -> bool:
    """Whether a label belongs to what was asked for. ``why``: those that are not learnt from."""
    if (label and each.label != label) or (campsite and each.campsite_id != campsite):
        return False
    if shown == "open":
        return not each.kept and not each.removed
    if shown == "left_out":
        return each.item in why
    return shown == "all" or (each.removed if shown == "removed" else each.kept and not each.removed)


@dataclass(frozen=True, slots=True)
class Card:
    """One label with its picture and what one's draft says of it."""

    each: Labelled
    picture: PictureView | None
    crop: Crop | None
    edit: LabelEdit | None
    anchor: str
    together: int = 1
    """How many pictures of its visit say the same."""
    problem: str = ""
    """Why the edit of it was refused."""
    left_out: str = ""
    """Why it is not learnt from."""


def card_of(
    site: Site, each: Labelled, draft: LabelChange | None, together: int = 1, why: Mapping[str, LeftOut] = NOTHING
) -> Card:
    """A label's card, with what ``draft`` says of it, and ``why`` it is not learnt from."""
    shown = picture(site.media, each.media)
    edit = next((edit for edit in draft.edits if edit.item == each.item), None) if draft else None
    around = crop(shown, each.box) if shown and each.box else None
    return Card(each=each, picture=shown, crop=around, edit=edit, anchor=each.item.replace(":", "-"),
                together=together if each.visit is not None else 1,
                left_out=REASONS[why[each.item]] if each.item in why else "")  # fmt: skip


def _answer(request: Request, site: Site, account: Account, item: str, problem: str) -> Response:
    """The card that was edited and the others of its visit, which may have been edited with it."""
    with site.database.read() as session:
        scope = access_scope(session, account, site.clock(), site.match_rule)
        labels = pictures_of_visit(session, item, scope, site.clock())
        if not labels:
            raise HTTPException(404, "There is no such label.")
        draft = work.draft_of(session, account.id)
        why = left_out(session, labels, site.media, site.clock())
        cards = [card_of(site, each, draft, _together(each, labels), why) for each in labels]
        cards[0] = replace(cards[0], problem=problem)
        context = {"cards": cards, "draft": draft, "address": "/labels",
                   "tally": Counter(edit.action for edit in draft.edits) if draft else Counter(),
                   **words_of(session, site, account)}  # fmt: skip
        return site.pages.render(request, "_label_answer.html", context)


def _together(each: Labelled, visit: Sequence[Labelled]) -> int:
    """How many pictures of a visit say the same as this one, which is among them."""
    return sum(1 for other in visit if other.label == each.label and not other.removed)


def write_edit(
    site: Site, account: Account, item: str, action: str, seen: str, label: str | None, visit: bool = False
) -> None:
    """Put an edit into one's draft, or with ``undo`` take it out. Raises :class:`CannotChange`, :class:`UnknownWord`.

    ``visit``: the other pictures of its visit that say the same get the same edit.
    """
    now = site.clock()
    with site.database.write() as session:
        scope = access_scope(session, account, now, site.match_rule)
        if not {seen, label or seen} <= read_vocabulary(session).words.keys():
            raise UnknownWord("There is no such word. Choose one from the list, or add the animal.")
        if action == "undo":
            work.drop_edit(session, account.id, item)
        else:
            add = work.add_edits if visit else work.add_edit
            add(session, account.id, Edit(item, EditAction(action), seen, label), scope, now)


def write_change(site: Site, account: Account, change_id: int, seen: str, reason: str) -> None:
    """Apply a change. Raises :class:`CannotChange`."""
    now = site.clock()
    with site.database.write() as session:
        scope = access_scope(session, account, now, site.match_rule)
        work.apply(session, change_or_404(session, change_id), account.id, storable(reason), seen, scope, now)


def change_or_404(session: Session, change_id: int) -> LabelChange:
    """A change by its number."""
    change = work.get_change(session, change_id)
    if change is None:
        raise HTTPException(404, NO_SUCH_CHANGE)
    return change


def _change_page(
    request: Request, site: Site, account: Account, change_id: int, problem: str = "", reason: str = ""
) -> Response:
    with site.database.read() as session:
        around = page_chrome(session, site, account, site.clock())
        change = change_or_404(session, change_id)
        lines = work.diff(session, change, around.scope, site.clock())
        context = {
            "chrome": around,
            "change": change,
            "lines": [(line, _picture_of(site, line)) for line in lines],
            "digest": work.digest(change.edits),
            "problem": problem,
            "reason": reason,
            **words_of(session, site, account),
        }
        return site.pages.render(request, "label_change.html", context, status=409 if problem else 200)


def _picture_of(site: Site, line: DiffLine) -> Card | None:
    return card_of(site, line.now, None) if line.now else None


def timezones(site: Site) -> dict[str, str]:
    return {key: site.config.regions[each.region].timezone for key, each in site.config.campsites.items()}


def words_of(session: Session, site: Site, account: Account) -> dict[str, Any]:
    """The words and names that every page about labels writes."""
    vocabulary = read_vocabulary(session)
    return {
        "names": vocabulary.names,
        "words": [word for word in vocabulary.words.values() if not word.built_in],
        "kinds": vocabulary.animals,
        "sources": SOURCE_NAMES,
        "timezones": timezones(site),
        "places": {key: each.name or key for key, each in site.config.campsites.items() if account.covers(key)},
        "cameras": {key: each.name or key for key, each in site.config.cameras.items()},
    }


def _address(label: str, campsite: str, shown: str, page: int) -> str:
    return "/labels?" + urlencode({"label": label, "campsite": campsite, "shown": shown, "page": page})
