"""What has happened in the rollout, as its reader may know it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from review_ui.rendering.rollout_wording import event_details, event_title
from rollout.base.scopes import Places, campsites_of
from rollout.control.reader import Reader, Values
from rollout.control.status_words import ABOUT_THE_MODEL
from rollout.stages import events as e
from rollout.stages.event_store import StoredEvent

_OPEN_EVENTS: Final = (
    e.StageStarted, e.ApprovalsCleared, e.Approved, e.ModelReplaced, e.Demoted, e.WatchTaken, e.StageExtended,
    e.Expired,
)  # fmt: skip
"""Events whose details say nothing of what the model has seen."""


class EventOut(Values):
    """Something that happened in the rollout."""

    seq: int
    at: float
    kind: str
    actor: str
    title: str
    details: str


def events_out(reader: Reader, entries: Iterable[StoredEvent]) -> list[EventOut]:
    """Events, newest first; details that would tell too much are left out."""
    return [_event(reader, entry) for entry in entries]


def _event(reader: Reader, entry: StoredEvent) -> EventOut:
    event = entry.event
    title, details = event_title(event), event_details(event)
    if isinstance(event, e.BreakerOpened) and event.breaker in ABOUT_THE_MODEL and reader.is_blind(event.campsites):
        title = "A breaker opened"
    open_ = isinstance(event, _OPEN_EVENTS) or not reader.blind
    if not open_ or (details and not _told(reader, event)):
        details = ""
    return EventOut(seq=entry.seq, at=event.at, kind=entry.kind, actor=event.by, title=title, details=details)


def _told(reader: Reader, event: e.Event) -> bool:
    """Whether the details are about nothing but what is the reader's."""
    if reader.campsites is None:
        return True
    where: tuple[str, ...] | None = getattr(event, "campsites", None)
    places: Places = getattr(event, "places", ())
    if places:
        where = campsites_of(places)
    if isinstance(event, (e.Approved, e.StageStarted, e.StageExtended, e.WatchTaken, e.Expired, e.ModelReplaced)):
        return True
    return where is not None and reader.knows_all(where)
