"""A camera that somebody has taken over makes its reader fetch nothing from anywhere else, and takes no memory."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from av.video.stream import VideoStream

from core.config import Camera
from ingest.sources.ffmpeg_limits import MAX_PIXELS
from ingest.sources.probe import probe
from ingest.sources.stream import StreamFailure, open_stream


class TwoHosts:
    """A camera that answers with ``answer``, and an address inside the park that writes down who asks it."""

    def __init__(self) -> None:
        self.answer = (200, "application/octet-stream", b"")
        self.asked_inside: list[str] = []
        camera, inside = self._serve(self._camera()), self._serve(self._inside())
        self.servers = (camera, inside)
        self.camera = f"127.0.0.1:{camera.server_address[1]}"
        self.inside = f"127.0.0.1:{inside.server_address[1]}"

    def _camera(two) -> type[http.server.BaseHTTPRequestHandler]:  # `self` is the handler's
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                status, kind, body = two.answer
                self.send_response(status)
                self.send_header("Location" if status == 302 else "Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_words: object) -> None:
                """Not on the test's output."""

        return Handler

    def _inside(two) -> type[http.server.BaseHTTPRequestHandler]:
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                two.asked_inside.append(self.path)
                self.send_response(404)
                self.end_headers()

            def log_message(self, *_words: object) -> None:
                """Not on the test's output."""

        return Handler

    @staticmethod
    def _serve(handler: type[http.server.BaseHTTPRequestHandler]) -> http.server.ThreadingHTTPServer:
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return server


@pytest.fixture
def two() -> Iterator[TwoHosts]:
    """The camera and what it points to."""
    hosts = TwoHosts()
    yield hosts
    for server in hosts.servers:
        server.shutdown()
        server.server_close()


def video(path: Path, codec: str = "mpeg2video") -> Path:
    """A real small video."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25)
        assert isinstance(stream, VideoStream)
        stream.width, stream.height, stream.pix_fmt = 320, 180, "yuv420p"
        for number in range(30):
            shade = np.full((180, 320, 3), number * 7, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(shade, "rgb24")))
        container.mux(stream.encode(None))
    return path


HLS = "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXT-X-MEDIA-SEQUENCE:0\n{key}#EXTINF:1,\n{segment}\n#EXT-X-ENDLIST\n"
KEY = '#EXT-X-KEY:METHOD=AES-128,URI="http://{inside}/key"\n'
PLAYLISTS = {
    "playlist": HLS.format(key="", segment="http://{inside}/x.ts"),
    "playlist of a file": HLS.format(key="", segment="file://{file}"),
    "key": HLS.format(key=KEY, segment="x.ts"),
    "gopher": HLS.format(key="", segment="gopher://{inside}/_SET"),
    "raw tcp": HLS.format(key="", segment="tcp://{inside}/a.ts"),
    "list": "ffconcat version 1.0\nfile http://{inside}/x.ts\n",
    "list of a file": "ffconcat version 1.0\nfile file://{file}\n",
    "session": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 9 RTP/AVP 96\n",
    "dash": '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011"><BaseURL>http://{inside}/</BaseURL></MPD>',
}


@pytest.mark.parametrize("path", ["video", "video.m3u8", "video.mpd", "video.sdp"])
@pytest.mark.parametrize("name", PLAYLISTS)
def test_a_cameras_playlist_leads_nowhere(two: TwoHosts, tmp_path: Path, name: str, path: str) -> None:
    said = PLAYLISTS[name].replace("{inside}", two.inside).replace("{file}", str(video(tmp_path / "secret.ts")))
    two.answer = (200, "application/vnd.apple.mpegurl", said.encode())
    with pytest.raises(StreamFailure):
        open_stream(f"http://viewer:secret@{two.camera}/{path}", 3, 3)
    assert two.asked_inside == []


@pytest.mark.parametrize("target", ["http://{inside}/latest/meta-data", "file://{file}", "rtsp://{inside}/x"])
def test_a_cameras_redirect_is_not_followed_and_the_operator_is_told(
    two: TwoHosts, tmp_path: Path, target: str
) -> None:
    file = video(tmp_path / "secret.ts")
    two.answer = (302, target.replace("{inside}", two.inside).replace("{file}", str(file)), b"")
    with pytest.raises(StreamFailure, match="redirects are not followed"):
        open_stream(f"http://{two.camera}/video", 3, 3)
    assert two.asked_inside == []


@pytest.mark.parametrize("name", ["playlist", "playlist of a file", "list", "list of a file", "session"])
@pytest.mark.parametrize("suffix", [".m3u8", ".mp4", ".txt", ".sdp"])
def test_a_local_file_that_names_other_files_opens_none(two: TwoHosts, tmp_path: Path, name: str, suffix: str) -> None:
    secret = video(tmp_path / "secret.ts")
    file = tmp_path / f"camera{suffix}"
    file.write_text(PLAYLISTS[name].replace("{inside}", two.inside).replace("{file}", str(secret)))
    for address in (str(file), f"file://{file}"):
        with pytest.raises(StreamFailure):
            open_stream(address, 3, 3)
    assert two.asked_inside == []


@pytest.mark.parametrize("suffix", [".ts", ".mp4", ".mkv", ".avi", ".mov", ".3gp", ".MTS", ".dav"])
def test_a_recording_is_opened_by_what_it_is(tmp_path: Path, suffix: str) -> None:
    known = suffix if suffix in (".ts", ".mp4", ".mkv", ".avi", ".mov") else ".ts"
    file = video(tmp_path / f"x{known}", "mpeg4" if known in (".mp4", ".mov", ".avi") else "mpeg2video")
    renamed = file.rename(tmp_path / f"camera{suffix}")
    with open_stream(str(renamed), 3, 3) as container:
        assert sum(1 for _frame in container.decode(video=0)) == 30


def test_a_huge_picture_of_a_camera_is_not_decoded(two: TwoHosts) -> None:
    jpeg = cv2.imencode(".jpg", np.zeros((6000, 6000), np.uint8), [cv2.IMWRITE_JPEG_QUALITY, 1])[1].tobytes()
    assert MAX_PIXELS < 6000 * 6000
    part = b"--f\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n" % len(jpeg) + jpeg + b"\r\n"
    two.answer = (200, "multipart/x-mixed-replace; boundary=f", part * 3)
    found = probe("creek", Camera(campsite="x", url=f"http://{two.camera}/v"), 3.0)
    assert not found.ok
    small = cv2.imencode(".jpg", np.zeros((480, 640), np.uint8))[1].tobytes()
    part = b"--f\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n" % len(small) + small + b"\r\n"
    two.answer = (200, "multipart/x-mixed-replace; boundary=f", part * 3)
    found = probe("creek", Camera(campsite="x", url=f"http://{two.camera}/v"), 3.0)
    assert (found.ok, found.width, found.height) == (True, 640, 480)
