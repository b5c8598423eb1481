"""The metrics of recall, from the comparison of blind sightings with detections. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from rollout.base.metrics import Measured
from rollout.evidence.comparison import EvidenceRule, JudgedVisit, clusters, nights
from rollout.evidence.matching import Timeline, chance_by_shifting, corrected
from rollout.evidence.stats.paired import paired_difference
from rollout.evidence.stats.proportions import (
    CONFIDENCE,
    Effective,
    anytime_lower,
    clopper_pearson_lower,
    clopper_pearson_upper,
    effective,
    needed_n,
    recall_evalue,
)
from rollout.evidence.stats.recapture import (
    LEAST_THIRD,
    Overlap,
    ThirdList,
    estimated_dependence,
    recall_if_dependent,
    recaptured,
)
from rollout.evidence.stats.survival import share_within, time_until

NO_SIGHTINGS: Final = "no bear has been seen blind while this model looked: keep watching and logging sightings"
SOON_S: Final = 60.0


def counts(metric: str, judged: Sequence[JudgedVisit], watched_s: float) -> Measured:
    """How many bear-nights there are to judge by, and how many hours of watching they took."""
    n, hours = len(nights(judged)), watched_s / 3600.0
    detail = {"visits": len(judged), "watched_h": hours, "per_watched_h": n / hours if hours else None}
    return Measured(metric, float(n), n=n, unit="bear-nights", detail=detail)


def recall(metric: str, judged: Sequence[JudgedVisit], rule: EvidenceRule, chance: float = 0.0) -> Measured:
    """Recall over bear-nights: of each night the visit entered first counts; with exact lower bound and e-value.

    What bounds and e-value speak of is recall without what ``chance`` would have matched. Nights that are hard
    everywhere (rain, fog) make the campsites of one night alike: hits and misses are divided by the design effect of
    nights first. Beside it, for people: recall over all visits, its bound after division by the design effect of
    bear-nights, the worst campsite, and the dark beside the light.
    """
    first = nights(judged)
    n, hits = len(first), sum(each.hit for each in first)
    if n == 0:
        return Measured(metric, None, unit="bear-nights", why=NO_SIGHTINGS)
    thinned, alike = effective(*clusters(judged)), _alike(first)
    wrong = max(0.0, alike.n - alike.hits)
    detail: dict[str, Any] = {
        "hits": hits,
        "misses": n - hits,
        "visits": len(judged),
        "visits_hit": sum(each.hit for each in judged),
        "design_effect": thinned.deff,
        "cp_lower_effective": clopper_pearson_lower(thinned.hits, thinned.n, rule.confidence),
        "night_effect": alike.deff,
        "lost": sum(each.lost for each in first),
        "worst_campsite": _worst(by_campsite(first)),
        "slices": _slices(by_light(first)),
        "needed_n": needed_n(rule.least_recall, n - hits, rule.confidence),
    }
    bounds = {
        "cp_lower": corrected(clopper_pearson_lower(alike.hits, alike.n, rule.confidence), chance),
        "anytime_lower": corrected(anytime_lower(alike.hits, wrong), chance),
        "eprocess": recall_evalue(alike.hits, wrong, _with_chance(rule.least_recall, chance)),
    }
    for r0 in rule.also_against:
        if r0 != rule.least_recall:
            bounds[f"eprocess@{r0:g}"] = recall_evalue(alike.hits, wrong, _with_chance(r0, chance))
    return Measured(metric, hits / n, bounds, n, "bear-nights", detail=detail)


def recall_beyond_chance(
    metric: str, judged: Sequence[JudgedVisit], others: Mapping[str, Timeline], rule: EvidenceRule
) -> Measured:
    """Recall whose bounds are those of what is left without the matches that chance would have made.

    ``others`` is what the model raised beside the visits that people saw: only that can match by chance.
    """
    chance = chance_by_shifting([each.visit for each in nights(judged)], others, rule.match)
    measured = recall(metric, judged, rule, chance or 0.0)
    if chance is None or measured.value is None:
        return measured
    detail = {
        **measured.detail,
        "chance_match": chance,
        "corrected": corrected(measured.value, chance),
        "cp_lower_corrected": measured.bounds["cp_lower"],
    }
    return Measured(measured.metric, measured.value, measured.bounds, measured.n, measured.unit, "", detail)


def worst_campsite(metric: str, judged: Sequence[JudgedVisit], campsites: Sequence[str]) -> Measured:
    """Recall at the campsite where it is lowest. It rests on as many bear-nights as the campsite with the fewest has:
    a campsite of which nothing is known may be the worst.
    """
    found = by_campsite(nights(judged))
    least = min((found.get(site, (0, 0))[1] for site in campsites), default=0)
    if not found:
        return Measured(metric, None, unit="bear-nights at each campsite", why=NO_SIGHTINGS)
    worst = _worst(found)
    assert worst is not None
    detail = {site: {"hits": hits, "n": n} for site, (hits, n) in sorted(found.items())}
    return Measured(
        metric, worst["recall"], n=least, unit="bear-nights at each campsite",
        detail={"worst": worst["campsite"], "by_campsite": detail},
    )  # fmt: skip


def by_campsite(first: Sequence[JudgedVisit]) -> dict[str, tuple[int, int]]:
    """Hits and bear-nights of each campsite."""
    return _counted((each.visit.campsite, each.hit) for each in first)


def by_light(first: Sequence[JudgedVisit]) -> dict[str, tuple[int, int]]:
    """Hits and bear-nights in the dark and in the light."""
    return _counted(("dark" if each.dark else "light", each.hit) for each in first)


def by_night(first: Sequence[JudgedVisit]) -> tuple[list[int], list[int]]:
    """Hits and bear-nights of each night, all campsites together."""
    found = _counted((each.night.rpartition("/")[2], each.hit) for each in first)
    return [hits for hits, _ in found.values()], [n for _, n in found.values()]


def _counted(pairs: Iterable[tuple[str, bool]]) -> dict[str, tuple[int, int]]:
    found: dict[str, tuple[int, int]] = {}
    for key, hit in pairs:
        hits, n = found.get(key, (0, 0))
        found[key] = (hits + hit, n + 1)
    return found


def _alike(first: Sequence[JudgedVisit]) -> Effective:
    """Hits and bear-nights over the design effect of nights; none where no night had bears at two campsites."""
    hits, sizes = by_night(first)
    return effective(hits, sizes) if max(sizes) > 1 else Effective(sum(hits), sum(sizes), 1.0)


def _slices(found: Mapping[str, tuple[int, int]]) -> dict[str, dict[str, Any]]:
    """Recall of each part, and what it is surely below: all parts together are wrong once in twenty times."""
    sure = 1.0 - (1.0 - CONFIDENCE) / max(len(found), 1)
    return {
        name: {"recall": hits / n, "n": n, "upper": clopper_pearson_upper(hits, n, sure)}
        for name, (hits, n) in sorted(found.items())
    }


def _worst(found: Mapping[str, tuple[int, int]]) -> dict[str, Any] | None:
    """Of equal ones the one with more behind it."""
    if not found:
        return None
    site = min(found, key=lambda name: (found[name][0] / found[name][1], -found[name][1], name))
    surely = min(part["upper"] for part in _slices(found).values())
    hits, n = found[site]
    return {"campsite": site, "recall": hits / n, "n": n, "upper": surely}


def _with_chance(least: float, chance: float) -> float:
    """The share of matches of a model whose recall is ``least``, when chance adds its own."""
    return min(least + (1.0 - least) * chance, 1.0 - 1e-9)


def with_other_gaps(measured: Measured, by_gap: Mapping[float, Sequence[JudgedVisit]]) -> Measured:
    """The same recall with what it would be had visits been told apart by another gap."""
    gaps = {
        f"{gap / 60:.0f} min": {"visits": len(judged), "recall": sum(each.hit for each in judged) / len(judged)}
        for gap, judged in by_gap.items()
        if judged
    }
    detail = {**measured.detail, "other_gaps": gaps}
    return Measured(measured.metric, measured.value, measured.bounds, measured.n, measured.unit, measured.why, detail)


def dependence(
    metric: str, strata: Mapping[str, Overlap], rule: EvidenceRule, third: ThirdList = ThirdList()
) -> Measured:
    """Recall if ranger and model tend to miss the same bears, with an odds ratio of 2; beside it 1 and 4, and the odds
    ratio that a third list suggests."""
    pooled = sum(strata.values(), Overlap(0, 0, 0))
    n = pooled.ranger
    if n == 0:
        return Measured(metric, None, unit="visits", why=NO_SIGHTINGS)
    value = recall_if_dependent(pooled, 2.0)
    if value is None:
        return Measured(metric, 0.0, n=n, unit="visits", why="the model saw none of the bears that the ranger saw")
    together = recaptured(strata)
    detail: dict[str, Any] = {
        "or1": recall_if_dependent(pooled, 1.0),
        "or2": value,
        "or4": recall_if_dependent(pooled, 4.0),
        "ranger_only": pooled.ranger_only,
        "model_only": pooled.model_only,
        "both": pooled.both,
        **_estimated(pooled, third),
    }
    if together is not None:
        detail["visits_estimated"] = together.abundance.n
        detail["visits_interval"] = [together.abundance.lower, together.abundance.upper]
        detail["recall_recaptured"] = together.recall
        detail["stratified"] = together.stratified
    return Measured(metric, value, n=n, unit="visits", detail=detail)


def _estimated(pooled: Overlap, third: ThirdList) -> dict[str, Any]:
    found = estimated_dependence(pooled, third)
    known = third.ranger + third.nobody
    if found is None:
        why = f"audits know {known:.3g} of the {LEAST_THIRD} bears missed in watched time that it takes"
        if pooled.model < LEAST_THIRD:
            why = f"the model has seen {pooled.model} of the {LEAST_THIRD} visits in watched time that it takes"
        return {"or_why": why}
    return {
        "or_estimated": found.odds_ratio,
        "or_interval": [found.lower, found.upper],
        "recall_or_estimated": recall_if_dependent(pooled, found.odds_ratio),
        "recall_or_interval": [recall_if_dependent(pooled, each) for each in (found.upper, found.lower)],
        "third_list": known,
    }


def against_baseline(
    metric: str,
    judged: Sequence[JudgedVisit],
    baseline: Sequence[bool],
    rule: EvidenceRule,
    picture: Sequence[bool] | None = None,
) -> Measured:
    """Recall minus that of the motion-only baseline, on the same bear-nights. ``baseline`` is one for each of them, and
    ``picture`` that of the mean picture, where there is one: it stands beside."""
    first = nights(judged)
    if not first:
        return Measured(metric, None, unit="bear-nights", why=NO_SIGHTINGS)
    difference = paired_difference([each.hit for each in first], baseline, rule.confidence)
    return Measured(
        metric,
        difference.point,
        difference.bounds,
        difference.n,
        "bear-nights",
        detail={
            "model": sum(each.hit for each in first) / len(first),
            "motion_only": sum(baseline) / len(first),
            "mean_picture": sum(picture) / len(first) if picture is not None else None,
            "never_bear": 0.0,
            "wins": difference.wins,
            "losses": difference.losses,
            "bootstrap_lower": difference.bootstrap_lower,
        },
    )


def times_to_detect(judged: Sequence[JudgedVisit], rule: EvidenceRule) -> Iterator[Measured]:
    """Median and 90th percentile of the time from the first sight of a bear to its alert; misses count as never."""
    longest = rule.match.after_s
    durations = [longest if each.time_to_alert_s is None else each.time_to_alert_s for each in judged]
    happened = [each.hit for each in judged]
    for metric, share in (("time_to_detect_p50_s", 0.5), ("time_to_detect_p90_s", 0.9)):
        if not judged:
            yield Measured(metric, None, unit="visits", why=NO_SIGHTINGS)
            continue
        value = time_until(durations, happened, share)
        why = "" if value is not None else f"the model missed more than {1 - share:.0%} of the visits"
        detail = {"within_60_s": share_within(durations, happened, SOON_S), "missed": happened.count(False)}
        yield Measured(metric, value, n=len(judged), unit="visits", why=why, detail=detail)


@dataclass(frozen=True, slots=True)
class Missed:
    """A visit that people saw and the model did not: for the list that people go through."""

    campsite: str
    seen_at: float
    sightings: tuple[int, ...]


def missed(metric: str, judged: Sequence[JudgedVisit], watched_s: float) -> Measured:
    """Visits that the model missed, whether or not whoever saw them was blind."""
    if watched_s <= 0:
        return Measured(metric, None, unit="visits", why="nobody has watched: start a watch")
    lost = [Missed(j.visit.campsite, j.visit.start, tuple(s.id for s in j.visit.seen)) for j in judged if not j.hit]
    detail = {
        "watched_h": watched_s / 3600.0,
        "sightings": [{"campsite": m.campsite, "seen_at": m.seen_at, "ids": list(m.sightings)} for m in lost[:50]],
    }
    return Measured(metric, float(len(lost)), n=len(judged), unit="visits", detail=detail)
