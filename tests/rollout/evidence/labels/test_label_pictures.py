"""Pictures of labels are kept like evidence; those that came with labels are shown to whoever labels, and hidden like
their campsite."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from bearwatch.housekeeping import remove_old_pictures
from core.config import Config
from core.site_config import Retention
from db.models import ImportedLabel, Role, SheetKind
from rollout.evidence.labels.import_store import ImportOrigin, store_import
from rollout.evidence.labels.importing import CheckedLabel
from tests.support.label_files import COCO, NOW, ZONE, bring, checked, write_file
from tests.support.labelling import Rangers
from tests.support.pages import Stage

DAY_S = 86400.0


def test_a_picture_is_kept_from_the_day_on_which_it_was_brought_in(
    rangers: Rangers, photographs: Path, config: Config
) -> None:
    """The photographs are half a year old: by the day on which they were taken, they would be removed at once."""
    plan = checked(write_file(photographs, "cct.json", COCO), "coco", config, timezone=ZONE)
    assert bring(rangers, plan, "coco") == 3
    kept = Retention(media_days=2, evidence_days=30)
    assert remove_old_pictures(rangers.database, rangers.media, kept, NOW + 20 * DAY_S) == 0
    assert len(rangers.labels(NOW + 20 * DAY_S)) == 3
    assert remove_old_pictures(rangers.database, rangers.media, kept, NOW + 40 * DAY_S) == 2
    with rangers.database.read() as session:
        assert {row.media for row in session.query(ImportedLabel)} == {None}
    assert rangers.snapshot(NOW + 40 * DAY_S).left_out == {"picture_deleted": 3}


def test_of_an_hour_without_a_bear_the_picture_that_trains_is_kept(rangers: Rangers) -> None:
    with_bear = rangers.sheet(SheetKind.RANDOM, "yes", [0], 0.5)
    without = rangers.sheet(SheetKind.RANDOM, "no", [], 0.5)
    kept = Retention(media_days=2, evidence_days=30)
    assert remove_old_pictures(rangers.database, rangers.media, kept, NOW) == 4  # of six
    assert set(rangers.labels(NOW)) == {f"sheet:{with_bear}:0", f"sheet:{without}:1"}


@pytest.mark.parametrize("campsite", ["_somewhere", "upper-pines"])
def test_an_imported_picture_is_shown_to_whoever_labels(campsite: str, page: Stage, photographs: Path) -> None:
    plan = checked(write_file(photographs, "cct.json", COCO), "coco", page.config, timezone=ZONE)
    labels: list[CheckedLabel] = [replace(each, campsite=campsite, camera="_trail") for each in plan.labels[:1]]
    origin = ImportOrigin("coco", "cct.json", "0" * 64, ZONE, False, None)
    assert store_import(page.database, page.media, labels, origin, page.clock()).stored == 1
    ranger, auditor = page.person(), page.person("adam", Role.AUDITOR)
    (row,) = ranger.get("/api/v1/labels").json()["labels"]
    assert (row["item"], row["source"], row["campsite"], row["left_out"]) == ("import:1", "import", campsite, None)
    assert "imported" in ranger.get("/labels").text
    assert ranger.get(f"/media/{row['file']}").status_code == 200
    assert auditor.get(f"/media/{row['file']}").status_code == 404
    ranger.post("/watches", data={"campsite": "upper-pines"})
    hidden = campsite == "upper-pines"
    assert ranger.get(f"/media/{row['file']}").status_code == (404 if hidden else 200)
    assert ranger.get("/api/v1/labels").json()["labels"] == ([] if hidden else [row])
