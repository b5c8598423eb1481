"""Recordings go through the same gate as live cameras."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from core.config import Camera, Motion
from core.messages import Frame, Reason
from ingest.sources.recorded import gate_frames, read_recording, recording_s
from ingest.sources.stream import StreamFailure
from tests.support.drawn_scenes import animal_box, ground, noisy, overlap, with_animal, write_video

CAMERA = Camera(campsite="upper-pines", url="replay")


def walking(seconds: float, fps: int = 15) -> list[np.ndarray]:
    """An animal that walks from the very first picture on."""
    return [noisy(with_animal(ground(), 20 + round(30 * n / fps)), n) for n in range(int(seconds * fps))]


def hits(frames: list[Frame]) -> list[float]:
    """Overlap of each motion frame's best box with the truth."""
    return [
        max(overlap(box, animal_box(20 + round(30 * frame.captured_at))) for box in frame.boxes)
        for frame in frames
        if frame.reason is Reason.MOTION
    ]


@pytest.mark.parametrize(("suffix", "codec"), [(".mp4", "libx264"), (".mkv", "libx264"), (".avi", "mjpeg")])
def test_a_video_of_any_container_is_sampled_by_its_timestamps(tmp_path: Path, suffix: str, codec: str) -> None:
    path = write_video(tmp_path / f"clip{suffix}", walking(4.0), codec=codec)
    recorded = list(read_recording(path, 5.0, 640, 360))
    assert [r.time_s for r in recorded] == pytest.approx([n / 5 for n in range(20)], abs=0.07)
    assert recorded[0].picture.bgr().shape == (180, 320, 3)
    assert recording_s(path, 5.0) == pytest.approx(4.0, abs=0.2)


def test_a_stream_without_timestamps_is_sampled_by_counting(tmp_path: Path) -> None:
    path = write_video(tmp_path / "clip.h264", walking(4.0), fps=25)
    times = [r.time_s for r in read_recording(path, 5.0, 640, 360)]
    assert times == sorted(times)
    assert 10 <= len(times) <= 24


def test_large_recordings_are_scaled_down(tmp_path: Path) -> None:
    path = write_video(tmp_path / "clip.mp4", walking(1.0))
    assert next(iter(read_recording(path, 5.0, 160, 90))).picture.bgr().shape == (90, 160, 3)


def test_an_animal_in_a_two_second_clip_is_seen(tmp_path: Path) -> None:
    path = write_video(tmp_path / "clip.mp4", walking(2.0))
    frames = list(gate_frames(path, "replay", CAMERA, Motion()))
    assert [frame.reason for frame in frames[:2]] == [Reason.KEEPALIVE, Reason.AUDIT]
    assert frames[0].captured_at == 0.0
    found = hits(frames)
    assert len(found) >= 6
    assert np.mean([hit > 0.3 for hit in found]) >= 0.8


def test_an_animal_that_is_there_from_the_start_is_boxed_in_the_first_second(tmp_path: Path) -> None:
    path = write_video(tmp_path / "clip.mp4", walking(8.0))
    frames = [frame for frame in gate_frames(path, "replay", CAMERA, Motion()) if frame.reason is not Reason.AUDIT]
    early = [frame for frame in frames if frame.captured_at < 1.0]
    assert len(early) == 5
    truth = [animal_box(20 + round(30 * frame.captured_at)) for frame in early]
    assert all(
        max((overlap(b, box) for b in frame.boxes), default=0.0) > 0.5 for frame, box in zip(early, truth, strict=True)
    )


def test_a_folder_of_images_is_one_cameras_frames_in_the_order_of_their_names(tmp_path: Path) -> None:
    for number in range(12):
        assert cv2.imwrite(str(tmp_path / f"img{number}.png"), with_animal(ground(), 20 + 6 * number))
    (tmp_path / "notes.txt").write_text("not an image")
    (tmp_path / "img99.jpg").write_bytes(b"broken")
    recorded = list(read_recording(tmp_path, 5.0, 640, 360))
    assert [r.time_s for r in recorded] == pytest.approx([n / 5 for n in range(12)])
    lefts = [int(np.argmax((r.picture.luma[104].astype(int) - ground()[104]) < -25)) for r in recorded]
    assert lefts == sorted(lefts)
    frames = list(gate_frames(tmp_path, "replay", CAMERA, Motion()))
    assert np.mean([hit > 0.3 for hit in hits(frames)]) >= 0.8


def test_replay_starts_where_it_is_told_to(tmp_path: Path) -> None:
    path = write_video(tmp_path / "clip.mp4", walking(1.0))
    frames = list(gate_frames(path, "replay", CAMERA, Motion(), start_at=1_800_000_000.0))
    assert frames[0].captured_at == 1_800_000_000.0


def test_a_damaged_video_is_read_as_far_as_it_can_be(tmp_path: Path) -> None:
    path = write_video(tmp_path / "clip.mkv", walking(6.0))
    damaged = bytearray(path.read_bytes())
    rng = np.random.default_rng(1)
    for position in rng.integers(len(damaged) // 3, len(damaged) * 2 // 3, 60):
        damaged[position] ^= 0xFF
    path.write_bytes(bytes(damaged))
    times = [r.time_s for r in read_recording(path, 5.0, 640, 360)]
    assert len(times) >= 8
    assert times == sorted(times)


def test_an_empty_folder_and_a_missing_file_are_told_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(StreamFailure, match="holds no images"):
        list(read_recording(tmp_path, 5.0, 640, 360))
    with pytest.raises(StreamFailure, match="no such file"):
        list(gate_frames(tmp_path / "nothing.mp4", "replay", CAMERA, Motion()))
