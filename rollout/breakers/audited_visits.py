"""Bears that auditors found at random, beside those that observers saw: whether the model saw them too.

Sheets are drawn more often from hours with high scores, and auditors overlook what is hard to see: both make a miss of
the model less likely to be among the finds. Counted like blind visits they speak for the model rather than against it,
and the promise about false alarms holds.
"""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from db.animals import kinds_of_bear
from db.models import Sighting
from rollout.breakers.matched_visits import MatchOutcome, confirmed_timelines
from rollout.evidence.audited_recall import Found, finds
from rollout.evidence.audits.audit_metrics import answered_between
from rollout.evidence.comparison import EvidenceRule
from rollout.evidence.loader import timezones_of
from rollout.evidence.stats.visits import SeenVisit, night_of, visits_of

Night = tuple[str, str]
"""``(campsite, night)``."""
REMEMBERED: Final = 400
"""Bear-nights that are remembered as counted; sheets are answered within days."""
DAY_S: Final = 86400.0
FIRST_LOOK_S: Final = 2 * DAY_S


def new_finds(
    session: Session, memory: dict[str, Any], now: float, rule: EvidenceRule, within_s: float
) -> list[MatchOutcome]:
    """Finds of sheets that were answered at least ``within_s`` seconds ago and have not been counted, one of each
    bear-night, and none of a night whose bear an observer saw blind. The memory takes note, in place.

    As long as nothing was ever found, only the answers of the last two days are looked at: older ones are of another
    time.
    """
    until = now - within_s
    sheets = answered_between(session, float(memory.get("audited", until - FIRST_LOOK_S)), until)
    if not sheets:
        return []
    memory["audited"] = max(sheet.answered_at or 0.0 for sheet in sheets)
    since = min(sheet.hour_at for sheet in sheets) - DAY_S
    found = finds(sheets, confirmed_timelines(session, since), rule)
    timezones = timezones_of(session)
    counted = {(str(site), str(night)) for site, night in memory.get("audited_nights", [])}
    counted |= _seen_blind(session, since, timezones)
    chosen: dict[Night, MatchOutcome] = {}
    for each in _outcomes(found, rule.gap_s):
        chosen.setdefault((each.campsite, night_of(each.start, timezones[each.campsite])), each)
    new = {night: each for night, each in chosen.items() if night not in counted}
    memory["audited_nights"] = [*memory.get("audited_nights", []), *map(list, new)][-REMEMBERED:]
    return sorted(new.values(), key=lambda outcome: (outcome.start, outcome.campsite))


def _outcomes(found: list[Found], gap_s: float) -> list[MatchOutcome]:
    """The visits that the finds make up, by their first sheet: missed where the model saw nothing of any of them."""
    missed = {each.sheet_id: each.missed for each in found}
    visits = visits_of((SeenVisit(f.sheet_id, f.campsite, None, f.start, f.end) for f in found), gap_s)
    outcomes = []
    for visit in visits:
        sheets = [seen.id for seen in visit.seen]
        lost = all(missed[sheet] for sheet in sheets)
        outcomes.append(MatchOutcome(visit.campsite, visit.start, visit.end, max(sheets), lost, min(sheets)))
    return sorted(outcomes, key=lambda outcome: outcome.first_id)


def _seen_blind(session: Session, since: float, timezones: dict[str, str]) -> set[Night]:
    """Bear-nights that the detector counts by their sightings."""
    rows = session.execute(
        select(Sighting.campsite_id, Sighting.seen_at).where(
            Sighting.seen_at > since, Sighting.blind, Sighting.animal.in_(kinds_of_bear(session))
        )
    )
    return {(site, night_of(seen_at, timezones[site])) for site, seen_at in rows}
