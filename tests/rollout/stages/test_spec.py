"""The plan is read strictly: every mistake is named with its file, its line and what to write."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from bearwatch.cli.init import EXAMPLE
from core.config import Config, Detector
from core.config_file import ConfigError, load_config
from db.models import Mode
from rollout.base.scopes import Place
from rollout.stages.plan import RolloutPlan
from rollout.stages.spec_file import load_plan, parse_plan, plan_from
from tests.support.rollout.rollout_plans import settings

GOOD = """\
metadata: {name: bears, timezone: America/Los_Angeles, author: lena}
gate_sets:
  health: &health
    - {metric: camera_uptime, op: ">=", value: 0.97}
    - {metric: open_breakers, op: "==", value: 0}
  alarms: [{metric: false_alarms_per_camera_day, bound: quasipoisson_upper, op: "<=", value: 0.5}]
scopes: {creek: {campsite: upper-pines, cameras: [upper-creek]}}
stages:
  - name: shadow
    scope: [upper-pines, lower-pines]
    mode: shadow
    duration: {min: 14d, max: 120d}
    gates: [{metric: recall_blind, bound: cp_lower, op: ">=", value: 0.9, min_n: 29}, alarms]
  - name: one-day
    scope: creek
    mode: assisted
    duration: 1d
    watch: {observers: 2}
    gates: [*health, {metric: missed_sightings, op: "==", value: 0}]
  - name: all
    scope: sierra
    mode: assisted
    duration: 30d
    gates: [health, {metric: recall_blind_cumulative, bound: eprocess, e_min: 20, r0: 0.9}]
  - name: automatic
    scope: sierra
    mode: automatic
    oversight: {veto_window: 20s, ranger_ack_within: 3m}
    duration: 30d
    gates: [*health]
on_call:
  duty: {user: rosa, contact: json://127.0.0.1/rosa}
  chief: {user: chin, contact: [json://127.0.0.1/chin]}
defaults:
  manual_watch: {escalate: [chief, duty], ack_within: 5m}
"""


def parse(text: str) -> RolloutPlan:
    """A plan over two campsites."""
    return parse_plan(text, settings(), "rollout.yaml")


def problems(text: str) -> list[str]:
    """What is wrong with it."""
    with pytest.raises(ConfigError) as caught:
        parse(text)
    return [str(problem) for problem in caught.value.problems]


def test_a_good_road_is_read_with_its_places_gates_and_people() -> None:
    plan = parse(GOOD)
    assert [stage.mode for stage in plan.stages] == [Mode.SHADOW, Mode.ASSISTED, Mode.ASSISTED, Mode.AUTOMATIC]
    assert plan.stages[1].places == (Place("upper-pines", ("upper-creek",)),)
    assert plan.stages[2].places == (Place("lower-pines"), Place("upper-pines"))
    assert [str(gate) for gate in plan.stages[1].gates] == [
        "camera_uptime >= 0.97", "open_breakers == 0", "missed_sightings == 0",
    ]  # fmt: skip
    assert [str(gate) for gate in plan.stages[2].gates][2] == "recall_blind_cumulative (eprocess) >= 20"
    assert [person.user for person in plan.on_call] == ["chin", "rosa"]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (("watch: {observers: 2}", "watching: yes"), "rollout.yaml:18: stages[1].watching: unknown key; known here: d"),
        (("metric: camera_uptime", "metric: camera_uptme"), "rollout.yaml:4: gate_sets.health[0].metric: there is no "),
        (("bound: cp_lower", "bound: gamma_lower"), "rollout.yaml:13: stages[0].gates[0]: recall_blind has no bound '"),
        (("e_min: 20, r0: 0.9", 'op: ">=", value: 1'), "rollout.yaml:24: stages[2].gates[2]: an e-process is compared"),
        (("[health, {", "[helth, {"), "rollout.yaml:24: stages[2].gates[0]: 'helth' is no gate set; known: health"),
        (("scope: creek", "scope: creak"), "rollout.yaml:15: stages[1].scope[0]: 'creak' is no scope, campsite or reg"),
        (("cameras: [upper-creek]", "cameras: [meadow]"), "rollout.yaml:15: stages[1].scope[0]: 'meadow' is no camera"),
        (("{campsite: upper-pines, c", "{campsite: up, c"), "rollout.yaml:15: stages[1].scope[0]: campsite 'up' is no"),
        (("mode: shadow", "mode: assisted"), "rollout.yaml:11: stages[0].mode: the first stage is always shadow, not "),
        (("[upper-pines, lower-pines]", "[upper-pines]"), "rollout.yaml:21: stages[2].scope: cannot be reached: the f"),
        (("name: all\n    scope: sierra", "name: all\n    scope: lower-pines"), "rollout.yaml:21: stages[2].scope: na"),
        (("scope: sierra\n    mode: assisted", "scope: creek\n    mode: assisted"), "rollout.yaml:27: stages[3].mode:"),
        (("name: automatic", "name: all"), "rollout.yaml:25: stages[3].name: 'all' is there already"),
        (("    oversight: {veto_window: 20s, ranger_ack_within: 3m}\n", ""), "rollout.yaml:25: stages[3]: an automati"),
        (("gates: [*health]\n", "gates: []\n"), "rollout.yaml:25: stages[3]: has no gates"),
        (("escalate: [chief, duty]", "escalate: [nobody]"), "rollout.yaml:35: defaults.manual_watch.escalate[0]: 'nob"),
        (("duration: 1d", "duration: 1 day"), "rollout.yaml:17: stages[1].duration.fixed: '1 day' is no duration; wri"),
        (("duration: 1d", "duration: {min: 2d, max: 1d}"), "rollout.yaml:17: stages[1].duration: min is longer than m"),
        (("min: 14d, max: 120d", "min: 14d"), "rollout.yaml:12: stages[0].duration: write a duration as 7d, or"),
        (("author: lena", "autor: lena"), "rollout.yaml:1: metadata.autor: unknown key; known here: author, name, tim"),
        (("{user: rosa, contact: json://127.0.0.1/rosa}", "{user: rosa, contact: []}"), "rollout.yaml:32: on_call.dut"),
    ],
)  # fmt: skip
def test_a_mistake_is_named_with_its_line_and_what_to_write(change: tuple[str, str], expected: str) -> None:
    assert change[0] in GOOD
    found = problems(GOOD.replace(*change, 1))
    assert any(problem.startswith(expected) for problem in found), found


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ("approvals: {promote: {need: 1}}", "approvals.promote.need: input should be greater than or equal to 2"),
        (
            "approvals: {promote: {need: 3}}",
            "approvals.promote: needs 3 people of distinct roles, but only 2 roles count",
        ),
        (
            "approvals: {promote: {roles: [boss, ops]}}",
            "approvals.promote.roles[0]: 'boss' is no role; write one of: rang",
        ),
        ("approvals: {promote: {valid_for: 2d}}", "approvals.promote: an approval is valid for 24h at most"),
        (
            "approvals: {promote: {author_may_approve: true}}",
            "approvals.promote.author_may_approve: input should be False",
        ),
        ("approvals: {emergency_stop: {need: 2}}", "approvals.emergency_stop.need: input should be 1"),
        ("breakers: {latency: {when: 'alert_end_to_end_p99_s >'}}", "breakers.latency: cannot read 'alert_end"),
        (
            "breakers: {false_alarm_rate: {detector: betting_mix, c: 20}}",
            "breakers.false_alarm_rate.c: 20 is too low: ",
        ),
    ],
)
def test_what_two_people_must_agree_on_cannot_be_configured_away(more: str, expected: str) -> None:
    found = problems(f"{GOOD}{more}\n")
    assert any(expected.split(":")[0] in problem and expected.split(": ", 1)[-1] in problem for problem in found), found


def test_breakers_that_would_trip_falsely_are_named_with_the_level_that_keeps_the_budget() -> None:
    """One false alarm in ninety days over all of them, however many campsites there are."""
    (problem,) = problems(f"{GOOD}breakers:\n  recall_edetector:\n    detector: cusum_lr\n    c: 100\n")
    line = len(GOOD.splitlines()) + 4
    assert problem == (
        f"rollout.yaml:{line}: breakers.recall_edetector.c: 100 is too low: with 2 campsites the breakers together "
        "would raise a false alarm more often than once in 90 days; write 200 or more, or leave `c` out"
    )


def test_levels_that_nobody_wrote_grow_with_the_county() -> None:
    places = {f"site-{number:02d}": {"region": "sierra"} for number in range(20)}
    config = settings()
    wide = Config.model_validate(
        {
            **config.model_dump(mode="json", exclude_unset=True),
            "campsites": {**places, "upper-pines": {"region": "sierra"}, "lower-pines": {"region": "sierra"}},
        }
    )
    assert plan_from(wide).breakers.drift.number("c") == 200 * 22
    assert plan_from(config).breakers.drift.number("c") == 1000
    assert plan_from(wide).digest == plan_from(config).digest, "a level that follows from the county is no other plan"


def test_live_stages_with_nobody_on_call_are_an_error() -> None:
    text = GOOD[: GOOD.index("on_call:")]
    assert problems(text) == [
        "rollout.yaml:1: on_call: missing: live stages need somebody who takes over; write "
        "on_call: {duty-ranger: {user: ACCOUNT, contact: [ADDRESS]}}"
    ]


def test_a_narrower_stage_with_a_reason_is_allowed() -> None:
    narrower = "name: automatic\n    reason: few staff\n    scope: lower-pines"
    text = GOOD.replace("name: automatic\n    scope: sierra", narrower)
    assert parse(text).stages[3].places == (Place("lower-pines"),)


def test_several_clocks_need_one_for_the_deadlines() -> None:
    config = Config.model_validate(
        {
            "regions": {"a": {"timezone": "America/Los_Angeles"}, "b": {"timezone": "America/Denver"}},
            "campsites": {"one": {"region": "a"}, "two": {"region": "b"}},
            "cameras": {"c": {"campsite": "one", "url": "a.mp4"}, "d": {"campsite": "two", "url": "a.mp4"}},
        }
    )
    with pytest.raises(ConfigError, match=r"rollout\.metadata\.timezone: missing: the regions have several clocks"):
        plan_from(config)


def test_without_a_word_the_plan_of_the_lecture_lies_over_the_configured_places() -> None:
    plan = plan_from(settings(on_call={}))
    assert plan.is_default
    assert [(stage.name, str(stage.duration.longest), [p.campsite for p in stage.places]) for stage in plan.stages] == [
        ("shadow", "120d", ["lower-pines", "upper-pines"]),
        ("one-campsite-one-day", "1d", ["upper-pines"]),
        ("two-campsites-one-week", "7d", ["lower-pines", "upper-pines"]),
        ("county-one-month", "30d", ["lower-pines", "upper-pines"]),
        ("county-automatic-overseen", "30d", ["lower-pines", "upper-pines"]),
    ]
    assert plan.on_call == ()


def test_the_example_shows_in_comments_exactly_what_holds_without_it(tmp_path: Path) -> None:
    text = EXAMPLE.read_text()
    lines = text.splitlines()
    begin = next(i for i, line in enumerate(lines) if line.startswith("  # on_call:"))
    end = next(i for i, line in enumerate(lines) if line.startswith("retention:"))
    block = [line.replace("  # ", "  ", 1) for line in lines[begin:end] if not line.startswith("  # breakers")]
    block = [line for line in block if "camera_loss" not in line]
    file = tmp_path / "bearwatch.yaml"
    file.write_text("\n".join([*lines[:begin], *block, *lines[end:]]))
    environment = {"CREEK_PASSWORD": "x"}
    written = load_plan(file, environment)
    silent = plan_from(load_config(EXAMPLE, environment))
    assert not written.is_default
    assert written.stages == silent.stages
    assert (written.defaults, written.approvals) == (silent.defaults, silent.approvals)


def test_the_plan_may_stand_in_a_file_of_its_own(tmp_path: Path) -> None:
    base = settings(on_call={}).model_dump(mode="json", exclude_unset=True)
    base["rollout"] = {"file": "rollout.yaml"}
    main, own = tmp_path / "bearwatch.yaml", tmp_path / "rollout.yaml"
    main.write_text(yaml.safe_dump(base))
    own.write_text("apiVersion: bears/v1\nkind: Rollout\n" + GOOD)
    assert load_plan(main, {}).name == "bears"
    own.write_text(GOOD.replace("mode: shadow", "mode: shade"))
    with pytest.raises(ConfigError, match=r"rollout\.yaml:11: stages\[0\]\.mode"):
        load_plan(main, {})
    own.unlink()
    with pytest.raises(ConfigError, match=r"bearwatch\.yaml:\d+: rollout\.file: .* cannot be read"):
        load_plan(main, {})


def test_a_mistake_inline_is_named_in_the_configuration_file(tmp_path: Path) -> None:
    base = settings(on_call={}).model_dump(mode="json", exclude_unset=True)
    base["rollout"] = yaml.safe_load(GOOD.replace("value: 0.97", "value: high"))
    file = tmp_path / "bearwatch.yaml"
    file.write_text(yaml.safe_dump(base, sort_keys=False))
    with pytest.raises(ConfigError, match=r"bearwatch\.yaml:\d+: rollout\.gate_sets\.health\[0\]\.value: input"):
        load_plan(file, {})


def test_the_first_releases_configuration_still_loads() -> None:
    plan = plan_from(settings(mode="shadow", notify=["json://127.0.0.1/bears"], undo_s=10, on_call={}))
    assert (plan.is_default, plan.stages[0].mode) == (True, Mode.SHADOW)


def test_a_new_telephone_number_is_not_another_plan() -> None:
    other = GOOD.replace("json://127.0.0.1/rosa", "json://127.0.0.1/elsewhere")
    assert parse(other).digest == parse(GOOD).digest
    assert parse(GOOD.replace("value: 0.97", "value: 0.96")).digest != parse(GOOD).digest


def test_another_alert_rule_is_under_evidence_anew_and_another_machine_is_not() -> None:
    def rules(**detector: object) -> tuple[tuple[str, str], ...]:
        config = settings()
        return parse_plan(
            GOOD, config.model_copy(update={"detector": Detector.model_validate(detector)}), "rollout.yaml"
        ).rules

    assert rules() == rules(min_hits=3, max_batch=32, engine="onnx") == parse(GOOD).rules
    others = [rules(min_hits=2), rules(threshold=0.5), rules(false_alarms_per_camera_day=3), rules(quiet_gap_s=30)]
    assert len({parse(GOOD).rules, *others}) == 5


def test_the_former_key_of_when_gates_are_analysed_says_the_same() -> None:
    anytime = "defaults:\n  evidence: {analysis: anytime}\n"
    plan = parse(GOOD.replace("defaults:\n", anytime))
    former = parse(GOOD.replace("defaults:\n", anytime.replace("analysis:", "look:")))
    assert plan.defaults.evidence.analysis == former.defaults.evidence.analysis == "anytime"
    assert plan.digest == former.digest != parse(GOOD).digest
    both = anytime.replace("analysis: anytime", "analysis: anytime, look: stage_end")
    assert any("look" in problem for problem in problems(GOOD.replace("defaults:\n", both)))


def test_keys_of_an_earlier_version_are_read_and_make_the_same_plan() -> None:
    rules = "approvals: {promote: {need: 2}, demote: {need: 1}, emergency_stop: {need: 1}}\n"
    new = (GOOD + rules).replace("manual_watch: {", "manual_watch: {on_call_required: true, ")
    old = new.replace("on_call:", "roster:").replace("promote:", "widen:").replace("demote:", "narrow:")
    old = old.replace("emergency_stop:", "kill:").replace("on_call_required:", "roster_" + "required:")
    assert parse(old) == parse(new)
    with pytest.raises(ConfigError, match=r"rollout\.yaml:33: roster\.chief\.contact"):
        parse(old.replace("[json://127.0.0.1/chin]", "[]"))
