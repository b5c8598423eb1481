"""Watches that nobody has taken over yet: shown on every page until somebody of the roster has."""

from __future__ import annotations

from collections.abc import Iterable

from pydantic import Field

from review_ui.auth.rights import Right
from review_ui.web.viewer_scope import PlacesOut, Reader, Values
from rollout.base.scopes import campsites_of
from rollout.stages.state import Handover


class HandoverOut(Values):
    """A watch that nobody has taken over yet."""

    id: int
    where: PlacesOut
    cameras: list[str] = Field(description="names, when only these cameras have lost authority; empty: all of them")
    cause: str
    since: float
    to: str = Field(description="who is paged")
    asked: int = Field(description="how many times somebody was paged")
    next_to: str
    next_at: float
    may_take: bool = Field(description="whether you may take it over")


def handovers(reader: Reader, found: Iterable[Handover]) -> list[HandoverOut]:
    """Watches that nobody has taken over, as far as they concern the reader."""
    road = reader.site.road.current()
    users = [keeper.user for keeper in road.roster]
    listed = []
    for each in found:
        sites = campsites_of(each.places)
        where = reader.places(sites)
        if not where.campsites:
            continue
        listed.append(
            HandoverOut(
                id=each.id,
                where=where,
                cameras=[reader.camera(camera) for camera in each.cameras],
                cause=each.cause if reader.knows_all(sites) else "authority has ended",
                since=each.since,
                to=each.to,
                asked=each.level + 1,
                next_to=users[(each.level + 1) % len(users)] if users else "",
                next_at=each.next_at,
                may_take=reader.account.may(Right.WATCH) and reader.account.name in users,
            )
        )
    return listed
