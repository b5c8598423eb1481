"""A frame's signature is over whose it is and everything in it."""

from __future__ import annotations

from typing import cast

import pytest

from core.boxes.box_door import BoxDoor, RefusalReason, RefusedFrame, box_of
from core.boxes.box_list import BadBoxList, BoxList, changing_boxes, read_boxes
from core.boxes.frame_signature import BoxIdentity, is_signed_by
from core.boxes.new_box import new_box, revoked
from core.messages import CANARY, Frame
from core.settings import Settings
from core.streams import StreamEntry, dead_stream, frames_stream, late_stream
from tests.support.factories import T0, frame, jpeg

CREEK = BoxIdentity("creek", bytes(range(32)))
Fields = dict[bytes, bytes]


def fields_of(identity: BoxIdentity, sent: Frame | None = None) -> Fields:
    """A signed frame as Redis gives it back."""
    return {name.encode(): value for name, value in identity.signed((sent or frame()).pack()).items()}


@pytest.mark.parametrize(
    "spoil",
    [
        lambda fields: fields | {b"h": fields[b"h"].replace(b"upper-creek", b"lower-creek")},
        lambda fields: fields | {b"j": jpeg(91)},
        lambda fields: fields | {b"h": fields[b"h"] + fields[b"j"][:1], b"j": fields[b"j"][1:]},
        lambda fields: fields | {b"s": b""},
        lambda fields: fields | {b"s": fields[b"s"][:16]},
        lambda fields: {name: value for name, value in fields.items() if name != b"s"},
    ],
)
def test_whatever_is_changed_in_a_frame_its_signature_does_not_fit_any_more(spoil: object) -> None:
    fields = fields_of(CREEK)
    assert is_signed_by(CREEK, fields)
    assert not is_signed_by(CREEK, cast("Fields", spoil(fields)))  # type: ignore[operator]


def test_another_key_or_another_name_makes_another_signature() -> None:
    assert not is_signed_by(CREEK, fields_of(BoxIdentity("creek", bytes(32))))
    assert not is_signed_by(CREEK, fields_of(BoxIdentity("trail", CREEK.key)))


def test_a_signed_frame_is_read_like_any_other() -> None:
    assert Frame.unpack(fields_of(CREEK)) == frame()


@pytest.fixture
def door(tmp_path_factory: pytest.TempPathFactory) -> BoxDoor:
    """That of a site with one box, which reads the camera upper-creek with the key of CREEK, and one that is gone."""
    data = tmp_path_factory.mktemp("data")
    with changing_boxes(data) as boxes:
        made = new_box("creek", ["upper-creek"], T0).box
        boxes["creek"] = type(made)(made.name, made.cameras, CREEK.key.hex(), made.password_sha256, T0)
        boxes["gone"] = revoked(new_box("gone", ["upper-trail"], T0).box, T0)
    known = BoxList(data)
    assert known.refresh()
    return BoxDoor(known)


def enter(door: BoxDoor, stream: str, fields: Fields) -> RefusalReason | None:
    entry = StreamEntry(stream, "1-0", fields)
    try:
        door.check_signature(entry)
        door.check_camera(entry, Frame.unpack(fields))
    except RefusedFrame as refused:
        return refused.why
    return None


def plain(camera: str) -> Fields:
    return {name.encode(): value for name, value in frame(camera).pack().items()}


@pytest.mark.parametrize(
    ("stream", "fields", "why"),
    [
        ("frames:0:creek", fields_of(CREEK), None),
        ("late:3:creek", fields_of(CREEK), None),
        ("frames:0:creek", plain("upper-creek"), RefusalReason.UNSIGNED),
        ("frames:0:creek", fields_of(BoxIdentity("creek", bytes(32))), RefusalReason.FORGED),
        ("frames:0:creek", fields_of(CREEK, frame("upper-trail")), RefusalReason.ANOTHERS_CAMERA),
        ("frames:0:creek", fields_of(CREEK, frame(f"{CANARY}upper-creek")), RefusalReason.ANOTHERS_CAMERA),
        ("frames:0:gone", fields_of(BoxIdentity("gone", bytes(32)), frame("upper-trail")), RefusalReason.FORGED),
        ("frames:0:nobody", fields_of(BoxIdentity("nobody", b"")), RefusalReason.FORGED),
        ("frames:0", plain("upper-creek"), RefusalReason.SITES_STREAM),
        ("frames:0", plain(f"{CANARY}upper-creek"), None),
        ("frames:0", plain("upper-trail"), None),
        ("late:0", plain("lower-meadow"), None),
    ],
)
def test_a_box_brings_signed_frames_of_its_own_cameras_and_the_site_those_of_all_others(
    door: BoxDoor, stream: str, fields: Fields, why: RefusalReason | None
) -> None:
    assert enter(door, stream, fields) is why


def test_the_streams_of_the_site_are_no_boxs() -> None:
    for shard in (0, 1023):
        assert [box_of(name(shard)) for name in (frames_stream, late_stream, dead_stream)] == [None] * 3


def test_a_list_that_was_damaged_is_no_list(tmp_path_factory: pytest.TempPathFactory) -> None:
    data = tmp_path_factory.mktemp("data")
    with changing_boxes(data) as boxes:
        boxes["creek"] = new_box("creek", ["upper-creek"], T0).box
    known = BoxList(data)
    known.refresh()
    (data / "boxes.json").write_text('{"format": 1}')
    with pytest.raises(BadBoxList, match=r"boxes\.json cannot be read"):
        known.refresh()
    assert known.owner("upper-creek") == "creek"


def test_a_change_that_fails_changes_nothing(tmp_path_factory: pytest.TempPathFactory) -> None:
    data = tmp_path_factory.mktemp("data")

    def add_and_fail() -> None:
        with changing_boxes(data) as boxes:
            boxes["creek"] = new_box("creek", ["upper-creek"], T0).box
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        add_and_fail()
    assert read_boxes(data) == []


@pytest.mark.parametrize(
    ("name", "key", "says"),
    [("creek", None, "belong together"), (None, "ab" * 32, "belong together"), ("creek", "ab", "64 hexadecimal")],
)
def test_a_box_needs_its_name_and_its_whole_key(name: str | None, key: str | None, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        Settings(bearwatch_box=name, bearwatch_box_key=key)
