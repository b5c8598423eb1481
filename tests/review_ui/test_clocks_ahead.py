"""A camera whose reader's clock is ahead is not taken for one that sees."""

from __future__ import annotations

import pytest

from core.redis_client import connect
from core.telemetry import Telemetry
from tests.support.pages import Stage, report


@pytest.mark.parametrize(("ahead_s", "sees"), [(3.0, True), (60.0, False), (3600.0, False)])
def test_a_report_from_the_future_shows_that_a_clock_is_wrong_not_that_a_camera_sees(
    page: Stage, redis_url: str, monkeypatch: pytest.MonkeyPatch, ahead_s: float, sees: bool
) -> None:
    monkeypatch.setattr("review_ui.live.camera_status.AHEAD_S", 5.0)
    client = connect(redis_url)
    report(Telemetry(client), "upper-creek", page.clock.now + ahead_s)
    client.close()
    page.app.state.site.board.refresh()
    text = page.person().get("/cameras").text
    assert ("clock is ahead of this one" in text) is not sees
