"""``/labels/groups``: animals that nobody has named, in groups of what looks alike, each to be named in one go."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Final
from urllib.parse import urlencode

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import RedirectResponse, Response

from db.models import EditAction
from review_ui.auth.access_scope import access_scope
from review_ui.auth.accounts import Account
from review_ui.labels import changes as work
from review_ui.labels.changes import CannotChange, Edit, UnknownWord
from review_ui.labels.page import Card, Item, card_of, words_of
from review_ui.site import Labeller, Site, SiteDep
from review_ui.web.page_chrome import page_chrome
from rollout.evidence.labels.collection import collection, find
from rollout.evidence.labels.unnamed_groups import WITHOUT_A_NAME, UnnamedGroup, unnamed_groups
from rollout.evidence.labels.vocabulary import read_vocabulary

router = APIRouter()

AT_ONCE: Final = 24
"""Visits of a group that are shown, and so can be named at once: nobody names what he has not seen."""
GROUPS: Final = 8
NAMED_SINCE: Final = "Somebody has named one of these since you opened the page. Look at the groups again."


@dataclass(frozen=True, slots=True)
class GroupView:
    """One group with the pictures of its newest visits, but for those that one's draft names already."""

    group: UnnamedGroup
    cards: Sequence[Card]
    waiting: int
    """How many visits of it have no name in one's draft either."""

    @property
    def key(self) -> str:
        """Names it on this page."""
        return f"group-{self.group.visits[-1].visit}"


@router.get("/labels/groups")
def groups_page(
    request: Request, site: SiteDep, account: Labeller, problem: Annotated[str, Query(max_length=200)] = ""
) -> Response:
    """The largest group first."""
    with site.database.read() as session:
        around = page_chrome(session, site, account, site.clock())
        found = unnamed_groups(session, collection(session, around.scope, site.clock()))
        draft = work.draft_of(session, account.id)
        edited = {edit.item for edit in draft.edits} if draft else set()
        views = [_view(site, group, edited) for group in found.groups]
        open_views = [view for view in views if view.waiting]
        context = {
            "chrome": around,
            "found": found,
            "views": open_views[:GROUPS],
            "more": len(open_views) - GROUPS,
            "drafted": len(views) - len(open_views),
            "draft": draft,
            "problem": problem,
            "at_once": AT_ONCE,
            **words_of(session, site, account),
        }
        return site.pages.render(request, "label_groups.html", context)


@router.post("/labels/groups")
def name_group(
    site: SiteDep,
    account: Labeller,
    items: Annotated[list[Item], Form(alias="item", max_length=AT_ONCE)],
    label: Annotated[str, Form(max_length=40)] = "",
) -> Response:
    """Give these visits a name, in one's draft: nothing changes before it is applied."""
    try:
        _name(site, account, items, label)
    except CannotChange as cannot:
        return RedirectResponse("/labels/groups?" + urlencode({"problem": str(cannot)}), status_code=303)
    return RedirectResponse("/labels/groups", status_code=303)


def _name(site: Site, account: Account, items: Sequence[str], label: str) -> None:
    """All of them or none. Raises :class:`CannotChange`."""
    now = site.clock()
    with site.database.write() as session:
        if not label or label in WITHOUT_A_NAME or label not in read_vocabulary(session).words:
            raise UnknownWord("Choose what they are, or add the animal to the list first.")
        scope = access_scope(session, account, now, site.match_rule)
        standing = find(session, set(items), scope, now)
        for item in items:
            each = standing.get(item)
            if each is None or each.label not in WITHOUT_A_NAME:
                raise CannotChange(NAMED_SINCE)
            work.add_edits(session, account.id, Edit(item, EditAction.RELABEL, each.label, label), scope, now)


def _view(site: Site, group: UnnamedGroup, edited: set[str]) -> GroupView:
    waiting = [each for each in group.visits if each.item not in edited]
    return GroupView(group, [card_of(site, each, None) for each in waiting[:AT_ONCE]], len(waiting))
