"""The whole way once: cameras, a bear, the page in a real browser, and the decision in the database."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from playwright.sync_api import Browser, expect
from sqlalchemy import select

from db.ledger import verify
from db.models import Alert, AlertStatus, CameraHour, Delivery, Encounter, Review
from db.session import Database
from tests.support.browser.demo import Demo, running_demo, sign_in
from tests.support.waiting import wait_for

BEAR_WITHIN_S = 120
"""Promised from the moment the page is up."""


WRITTEN_WITHIN_S = 150
"""What cameras saw is written by the minute."""


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Demo]:
    """A running demo."""
    with running_demo(tmp_path / "demo") as running:
        yield running


def count(database: Database, table: type[Review] | type[CameraHour]) -> int:
    """How many rows of a table there are."""
    with database.read() as session:
        return len(session.scalars(select(table)).all())


def below(process: subprocess.Popen[str]) -> list[psutil.Process]:
    """All processes that the demo has started."""
    return psutil.Process(process.pid).children(recursive=True)


@pytest.mark.timeout(600)
def test_a_bear_walks_into_view_and_a_ranger_confirms_it(demo: Demo, chromium: Browser) -> None:
    page = chromium.new_page(base_url=demo.address)
    sign_in(page, demo)
    page.evaluate("window.sameLoad = true")

    expect(page.get_by_role("link", name="Look and decide")).to_be_visible(timeout=BEAR_WITHIN_S * 1000)
    assert page.evaluate("window.sameLoad"), "the alert came by a reload"
    expect(page.get_by_text("SHADOW").first).to_be_visible()

    page.get_by_role("link", name="Look and decide").click()
    page.wait_for_url("**/alerts/*")
    page.wait_for_load_state("load")  # the keys are there
    page.wait_for_function("() => document.getElementById('stage-image').naturalWidth > 0")
    page.keyboard.press("b")
    expect(page.locator(".stands h2")).to_have_text("Bear")

    database = Database(f"sqlite:///{demo.data / 'bearwatch.sqlite3'}")
    wait_for(lambda: count(database, Review))
    with database.read() as session:
        (review,) = session.scalars(select(Review)).all()
        alert = session.get_one(Alert, review.alert_id)
        assert (review.verdict, review.score_hidden, alert.status) == ("bear", True, AlertStatus.CONFIRMED)
        assert session.scalars(select(Delivery)).all() == []
        assert verify(session).broken_at is None
        encounter = session.get_one(Encounter, alert.encounter_id)
        assert encounter.hits >= 3
    wait_for(lambda: count(database, CameraHour), WRITTEN_WITHIN_S)
    database.close()

    children = below(demo.process)
    assert len(children) >= 7
    began = time.monotonic()
    demo.process.send_signal(signal.SIGINT)
    assert demo.process.wait(timeout=60) == 0
    gone, alive = psutil.wait_procs(children, timeout=60)
    assert not alive, f"left running after {time.monotonic() - began:.1f} s: {alive}"
    assert len(gone) == len(children)
