"""Reports as the pages and the API show them: about what somebody may read now, and nothing else."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Final, Self

from pydantic import BaseModel, Field
from sqlalchemy import select
from sqlalchemy.orm import Session

from db.models import Alert
from review_ui.auth.access_scope import access_scope
from review_ui.auth.accounts import Account
from review_ui.rendering.cursors import NextBeforeKey
from review_ui.site import Site
from rollout.breakers.telemetry_snapshot import TelemetrySnapshot, collect_telemetry
from rollout.reports.archive import Archive, StoredReport
from rollout.reports.build import SUMMARIES, campsites_known, make, timezone_of, usual_period
from rollout.reports.context import ReportContext
from rollout.reports.document import Cell, Kind, Report, Table
from rollout.reports.period import parse_day
from rollout.reports.render.machine_readable import as_json

TITLES: Final = {
    Kind.SHADOW: "The model beside the ranger",
    Kind.DAILY: "Daily operations",
    Kind.LOOP: "Feedback-loop audit",
    Kind.ROLLOUT: "The rollout so far",
}


class NothingToRead(LookupError):
    """There is no such campsite for this reader now: not theirs, or they watch there blind."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What somebody asks for: empty where they did not say."""

    campsite: str = ""
    first: str = ""
    last: str = ""


@dataclass(frozen=True, slots=True)
class Readable:
    """The campsites that a report may be about for one reader now, and those that they watch blind."""

    campsites: tuple[str, ...]
    blind: tuple[str, ...]
    everything: bool
    """Nothing need be kept from them."""


def readable(session: Session, site: Site, account: Account, now: float) -> Readable:
    """What may be reported to somebody now. Whoever is blind to one campsite reads of the others alone."""
    scope = access_scope(session, account, now, site.match_rule)
    known = campsites_known(session, site.config)
    mine = tuple(each for each in known if account.covers(each))
    free = tuple(each for each in mine if each not in scope.hidden)
    return Readable(free, tuple(each for each in mine if each in scope.blind), free == known and not scope.hidden)


def snapshot_for(site: Site, kind: Kind) -> TelemetrySnapshot | None:
    """What Redis tells, where a report needs it. Ask before a transaction is opened: Redis may take its time."""
    return collect_telemetry(site.telemetry.client, site.config, site.clock()) if kind is Kind.DAILY else None


def report_for(
    session: Session, site: Site, account: Account, kind: Kind, wanted: Wanted, snapshot: TelemetrySnapshot | None
) -> Report:
    """Make a report for somebody.

    Raises :class:`NothingToRead`, :class:`rollout.reports.period.BadPeriod`.
    """
    now = site.clock()
    mine = readable(session, site, account, now)
    chosen = tuple(each for each in mine.campsites if wanted.campsite in ("", each))
    if not chosen:
        raise NothingToRead
    first, last = (parse_day(text) if text else None for text in (wanted.first, wanted.last))
    days = usual_period(session, kind, timezone_of(site.config, chosen), now, first, last)
    everything = mine.everything and chosen == mine.campsites
    report = make(
        kind, ReportContext(session, site.config, site.plan_watcher.current(), days, chosen, now, everything, snapshot)
    )
    second_reviews = access_scope(session, account, now, site.match_rule).second_reviews
    return without_decisions(session, site, report, second_reviews) if second_reviews else report


FOLLOWS_WITHIN_S: Final = 86400.0
"""What a table says of a secret alert's camera within a day of it may be about that alert."""
TELLS: Final = frozenset({"review", "truth", "lead_s", "taken_back_at"})
"""Columns that say what was decided about an alert."""


def without_decisions(session: Session, site: Site, report: Report, alerts: Collection[int]) -> Report:
    """A report whose rows do not say what was decided about some alerts: their second review waits for the reader."""
    found = session.execute(select(Alert.camera_id, Alert.captured_at).where(Alert.id.in_(alerts)))
    secret = []
    for camera, at in found:
        known = site.config.cameras.get(camera)
        secret.append(((known.name if known else None) or camera, at))
    return replace(
        report,
        sections=tuple(
            replace(section, tables=tuple(_table_without(table, secret) for table in section.tables))
            for section in report.sections
        ),
    )


def _table_without(table: Table, secret: Sequence[tuple[str, float]]) -> Table:
    keys = [column.key for column in table.columns]
    telling = [place for place, key in enumerate(keys) if key in TELLS]
    if not telling or "camera" not in keys:
        return table
    camera = keys.index("camera")

    def shown(row: tuple[Cell, ...]) -> tuple[Cell, ...]:
        at = row[0]
        hidden = isinstance(at, float) and any(
            row[camera] == name and -1.0 <= at - since <= FOLLOWS_WITHIN_S for name, since in secret
        )
        return tuple(None if hidden and place in telling else cell for place, cell in enumerate(row))

    return replace(table, rows=tuple(shown(row) for row in table.rows))


def archive(site: Site) -> Archive:
    """Where the daily reports lie."""
    return Archive(site.settings.bearwatch_data / "reports")


def stored_text(session: Session, site: Site, account: Account, day: date, campsite: str, suffix: str) -> str:
    """A stored report. Raises :class:`NothingToRead` when there is none for this reader now."""
    if campsite not in readable(session, site, account, site.clock()).campsites:
        raise NothingToRead
    text = archive(site).text(day, campsite, suffix)
    if text is None:
        raise NothingToRead
    return text


class AnswerOut(BaseModel):
    """One of the questions that a report opens with."""

    key: str
    question: str
    light: str = Field(description="fine, look, act, or not known")
    words: str


class FigureOut(BaseModel):
    """One number with its bounds and what it rests on."""

    key: str
    label: str
    value: float | None = Field(description="null: not enough data, see `why`")
    said: str | None
    form: str = Field(description="number, share (0 to 1), seconds, days, time (UTC seconds)")
    unit: str
    low: float | None
    high: float | None
    sure: str = Field(description="what the bounds are, or why there are none")
    n: float | None
    of: str = Field(description="what `n` counts")
    why: str
    note: str


class ColumnOut(BaseModel):
    """A column of a table."""

    key: str
    label: str
    form: str


class TableOut(BaseModel):
    """Rows of one kind."""

    key: str
    title: str
    columns: list[ColumnOut]
    rows: list[list[str | float | None]]
    left_out: int = Field(description="how many more rows there are")
    note: str


class SectionOut(BaseModel):
    """A part of a report."""

    key: str
    title: str
    words: list[str]
    figures: list[FigureOut]
    plots: list[dict[str, Any]]
    tables: list[TableOut]


class PlaceOut(BaseModel):
    """A campsite of a report."""

    id: str
    name: str


class ReportOut(BaseModel):
    """One report."""

    kind: str
    title: str
    first_day: str
    last_day: str
    start: float
    end: float
    running: bool = Field(description="whether the last day is not over yet")
    timezone: str
    made_at: float
    model: str | None
    campsites: list[PlaceOut]
    light: str = Field(description="the most urgent of the answers' lights")
    answers: list[AnswerOut]
    sections: list[SectionOut]
    limits: list[str] = Field(description="what the report does not know, or leaves out")

    @classmethod
    def of(cls, report: Report) -> Self:
        """From a report."""
        return cls.model_validate(as_json(report))


class StoredOut(BaseModel):
    """A daily report that was written when its day was over."""

    day: str
    campsite: str
    made_at: float
    light: str
    words: str

    @classmethod
    def of(cls, each: StoredReport) -> Self:
        """From a stored report."""
        return cls(day=each.day, campsite=each.campsite, made_at=each.made_at, light=each.light.value, words=each.words)


class KindOut(BaseModel):
    """A report that can be asked for."""

    kind: str
    title: str
    about: str


class ReportsOut(BaseModel):
    """Which reports there are."""

    kinds: list[KindOut]
    daily: list[StoredOut] = Field(description="stored daily reports, newest first")
    next_before: NextBeforeKey
    blind_to: list[str] = Field(description="campsites that you watch blind: no report speaks of them now")


def kinds_out() -> list[KindOut]:
    """All kinds."""
    return [KindOut(kind=kind.value, title=TITLES[kind], about=SUMMARIES[kind]) for kind in Kind]
