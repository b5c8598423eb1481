"""The recording of an alert, on its page and in the API, under the rights of its pictures, and until retention ends."""

from __future__ import annotations

from bearwatch.housekeeping import remove_old_pictures
from core.messages import content_digest
from core.site_config import Retention
from db.models import Alert, Recording, Role
from tests.support.blindness_leaks import go_on_watch
from tests.support.factories import T0, jpeg
from tests.support.pages import Stage

CLIP = b"\0\0\0\x18ftypmp42" + bytes(range(256)) * 8
DAY_S = 86_400.0


def record(page: Stage, alert: int, why: str = "", *, clip: bool = True) -> tuple[str, str | None]:
    """Keep a recording of an alert; returns the keys of its files."""
    still = page.media.put("upper-creek", T0, jpeg(120, 192, 108))
    key = page.media.put("upper-creek", T0 - 5, CLIP, "mp4") if clip else None
    with page.database.write() as session:
        encounter = session.get_one(Alert, alert).encounter_id
        session.add(
            Recording(
                encounter_id=encounter, created_at=T0 + 6, still=still, still_at=T0, clip=key,
                clip_at=T0 - 5 if clip else None, clip_s=9.4 if clip else None, why=why,
            )
        )  # fmt: skip
    return still, key


def test_the_clip_stands_on_the_alerts_page_and_in_the_api_and_plays_in_parts(page: Stage) -> None:
    alert = page.alert()
    ranger = page.person()
    assert "From the main stream" not in ranger.get(f"/alerts/{alert}").text
    assert ranger.get(f"/api/v1/alerts/{alert}").json()["recording"] is None
    still, clip = record(page, alert)
    shown = ranger.get(f"/alerts/{alert}").text
    assert "From the main stream" in shown
    assert f'<source src="/media/{clip}" type="video/mp4">' in shown
    assert f'href="/media/{clip}" download="alert-{alert}.mp4"' in shown
    assert f'href="/media/{still}">Full size' in shown
    said = ranger.get(f"/api/v1/alerts/{alert}").json()["recording"]
    assert said == {"still": f"/media/{still}", "clip": f"/media/{clip}", "clip_at": T0 - 5, "clip_s": 9.4, "why": ""}
    whole = ranger.get(said["clip"])
    assert (whole.status_code, whole.headers["content-type"]) == (200, "video/mp4")
    assert whole.content == CLIP
    assert whole.headers["etag"] == f'"{content_digest(CLIP)}"'
    part = ranger.get(said["clip"], headers={"Range": "bytes=4-7"})
    assert (part.status_code, part.content) == (206, b"ftyp")
    assert ranger.get(said["clip"], headers={"If-None-Match": whole.headers["etag"]}).status_code == 304


def test_whoever_may_not_see_the_camera_gets_no_clip_of_it(page: Stage) -> None:
    _still, clip = record(page, page.alert())
    assert page.stranger().get(f"/media/{clip}").status_code in (303, 401)
    watcher = page.person()
    assert watcher.get(f"/media/{clip}").status_code == 200
    go_on_watch(watcher)
    assert watcher.get(f"/media/{clip}").status_code == 404
    assert page.person("other", Role.RANGER).get(f"/media/{clip}").status_code == 200


def test_what_is_missing_is_said(page: Stage) -> None:
    alert = page.alert()
    record(page, alert, "the main stream is mjpeg; only H.264 and H.265 are kept as a clip", clip=False)
    shown = page.person().get(f"/alerts/{alert}").text
    assert "Not all of it could be kept: the main stream is mjpeg" in shown
    assert "<video" not in shown


def test_a_recording_is_kept_as_long_as_evidence_and_then_its_page_says_that_it_is_gone(page: Stage) -> None:
    alert = page.alert()
    still, clip = record(page, alert)
    assert clip is not None
    retention = Retention(media_days=7, evidence_days=30)
    remove_old_pictures(page.database, page.media, retention, T0 + 20 * DAY_S)
    assert page.media.get(clip) == CLIP
    remove_old_pictures(page.database, page.media, retention, T0 + 40 * DAY_S)
    assert page.media.get(clip) is page.media.get(still) is None
    with page.database.read() as session:
        row = session.get_one(Recording, 1)
        assert (row.still, row.clip) == (None, None)
    page.clock.now = T0 + 40 * DAY_S
    assert "they are no longer kept" in page.person("later").get(f"/alerts/{alert}").text
