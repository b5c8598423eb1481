"""Whatever a card holds is read, or named with the reason why not: no file is dropped without a word."""

from __future__ import annotations

import os
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.sources.footage import ImageSequence, Unread, VideoTrack, find_footage
from ingest.sources.recorded import ReadTally, Recorded, read_recording
from ingest.sources.still import BrokenStill, read_still
from ingest.sources.stream import StreamFailure
from tests.support.drawn_scenes import colour, ground, write_video
from tests.support.odd_footage import add_cover, clip, encoded, jpeg, set_edit_list, set_matrix, walking

TICKS_PER_S = 15360


def read(path: Path) -> tuple[list[Recorded], ReadTally]:
    """All of the only recording at a path, five pictures a second."""
    ((_, source),) = find_footage(path).sources
    tally = ReadTally()
    return list(read_recording(source, 5.0, 640, 360, tally)), tally


def names(files: list[Unread]) -> dict[str, str]:
    """Names of unread files, with the reasons."""
    return {each.file.name: each.why for each in files}


def test_a_cover_picture_is_not_the_film(tmp_path: Path) -> None:
    recorded, tally = read(add_cover(clip(tmp_path / "phone.mp4")))
    assert (len(recorded), tally.pictures) == (20, 60)
    assert recorded[0].picture.luma.shape == (180, 320)


@pytest.mark.parametrize(
    "name",
    ["a.ts.MTS", "a.ts.m2ts", "a.ts.dav", "a.mp4.3GP", "a.mp4.insv", "a.mkv.xyz", "a.flv.FLV", "a.asf.wmv", "a.mp4."],
)
def test_a_video_is_known_by_its_content_whatever_its_name(tmp_path: Path, name: str) -> None:
    clip(tmp_path / name)
    recorded, tally = read(tmp_path)
    assert (len(recorded), tally.pictures, tally.unread) == (20, 60, [])


@pytest.mark.parametrize("name", ["walk.mjpg", "walk.MJPEG", "walk"])
def test_jpegs_that_follow_one_another_are_a_film(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"".join(jpeg(number) for number in range(30)))
    assert read(tmp_path)[1].pictures == 30


@pytest.mark.parametrize(
    ("a", "b", "c", "d"), [(0, 1, -1, 0), (-1, 0, 0, -1), (0, -1, 1, 0), (-1, 0, 0, 1), (1, 0, 0, -1)]
)
def test_a_film_is_turned_and_mirrored_as_a_player_shows_it(tmp_path: Path, a: int, b: int, c: int, d: int) -> None:
    upright = read(clip(tmp_path / "upright.mp4"))[0][0].picture
    shown = read(set_matrix(clip(tmp_path / "turned.mp4"), a, b, c, d))[0][0].picture
    height, width = upright.luma.shape
    y, x = np.mgrid[0:height, 0:width]
    to_x, to_y = a * x + c * y, b * x + d * y
    expected = np.zeros(shown.luma.shape, np.uint8)
    expected[to_y - to_y.min(), to_x - to_x.min()] = upright.luma
    assert np.array_equal(shown.luma, expected)
    assert shown.bgr().shape[:2] == shown.luma.shape
    assert np.abs(cv2.cvtColor(shown.bgr(), cv2.COLOR_BGR2GRAY).astype(int) - shown.luma).mean() < 12


@pytest.mark.parametrize(
    ("duration_ms", "media_time"), [(2000, 2 * TICKS_PER_S), (1000, 0), (0, 0), (3000, 100 * TICKS_PER_S), (6000, -1)]
)
def test_what_an_edit_list_hides_is_looked_at_all_the_same(tmp_path: Path, duration_ms: int, media_time: int) -> None:
    recorded, tally = read(set_edit_list(clip(tmp_path / "cut.mp4"), duration_ms, media_time))
    assert (len(recorded), tally.pictures, tally.unread) == (20, 60, [])


def test_pictures_are_as_wide_as_a_player_shows_them(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mkv", walking(1.0), pixel_aspect=Fraction(2))
    assert read(path)[0][0].picture.bgr().shape == (180, 640, 3)


def test_companions_take_no_time_and_are_named(tmp_path: Path) -> None:
    for number in range(6):
        (tmp_path / f"IMG_{number:04d}.JPG").write_bytes(jpeg(number))
        (tmp_path / f"._IMG_{number:04d}.JPG").write_bytes(b"\0\5\x16\7" + bytes(4000))
    (tmp_path / "renamed.jpg").write_bytes(b"\0\5\x16\7\0\2\0\0Mac OS X        " + bytes(4000))
    (tmp_path / ".DS_Store").write_bytes(b"\0\0\0\1Bud1" + bytes(60))
    (tmp_path / "Thumbs.db").write_bytes(b"\xd0\xcf\x11\xe0" + bytes(3000))
    (tmp_path / "desktop.ini").write_text("[.ShellClassInfo]")
    (tmp_path / "IMG_0001.xmp").write_text("<x:xmpmeta/>")
    (tmp_path / "IMG_0001.png").write_bytes(cv2.imencode(".png", colour(ground()))[1].tobytes())
    eadir = tmp_path / "@eaDir" / "IMG_0001.JPG"
    eadir.mkdir(parents=True)
    (eadir / "SYNOPHOTO_THUMB.jpg").write_bytes(jpeg(1))
    found = find_footage(tmp_path)
    recorded, tally = read(tmp_path)
    assert [each.time_s for each in recorded] == pytest.approx([number / 5 for number in range(6)])
    assert (found.unreadable, tally.unread) == ([], [])
    assert len(found.skipped) == 6 + 7
    assert names(found.skipped)["IMG_0001.png"] == "taken for the same picture as IMG_0001.JPG"


def test_thumbnails_and_small_copies_of_a_film_are_not_read_twice(tmp_path: Path) -> None:
    clip(tmp_path / "GX010001.mp4.MP4")
    (tmp_path / "GL010001.LRV").write_bytes((tmp_path / "GX010001.MP4").read_bytes())
    (tmp_path / "GX010001.THM").write_bytes(jpeg())
    found = find_footage(tmp_path)
    assert [name for name, _ in found.sources] == ["GX010001"]
    assert sorted(names(found.skipped)) == ["GL010001.LRV", "GX010001.THM"]
    (tmp_path / "GX010001.MP4").unlink()
    assert sorted(name for name, _ in find_footage(tmp_path).sources) == ["GL010001", tmp_path.name]


def test_what_is_lost_is_told_apart_from_what_was_never_footage(tmp_path: Path) -> None:
    noise = np.random.default_rng(1).bytes(50_000)
    for name, content in {
        "empty.mp4": b"",
        "broken.mp4": noise,
        "proprietary.bin": noise,
        "letter.mov": b"Dear ranger, nothing to see here.",
        "phone.heic": b"\0\0\0\x18ftypheic" + bytes(100),
        "shot.NEF": b"MM\0*" + bytes(1000),
        "nomoov.mp4": clip(tmp_path / "whole.mp4").read_bytes()[:-4000],
    }.items():
        (tmp_path / name).write_bytes(content)
    (tmp_path / "gone.mp4").symlink_to(tmp_path / "nowhere.mp4")
    for name, content in {
        "notes.txt": b"a bear!",
        "list.m3u8": b"#EXTM3U\n#EXTINF:1,\nwhole.mp4\n",
        "manual.pdf": b"%PDF-1.7" + noise,
        ".keep": b"",
        "sound.wav": b"RIFF$\0\0\0WAVEfmt " + bytes(40),
        "index.db-journal": b"SQLite format 3\0" + noise,
    }.items():
        (tmp_path / name).write_bytes(content)
    os.mkfifo(tmp_path / "pipe.mp4")
    found = find_footage(tmp_path)
    assert [name for name, _ in found.sources] == ["whole"]
    assert sorted(names(found.unreadable)) == [
        "broken.mp4", "empty.mp4", "gone.mp4", "letter.mov", "nomoov.mp4", "phone.heic", "proprietary.bin", "shot.NEF"
    ]  # fmt: skip
    assert sorted(names(found.skipped)) == [
        ".keep", "index.db-journal", "list.m3u8", "manual.pdf", "notes.txt", "pipe.mp4", "sound.wav"
    ]  # fmt: skip


def test_recordings_that_are_called_alike_stay_two(tmp_path: Path) -> None:
    for folder in ("north", "south"):
        (tmp_path / folder).mkdir()
        clip(tmp_path / folder / "0001.mp4", 1.0)
    (tmp_path / "stills.jpg").mkdir()
    (tmp_path / "stills.jpg" / "a").write_bytes(jpeg())
    (tmp_path / "stills.jpg" / "round-and-round").symlink_to(tmp_path)
    found = find_footage(tmp_path)
    assert [name for name, _ in found.sources] == ["north/0001.mp4", "south/0001.mp4", "stills"]
    assert (found.unreadable, found.skipped) == ([], [])


@pytest.mark.parametrize("suffix", [".mkv", ".avi"])
def test_half_a_film_is_read_and_told(tmp_path: Path, suffix: str) -> None:
    path = clip(tmp_path / f"a{suffix}", 8.0, "mjpeg" if suffix == ".avi" else "libx264")
    whole = path.read_bytes()
    for tail in (b"", bytes(len(whole) // 2)):
        path.write_bytes(whole[: len(whole) // 2] + tail)
        recorded, tally = read(path)
        assert 15 <= len(recorded) <= 25
        assert "can be read" in names(tally.unread)[path.name]


def test_a_transport_stream_that_ends_in_zeros_is_told(tmp_path: Path) -> None:
    path = clip(tmp_path / "a.ts", 8.0)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2] + bytes(len(whole) // 2))
    recorded, tally = read(path)
    assert len(recorded) >= 15
    assert names(tally.unread) == {"a.ts": "reading breaks off: damaged data"}


def test_a_film_of_which_no_picture_can_be_decoded_is_an_error(tmp_path: Path) -> None:
    path = clip(tmp_path / "a.mp4")
    data = path.read_bytes()
    at = data.index(b"mdat") + 4
    size = int.from_bytes(data[at - 8 : at - 4], "big") - 8
    path.write_bytes(data[:at] + bytes(size) + data[at + size :])
    with pytest.raises(StreamFailure, match="no picture can be decoded"):
        read(path)


def test_a_picture_that_cannot_be_read_takes_its_time_and_is_named(tmp_path: Path) -> None:
    for number in range(6):
        data = jpeg(number)
        half = len(data) * 45 // 100
        broken = {2: data[:half], 4: data[:half] + bytes(len(data) - half)}
        (tmp_path / f"IMG_{number}.JPG").write_bytes(broken.get(number, data))
    recorded, tally = read(tmp_path)
    assert [each.time_s for each in recorded] == pytest.approx([0.0, 0.2, 0.6, 1.0])
    assert sorted(names(tally.unread)) == ["IMG_2.JPG", "IMG_4.JPG"]
    assert tally.broken == 2


def test_a_single_picture_is_a_sequence_of_one(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(jpeg())
    (tmp_path / "b.jpg").write_bytes(jpeg(1))
    ((name, source),) = find_footage(tmp_path / "a.jpg").sources
    assert (name, source) == ("a", ImageSequence(tmp_path / "a.jpg", (tmp_path / "a.jpg",)))


def test_every_track_with_moving_pictures_is_a_recording(tmp_path: Path) -> None:
    path = tmp_path / "two-lenses.mkv"
    with av.open(str(path), "w") as container:
        tracks = [container.add_stream("mjpeg", rate=5) for _ in range(2)]
        for track in tracks:
            track.width, track.height, track.pix_fmt = 320, 180, "yuvj420p"
        for _ in range(10):
            for track, shade in zip(tracks, (60, 180), strict=True):
                picture = np.full((180, 320, 3), shade, np.uint8)
                container.mux(track.encode(av.VideoFrame.from_ndarray(picture, format="bgr24")))
        for track in tracks:
            container.mux(track.encode())
    found = find_footage(path)
    assert [name for name, _ in found.sources] == ["two-lenses#1", "two-lenses#2"]
    shades = [next(read_recording(source, 5.0, 640, 360)).picture.luma.mean() for _, source in found.sources]
    assert shades == pytest.approx([60, 180], abs=3)
    assert all(isinstance(source, VideoTrack) for _, source in found.sources)


BASELINE, PROGRESSIVE = jpeg(), jpeg(progressive=True)


@given(st.sampled_from([BASELINE, PROGRESSIVE]), st.floats(0.0, 0.9999), st.sampled_from(["cut", "zeros", "end", "ff"]))
@settings(max_examples=60, deadline=None)
def test_a_jpeg_cut_off_anywhere_is_never_taken_for_a_whole_one(
    tmp_path_factory: pytest.TempPathFactory, whole: bytes, share: float, how: str
) -> None:
    at = int(share * (len(whole) - 2))
    missing = len(whole) - at
    tail = {"cut": b"", "zeros": bytes(missing), "end": b"\xff\xd9", "ff": b"\xff" * missing}[how]
    if how == "end" and missing < 600:
        return  # the last rows of blocks may be whole
    file = tmp_path_factory.getbasetemp() / "cut.jpg"
    file.write_bytes(whole[:at] + tail)
    with pytest.raises(BrokenStill):
        read_still(file)


@pytest.mark.parametrize("whole", [BASELINE, PROGRESSIVE], ids=["baseline", "progressive"])
@pytest.mark.parametrize("share", [0.1, 0.35, 0.6, 0.85])
def test_a_block_of_the_card_that_was_lost_is_found_out(tmp_path: Path, whole: bytes, share: float) -> None:
    at = int(share * len(whole))
    (tmp_path / "hole.jpg").write_bytes(whole[:at] + bytes(2048) + whole[at + 2048 :])
    with pytest.raises(BrokenStill, match=r"damaged|hole"):
        read_still(tmp_path / "hole.jpg")


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".webp", ".tif"])
def test_pictures_of_other_kinds_are_whole_too(tmp_path: Path, suffix: str) -> None:
    file = tmp_path / f"a{suffix}"
    whole = cv2.imencode(suffix, colour(ground(width=640, height=360)))[1].tobytes()
    file.write_bytes(whole)
    assert read_still(file).shape == (360, 640, 3)
    for end in (b"", bytes(len(whole) // 2)):
        file.write_bytes(whole[: len(whole) - len(whole) // 2] + end)
        with pytest.raises(BrokenStill):
            read_still(file)


def test_odd_but_whole_pictures_are_read(tmp_path: Path) -> None:
    file = tmp_path / "a.jpg"
    for data in (
        BASELINE + bytes(5000),
        BASELINE + BASELINE,
        BASELINE + b"maker's trailer",
        PROGRESSIVE,
        encoded(np.zeros((360, 640, 3), np.uint8)),
        encoded(np.zeros((360, 640, 3), np.uint8), progressive=True),
        encoded(colour(ground())),
    ):
        file.write_bytes(data)
        assert read_still(file).ndim == 3


def test_a_picture_that_claims_to_be_enormous_is_not_decoded(tmp_path: Path) -> None:
    at = BASELINE.index(b"\xff\xc0") + 5
    (tmp_path / "bomb.jpg").write_bytes(BASELINE[:at] + b"\xff\xff\xff\xff" + BASELINE[at + 4 :])
    with pytest.raises(BrokenStill, match="65535x65535 pixels"):
        read_still(tmp_path / "bomb.jpg")
