"""What a manifest says of events, sites and boxes, and what it may not say."""

from __future__ import annotations

from pathlib import Path

import pytest

from bearwatch.cli import main
from detector.evaluate.manifest import LabelledPicture, ManifestError, read_manifest
from detector.learn.folds import assign_folds, held_together

HEAD = "file,label,source,event,{column}\n"


def written(folder: Path, text: str, boxes: str = "") -> Path:
    (folder / "manifest.csv").write_text(text)
    if boxes:
        (folder / "boxes.csv").write_text(boxes)
    return folder / "manifest.csv"


def row(source: str, event: str = "", **columns: str) -> LabelledPicture:
    return LabelledPicture("x.jpg", Path("x.jpg"), "bear", {"source": source, "event": event, **columns})


@pytest.mark.parametrize(("column", "sides"), [("split", ("train", "test")), ("group", ("creek", "meadow"))])
def test_an_event_on_both_sides_of_a_split_is_refused(
    tmp_path: Path, column: str, sides: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    lines = [f"{n}.jpg,bear,creek,night-7,{side}\n" for n, side in enumerate(sides)]
    manifest = written(tmp_path, HEAD.format(column=column) + "".join(lines))
    with pytest.raises(ManifestError, match=rf"'night-7' is on both sides.*{column} '{sides[0]}' and '{sides[1]}'"):
        read_manifest(manifest)
    assert main(["train", "--manifest", str(manifest), "--out", str(tmp_path / "out")]) == 2
    assert "both sides of a split" in capsys.readouterr().err


def test_an_event_on_one_side_is_read(tmp_path: Path) -> None:
    lines = "a.jpg,bear,creek,night-7,train\nb.jpg,bear,creek,night-7,train\nc.jpg,dog,creek,,test\n"
    rows = read_manifest(written(tmp_path, HEAD.format(column="split") + lines))
    assert [each.event for each in rows] == ["night-7", "night-7", "c.jpg"]


def test_the_cameras_of_a_site_are_one_group() -> None:
    device, trail = row("Somebody site 1 (device camera)"), row("Somebody site 1 (trail camera)")
    assert device.group == trail.group == "Somebody site 1"
    assert row("Somebody site 2 (trail camera)").group != device.group


def test_sources_that_share_an_event_are_held_out_together() -> None:
    rows = [row("north", "e1"), row("south", "e1"), row("south", "e2"), row("west", "e2"), row("east"), row("far")]
    names = held_together(rows)
    assert len(set(names[:4])) == 1
    assert len(set(names)) == 3
    fold = assign_folds(rows, 2)
    assert len(set(fold[:4].tolist())) == 1


def test_boxes_beside_the_manifest_belong_to_their_pictures(tmp_path: Path) -> None:
    text = "file,label\na.jpg,bear\nb.jpg,bear\n"
    first, second = read_manifest(written(tmp_path, text, "file,x0,y0,x1,y1\na.jpg,0.1,0.2,0.5,0.6\n"))
    assert first.box == (0.1, 0.2, 0.5, 0.6)
    assert second.box is None


@pytest.mark.parametrize("line", ["a.jpg,0.5,0.2,0.1,0.6", "a.jpg,0,0,1.5,1", "a.jpg,x,0,1,1", "a.jpg,nan,0,1,1"])
def test_a_box_that_is_none_is_refused_with_its_line(tmp_path: Path, line: str) -> None:
    manifest = written(tmp_path, "file,label\na.jpg,bear\n", f"file,x0,y0,x1,y1\n{line}\n")
    with pytest.raises(ManifestError, match=r"boxes\.csv, line 2"):
        read_manifest(manifest)
