"""What the keys of the plan mean together: places that exist, a plan that can be walked, people who can be called.

Every check adds problems with the key's path and with what to write; nothing is raised half-way, so that all
mistakes are named at once.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime
from difflib import get_close_matches
from zoneinfo import ZoneInfo

from core.config import Config
from core.config_file import KeyPath
from db.models import Mode
from rollout.base.keepalive import least_within_s
from rollout.base.scopes import Place, Places, campsites_of, common, together, within
from rollout.breakers.false_trip_budget import fitted, too_eager
from rollout.stages.floors import below_floors
from rollout.stages.plan import STRENGTH, OnCallPerson, RolloutPlan, digest_of
from rollout.stages.plan import Stage as RolloutStage
from rollout.stages.plan_terms import scoring_rules, terms_of
from rollout.stages.spec import RolloutSection, ScopeSpec


@dataclass(frozen=True, slots=True)
class Misfit:
    """One mistake: the key's path inside the section, and what to write instead."""

    path: KeyPath
    message: str


def resolve(section: RolloutSection, config: Config) -> tuple[RolloutPlan, list[Misfit]]:
    """The plan over the configured places, and all that is wrong with it. With problems the plan is not to be used."""
    found: list[Misfit] = []
    timezone = _timezone(section, config, found)
    stages = tuple(_stage(section, config, index, found) for index in range(len(section.stages)))
    on_call = _on_call(section, found)
    _names(section, found)
    _order(section, stages, found)
    _oversight(section, found)
    _budget(section, len(config.campsites), found)
    _freshness(section, config, found)
    live = any(stage.mode is not Mode.SHADOW for stage in section.stages)
    if live and not section.on_call:
        found.append(
            Misfit(
                ("on_call",),
                "missing: live stages need somebody who takes over; write "
                "on_call: {duty-ranger: {user: ACCOUNT, contact: [ADDRESS]}}",
            )
        )
    plan = RolloutPlan(
        name=section.metadata.name,
        timezone=timezone,
        author=section.metadata.author,
        pinned=section.model.digest,
        baseline=section.model.baseline,
        stages=stages,
        on_call=on_call,
        defaults=section.defaults,
        approvals=section.approvals,
        breakers=fitted(section.breakers, len(config.campsites)),
        staff=tuple(dict.fromkeys(config.rollout.staff)),
        digest=digest_of(section, stages),
        terms=terms_of(section),
        rules=scoring_rules(config, timezone),
        cameras=tuple(sorted((camera.campsite, name) for name, camera in config.enabled_cameras().items())),
        freezes=tuple(
            (_local(each.begins, timezone), _local(each.ends, timezone), each.why) for each in section.freezes
        ),
        overridden=tuple(
            f"{stage.name} ({len(below_floors(stage))} floors): {stage.overridden}"
            for stage in section.stages
            if stage.overridden
        ),
    )
    return plan, found


def _local(moment: datetime, timezone: str) -> float:
    return moment.replace(tzinfo=ZoneInfo(timezone)).timestamp()


def _timezone(section: RolloutSection, config: Config, found: list[Misfit]) -> str:
    if section.metadata.timezone:
        return section.metadata.timezone
    zones = sorted({region.timezone for region in config.regions.values()})
    if len(zones) > 1:
        found.append(
            Misfit(
                ("metadata", "timezone"),
                f"missing: the regions have several clocks ({', '.join(zones)}); write whose deadlines follow",
            )
        )
    return zones[0]


def _stage(section: RolloutSection, config: Config, index: int, found: list[Misfit]) -> RolloutStage:
    stage = section.stages[index]
    places: Places = ()
    for number, key in enumerate(stage.scope):
        resolved, problem = _scope(section, config, key)
        if problem:
            found.append(Misfit(("stages", index, "scope", number), problem))
        places = together((*places, *resolved))
    return RolloutStage(
        name=stage.name,
        mode=stage.mode,
        places=places,
        duration=stage.duration,
        gates=tuple(stage.gates),
        watch=stage.watch,
        oversight=stage.oversight,
    )


def _scope(section: RolloutSection, config: Config, key: str) -> tuple[Places, str | None]:
    """The places of a scope's key: one of ``scopes``, or else a campsite or a region by its own key."""
    if key in section.scopes:
        return _named_scope(section.scopes[key], config)
    if key in config.campsites and key in config.regions:
        return (), f"{key!r} is a campsite and a region; name the one that is meant under `scopes`"
    if key in config.campsites:
        return _named_scope(ScopeSpec(campsite=key), config)
    if key in config.regions:
        return _named_scope(ScopeSpec(region=key), config)
    known = [*section.scopes, *config.campsites, *config.regions]
    close = get_close_matches(key, known, n=1)
    hint = f"; did you mean {close[0]!r}?" if close else ""
    return (), f"{key!r} is no scope, campsite or region; write one of: {', '.join(dict.fromkeys(known))}{hint}"


def _named_scope(scope: ScopeSpec, config: Config) -> tuple[Places, str | None]:
    if scope.region is not None:
        if scope.region not in config.regions:
            return (), f"region {scope.region!r} is not configured; write one of: {', '.join(config.regions)}"
        sites = sorted(key for key, site in config.campsites.items() if site.region == scope.region)
        seen = [site for site in sites if _cameras(config, site)]
        return tuple(Place(site) for site in seen), None if seen else f"no campsite of {scope.region} has a camera"
    campsite = scope.campsite or ""
    if campsite not in config.campsites:
        return (), f"campsite {campsite!r} is not configured; write one of: {', '.join(config.campsites)}"
    there = _cameras(config, campsite)
    if not there:
        return (), f"campsite {campsite!r} has no camera that is switched on: nothing could be seen there"
    if scope.cameras == "*":
        return (Place(campsite),), None
    strangers = sorted(set(scope.cameras) - set(there))
    if strangers:
        return (), f"{strangers[0]!r} is no camera of {campsite}; write some of: {', '.join(there)}"
    return (Place(campsite, tuple(sorted(set(scope.cameras)))),), None


def _cameras(config: Config, campsite: str) -> list[str]:
    return sorted(key for key, camera in config.enabled_cameras().items() if camera.campsite == campsite)


def _on_call(section: RolloutSection, found: list[Misfit]) -> tuple[OnCallPerson, ...]:
    order = section.defaults.manual_watch.escalate or list(section.on_call)
    for number, key in enumerate(order):
        if key not in section.on_call:
            path: KeyPath = ("defaults", "manual_watch", "escalate", number)
            known = ", ".join(section.on_call) or "nobody yet: write `on_call`"
            found.append(Misfit(path, f"{key!r} is not on call; on call are: {known}"))
    chosen = [(key, section.on_call[key]) for key in dict.fromkeys(order) if key in section.on_call]
    return tuple(OnCallPerson(key, entry.user, tuple(entry.contact)) for key, entry in chosen)


def _names(section: RolloutSection, found: list[Misfit]) -> None:
    seen: set[str] = set()
    for index, stage in enumerate(section.stages):
        if stage.name in seen:
            found.append(Misfit(("stages", index, "name"), f"{stage.name!r} is there already; give each stage its own"))
        seen.add(stage.name)


def _order(section: RolloutSection, stages: tuple[RolloutStage, ...], found: list[Misfit]) -> None:
    """The first stage is shadow and watches all that comes later; the plan grows step by step."""
    if not stages:
        found.append(Misfit(("stages",), "the rollout plan has no stage; leave `stages` out for the default plan"))
        return
    if stages[0].mode is not Mode.SHADOW:
        found.append(
            Misfit(("stages", 0, "mode"), f"the first stage is always shadow, not {stages[0].mode}; put one before it")
        )
    assisted: Places = ()
    for index, stage in enumerate(stages):
        path: KeyPath = ("stages", index)
        if index:
            _step(section, stages, index, found)
        if stage.mode is Mode.AUTOMATIC and not within(stage.places, assisted):
            left = [name for name in campsites_of(stage.places) if not any(p.campsite == name for p in assisted)]
            where = ", ".join(left) or "some of its cameras"
            found.append(
                Misfit((*path, "mode"), f"automatic before assisted at {where}; put an assisted stage there before it")
            )
        if stage.mode is Mode.ASSISTED:
            assisted = together((*assisted, *stage.places))


def _step(section: RolloutSection, stages: tuple[RolloutStage, ...], index: int, found: list[Misfit]) -> None:
    stage, before, written = stages[index], stages[index - 1], section.stages[index]
    path: KeyPath = ("stages", index)
    if stage.mode is Mode.SHADOW:
        found.append(Misfit((*path, "mode"), "only the first stage is shadow; the rollout goes back there by itself"))
        return
    if not within(stage.places, stages[0].places):
        outside = [p.campsite for p in stage.places if not within((p,), stages[0].places)]
        found.append(
            Misfit(
                (*path, "scope"),
                f"cannot be reached: the first stage gathers no evidence at {', '.join(outside)}; add it to the scope "
                f"of {stages[0].name!r}",
            )
        )
    if before.mode is Mode.SHADOW or written.reason:
        return
    if not within(before.places, stage.places):
        lost = [p.campsite for p in before.places if not within((p,), common((p,), stage.places))]
        found.append(
            Misfit(
                (*path, "scope"),
                f"narrower than {before.name!r} before it (without {', '.join(lost)}); widen it, or write why as "
                f"`reason`",
            )
        )
    if STRENGTH[stage.mode] < STRENGTH[before.mode]:
        found.append(Misfit((*path, "mode"), f"weaker than {before.name!r} before it; or write why as `reason`"))


def _oversight(section: RolloutSection, found: list[Misfit]) -> None:
    for index, stage in enumerate(section.stages):
        if stage.oversight is not None and stage.mode is not Mode.AUTOMATIC:
            found.append(Misfit(("stages", index, "oversight"), "belongs to an automatic stage"))
        if stage.mode is Mode.AUTOMATIC and stage.oversight is None:
            found.append(
                Misfit(
                    ("stages", index),
                    "an automatic stage needs a ranger in charge; write "
                    "oversight: {veto_window: 20s, ranger_ack_within: 3m}",
                )
            )
        if not stage.gates and not stage.overridden:
            found.append(
                Misfit(("stages", index), "has no gates: nothing would have to be true to go on; write `gates`")
            )
        elif not stage.overridden:
            found += [
                Misfit(("stages", index, "gates"), f"{lack}; or say under `overridden` why it may ask for less")
                for lack in below_floors(stage)
            ]


def _budget(section: RolloutSection, sites: int, found: list[Misfit]) -> None:
    """All sequential breakers together are wrong once in ninety days at most: who hears false alarms heeds none."""
    found += [
        Misfit(
            ("breakers", each.breaker, each.key),
            f"{each.written:g} is too low: with {sites} campsites the breakers together would raise a false alarm "
            f"more often than once in 90 days; write {each.least:g} or more, or leave `{each.key}` out",
        )
        for each in too_eager(section.breakers, sites)
    ]


def _freshness(section: RolloutSection, config: Config, found: list[Misfit]) -> None:
    """A camera in front of which nothing moves sends a picture each ``keepalive_s``: two of them may go missing."""
    least = least_within_s(config.motion.keepalive_s)
    if section.defaults.freshness.within.nominal_s < least:
        path: KeyPath = ("defaults", "freshness", "within")
        why = f"shorter than two keepalives and 3 s (motion: keepalive_s); write {math.ceil(least)}s or more"
        found.append(Misfit(path, why))
