"""Who watched when, what was audited, and which drills were held. For the daily report."""

from __future__ import annotations

from collections import defaultdict

from sqlalchemy import select

from db.models import AuditSheet, User, WatchDrill
from rollout.evidence.audits.audit_metrics import progress
from rollout.evidence.stats.intervals import Interval, total
from rollout.evidence.watched_time import kept_watches
from rollout.reports.context import ReportContext
from rollout.reports.document import Cell, Column, Figure, Form, Section, table


def people_section(asked: ReportContext) -> Section:
    """Watches, audits and drills."""
    watches = _watches(asked)
    covered: dict[str, list[Interval]] = defaultdict(list)
    for site, _, start, end, _ in watches:
        covered[site].append(Interval(start, end))
    length = asked.period.end - asked.period.start
    by_site: list[tuple[Cell, ...]] = [
        (asked.name(site), total(covered.get(site, ())), total(covered.get(site, ())) / length)
        for site in asked.campsites
    ]
    rows: list[tuple[Cell, ...]] = [
        (who, asked.name(site), start, end, end - start, how) for site, who, start, end, how in watches
    ]
    audits = progress(asked.session, asked.campsites, asked.period.start, asked.period.end)
    return Section(
        "people",
        "Who watched, and what was audited",
        figures=(
            Figure("watched_s", "Campsite time with somebody on watch", sum(total(each) for each in covered.values()),
                   Form.SECONDS, n=len(watches), of="watches"),
            Figure("audit_done_over_due", "Audits done of those due", audits.share, Form.SHARE, sure="counted in full",
                   n=audits.due, of="sheets due", why="" if audits.due else "no audit fell due in this time"),
            Figure("audits_open", "Audit sheets that wait", audits.open),
        ),
        tables=(
            table("watched", "Campsites", (Column("campsite", "Campsite"), Column("watched_s", "Watched",
                  Form.SECONDS), Column("share", "Share of the time", Form.SHARE)), by_site, "No campsite."),
            table("watches", "Watches", (Column("who", "Who"), Column("campsite", "Campsite"), Column("start", "From",
                  Form.TIME), Column("end", "To", Form.TIME), Column("length_s", "Length", Form.SECONDS),
                  Column("ended", "Ended")), rows, "Nobody was on watch in this time."),
            table("audits", "Audits due, by campsite", (Column("campsite", "Campsite"), Column("due", "Due",
                  Form.NUMBER), Column("done", "Done", Form.NUMBER)), _audits(asked), "No audit fell due."),
            table("drills", "Manual-watch drills", (Column("at", "Held", Form.TIME), Column("campsite", "Campsite"),
                  Column("passed", "Outcome"), Column("answered_s", "Taken over after", Form.SECONDS)), _drills(asked),
                  "No drill was held in this time."),
        ),
    )  # fmt: skip


_ENDED = {
    None: "goes on", "person": "by themselves", "forgotten": "forgotten; counted up to the last sign of life",
    "access": "account switched off",
}  # fmt: skip


def _watches(asked: ReportContext) -> list[tuple[str, str, float, float, str]]:
    """Campsite, who, from, to, and how it ended, within the period. ``to`` is as far as the watch counts."""
    period = asked.period
    kept = kept_watches(asked.session, period.end, period.start, asked.campsites)
    who = select(User.id, User.name).where(User.id.in_({each.user_id for each in kept}))
    names: dict[int, str] = dict(asked.session.execute(who).all())
    return [
        (each.campsite, names[each.user_id], max(each.span.start, period.start), each.span.end,
         _ENDED[each.ended])
        for each in kept
    ]  # fmt: skip


def _audits(asked: ReportContext) -> list[tuple[Cell, ...]]:
    sites = asked.session.scalars(
        select(AuditSheet.campsite_id)
        .where(
            AuditSheet.campsite_id.in_(asked.campsites),
            AuditSheet.due_at > asked.period.start,
            AuditSheet.due_at <= asked.period.end,
        )
        .distinct()
        .order_by(AuditSheet.campsite_id)
    )
    rows: list[tuple[Cell, ...]] = []
    for site in sites:
        found = progress(asked.session, [site], asked.period.start, asked.period.end)
        rows.append((asked.name(site), found.due, found.done))
    return rows


def _drills(asked: ReportContext) -> list[tuple[Cell, ...]]:
    rows = asked.session.execute(
        select(WatchDrill.held_at, WatchDrill.campsite_id, WatchDrill.passed, WatchDrill.answered_s)
        .where(
            WatchDrill.campsite_id.in_(asked.campsites),
            WatchDrill.held_at >= asked.period.start,
            WatchDrill.held_at < asked.period.end,
        )
        .order_by(WatchDrill.held_at)
    )
    return [(at, asked.name(site), "passed" if passed else "not passed", seconds) for at, site, passed, seconds in rows]
