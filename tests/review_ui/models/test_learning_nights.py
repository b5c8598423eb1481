"""The nights of learning on the model page: what came of each, the curve, who labelled what."""

from __future__ import annotations

import re
from typing import Any

from db.models import LearningRun, LearningStatus, LearningTrigger, Role
from review_ui.models.learning_nights import figures_of
from tests.support.factories import T0
from tests.support.pages import Stage

DAY_S = 86400.0


def golden(challenger: int, champion: int, false: int = 2) -> dict[str, Any]:
    """As a night's evaluation writes it: of 20 bears and 40 others."""

    def who(found: int) -> dict[str, Any]:
        return {"found": found, "false_alarms": false, "threshold_day": 0.5, "threshold_infrared": 0.5}

    names = {"challenger": who(challenger), "champion": who(champion), "anchor": who(15), "never-bear": who(0)}
    return {"bears": 20, "others": 40, "who": names, "slices": {}}


def night(page: Stage, number: int, status: LearningStatus, said: str, **facts: Any) -> None:
    """One run, ``number`` days ago."""
    at = T0 - number * DAY_S
    row = {
        "trigger": LearningTrigger.NIGHTLY, "status": status, "started_at": at, "ended_at": at + 900,
        "heartbeat_at": at, "holder": "x", "stage": "done", "done": 0, "total": 0, "labels_until": at,
        "code": "1", "seed": 1, "environment": {}, "labels": {}, "said": said,
    }  # fmt: skip
    with page.database.write() as session:
        session.add(LearningRun(**row | facts))


def section(page: Stage) -> str:
    """What the page says of the nights."""
    html = page.person("ada", Role.AUDITOR).get("/models").text
    return html[html.index('id="learning-title"') :].split("</section>")[0]


def test_a_site_that_never_learned_says_when_it_will(page: Stage) -> None:
    assert "No night has been used for learning yet." in section(page)


def test_each_night_says_what_came_of_it_and_who_labelled_what(page: Stage) -> None:
    page.person("lena")
    lena = str(page.user_id("lena"))
    labels = {"new": 60, "new_by_label": {"deer": 20, "bear": 40}, "new_by_labeller": {lena: 59, "4711": 1}}
    night(page, 2, LearningStatus.PASSED, "better", golden=golden(19, 16), labels=labels, challenger="ab" * 32)
    night(page, 1, LearningStatus.FAILED, "the disk is full")
    told = " ".join(re.sub(r"<[^>]+>", " ", section(page)).split())
    assert "60 new labels (bear 40, deer 20), by lena 59, user 4711 1." in told
    assert "something was wrong : the disk is full" in told
    assert f'href="/models/{("ab" * 32)[:16]}"' in section(page)
    assert "<svg" not in section(page), "one verdict is no curve"


def test_the_curve_tells_where_it_begins_and_ends(page: Stage) -> None:
    for number, found in ((3, 14), (2, 16), (1, 18)):
        night(page, number, LearningStatus.REJECTED, "not better", golden=golden(found, 16))
    night(page, 0, LearningStatus.SKIPPED, "too few labels")
    shown = section(page)
    assert "bears found, challenger: from 70% to 90%" in shown
    assert "bears found, anchor: from 75% to 75%" in shown
    assert "false alarms, of events without a bear, challenger: from 5% to 5%" in shown
    assert "never-bear" not in shown


def test_a_night_that_runs_says_how_far_it_is(page: Stage) -> None:
    night(page, 0, LearningStatus.RUNNING, "", stage="training", done=12, total=80)
    assert "training, 12 of 80" in section(page)


def test_a_golden_set_without_a_bear_is_no_point_of_the_curve(page: Stage) -> None:
    for facts in ({}, {"bears": 0, "who": {"champion": {"found": 0, "false_alarms": 0}}}, {"bears": 5, "who": {}}):
        assert figures_of(LearningRun(started_at=T0, golden=facts)) is None
