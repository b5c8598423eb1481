"""The label cleaner in a real browser: one click for all pictures of a visit, without leaving the page."""

from __future__ import annotations

import uuid

from playwright.sync_api import expect
from sqlalchemy import select

from db.models import Alert, AlertStatus, EncounterFrame, LabelEdit, Review, Verdict
from rollout.evidence.labels.visit_labels import PICTURES
from tests.support.browser.night import Night
from tests.support.cast import add_user


def _long_visit(night: Night) -> None:
    """A rejected alert whose pictures were taken some seconds apart."""
    alert = night.alert()
    with night.database.write() as session:
        row = session.get_one(Alert, alert)
        row.status = AlertStatus.REJECTED
        session.add(
            Review(
                alert_id=alert, user_id=add_user(session, "decider").id, verdict=Verdict.NOT_A_BEAR, seen_version=1,
                created_at=row.created_at + 1.0, effective_at=row.created_at + 1.0, score_hidden=True,
                idempotency_key="a-decision-key",
            )
        )  # fmt: skip
        frames = select(EncounterFrame).where(EncounterFrame.encounter_id == row.encounter_id)
        for number, frame in enumerate(session.scalars(frames.order_by(EncounterFrame.captured_at))):
            frame.captured_at += 5.0 * number
            frame.media = f"2027-01-15/upper-creek/{uuid.uuid4().hex}.jpg" if number else frame.media


def test_a_name_for_all_pictures_of_a_visit_shows_on_all_their_cards_at_once(night: Night) -> None:
    _long_visit(night)
    page = night.page("/labels")
    cards = page.locator("[data-card]")
    expect(cards).to_have_count(PICTURES)
    first = cards.first
    first.get_by_label("the same for the 2 other pictures of this visit").check()
    first.get_by_role("combobox").select_option("raccoon")
    first.get_by_role("button", name="Relabel").click()
    expect(page.locator(".pencilled", has_text="Raccoon")).to_have_count(PICTURES)
    expect(page.locator("#draft")).to_contain_text(str(PICTURES))
    page.keyboard.press("z")  # the first card has the focus: its edit alone is taken out
    expect(page.locator(".pencilled")).to_have_count(PICTURES - 1)
    with night.database.read() as session:
        assert {edit.after for edit in session.scalars(select(LabelEdit))} == {"raccoon"}
    assert night.complaints == []
