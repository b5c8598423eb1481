"""What stands first on the watch page: the bear that is there now, and how long the longest has waited."""

from __future__ import annotations

from db.models import Alert, AlertStatus, Encounter
from review_ui.web.alert_cards import QUEUE_SHOWN, THERE_FOR_S
from tests.support.factories import T0
from tests.support.pages import Stage


def first(page: Stage) -> tuple[str, str]:
    """The heading above the first alert, and its address."""
    html = page.person().get("/").text
    heading = html.split('id="queue-title"')[1].split("</h2>")[0].split(">", 1)[1]
    return " ".join(heading.split()), html.split('class="hero-link" href="')[1].split('"')[0]


def test_a_bear_that_is_there_now_stands_before_one_that_has_waited_since_supper(page: Stage) -> None:
    old, new = page.alert("upper-trail", T0 - 4000), page.alert("upper-creek", T0)
    heading, address = first(page)
    assert address == f"/alerts/{new}"
    assert heading.startswith("There now")
    assert f'the longest wait: <a href="/alerts/{old}">' in heading


def test_when_it_is_no_longer_seen_what_has_waited_longest_is_first(page: Stage) -> None:
    old, new = page.alert("upper-trail", T0 - 4000), page.alert("upper-creek", T0)
    page.clock.now = T0 + THERE_FOR_S + 60
    assert first(page) == ("Waiting longest", f"/alerts/{old}")
    page.clock.now = T0 + 60
    with page.database.write() as session:
        session.get_one(Encounter, session.get_one(Alert, new).encounter_id).closed_at = T0 + 30
    assert first(page) == ("Waiting longest", f"/alerts/{old}")


def test_one_bear_alone_waits_for_nobody(page: Stage) -> None:
    page.alert("upper-creek", T0)
    assert first(page)[0] == "There now"


def test_the_newest_bear_is_first_however_many_wait(page: Stage) -> None:
    for number in range(QUEUE_SHOWN + 2):
        page.alert("upper-trail", T0 - 90_000 + 2000 * number)
    new = page.alert("upper-creek", T0)
    assert first(page)[1] == f"/alerts/{new}"
    with page.database.write() as session:
        session.get_one(Alert, new).status = AlertStatus.REJECTED
    assert first(page)[0] == "Waiting longest"
