"""The page, the API and the command tell the same of the rollout, to whoever may know the same."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from bearwatch.cli.rollout import add_arguments, run
from core.settings import settings
from db.models import AlertStatus, Role, UserCampsite
from rollout.stages.commands import Effect
from tests.support.blindness_leaks import go_on_watch
from tests.support.rollout.evidence_rows import add_bear, add_hours
from tests.support.rollout.rollout_pages import RolloutStage
from tests.support.rollout.rollout_plans import DIGEST

Said = Callable[..., dict[str, Any]]


@pytest.fixture
def command(
    live: RolloutStage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Said:
    """`bearwatch rollout … --json` at the page's site and at the page's time."""
    file = tmp_path / "bearwatch.yaml"
    file.write_text(yaml.safe_dump(live.page.config.model_dump(mode="json", exclude_unset=True), sort_keys=False))
    monkeypatch.setenv("DATABASE_URL", str(live.page.database.url))
    monkeypatch.setenv("BEARWATCH_CONFIG", str(file))
    settings.cache_clear()
    parser = argparse.ArgumentParser()
    add_arguments(parser)

    def said(*words: str) -> dict[str, Any]:
        assert run(parser.parse_args([*words, "--json"]), live.page.clock) == 0
        found: dict[str, Any] = json.loads(capsys.readouterr().out)
        return found

    return said


@pytest.fixture
def eventful(live: RolloutStage) -> RolloutStage:
    """A live campsite with evidence, an open breaker, a watch that nobody has taken over, and an approval."""
    with live.page.database.write() as session:
        add_hours(session, live.page.clock.now - 7200, 2)
        add_bear(session, live.page.clock.now - 3600, status=AlertStatus.REJECTED, model=DIGEST)
    live.trip("false_alarm_burst", "8 rejected at camera:upper-creek", "upper-creek", "upper-pines")
    live.trip("camera_loss", "silent for 130 s", "upper-trail", "upper-pines", Effect.HANDOVER)
    return live


def test_whoever_may_know_all_reads_the_same_from_the_api_and_the_command(
    eventful: RolloutStage, command: Said
) -> None:
    admin = eventful.page.person("root", Role.ADMINISTRATOR)
    told = admin.post("/api/v1/rollout/analysis").json()
    assert told == command("status")
    assert told["here"] == 2
    assert told["stages"][1]["name"] == "one-campsite"
    assert len(told["breakers"]) == 2
    assert told["handovers"]
    assert admin.get("/api/v1/rollout/plan").json() == command("plan")["stages"]


@pytest.mark.parametrize("who", ["rosa", "lena"], ids=["who watches blind", "who has one campsite"])
def test_whoever_may_know_less_reads_the_same_from_both(eventful: RolloutStage, command: Said, who: str) -> None:
    page, browser = eventful.page, eventful.page.person(who)
    if who == "lena":
        with page.database.write() as session:
            session.add(UserCampsite(user_id=page.user_id(who), campsite_id="lower-pines"))
    else:
        go_on_watch(browser, "lower-pines")
    told = browser.post("/api/v1/rollout/analysis").json()
    assert told == command("status", "--as", who)
    assert told != command("status"), "something is kept from them"
