"""Photos that somebody hands in, looked at beside the watch: a thread that carries them, a process that dares to.

The thread takes one photo at a time from Redis and hands it to a process of its own (:mod:`detector.photo_process`),
which is started for the first one unless :meth:`PhotoService.prepare` has been called. A photo that makes that process
end, or keeps it busy for too long, is answered with what is wrong with it; the next photo gets a new process. The
cameras' frames never wait for either.
"""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
import time
from typing import Any, Final, cast

import redis

from core.photo_request import Photo, UnreadablePhoto, answer, take, wait_for_photo
from core.redis_client import RedisDown
from core.telemetry import Telemetry
from detector.models.bundle import ModelBundle
from detector.photo_process import read_message, write_message

log = logging.getLogger(__name__)

START_WITHIN_S: Final = 120.0
"""The model is read, on a slow machine and behind everything else there."""
LOOK_WITHIN_S: Final = 20.0
LONGEST_ANSWER_BYTES: Final = 8 * 1024 * 1024
IDLE_S: Final = 900.0
"""A process that has had nothing to do for so long gives its memory back."""
POLL_S: Final = 1
PAUSE_AFTER_ERROR_S: Final = 1.0
ENVIRONMENT: Final = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "PYTHONPATH", "VIRTUAL_ENV", "LD_LIBRARY_PATH")
"""What the process gets of the environment: no address and no secret is among it."""


class PhotoEndedItsProcess(UnreadablePhoto):
    """Looking at a photo took more time or memory than one may take."""


class PhotoProcess:
    """The process, once started. ``model`` is what :meth:`ModelBundle.open` takes."""

    def __init__(self, model: str, command: tuple[str, ...] = (sys.executable, "-m", "detector.photo_process")) -> None:
        self._process = subprocess.Popen(
            [*command, model],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={name: os.environ[name] for name in ENVIRONMENT if name in os.environ},
        )
        self._ready = False

    def await_ready(self) -> None:
        """Wait until the model is read. Raises :class:`PhotoEndedItsProcess` when it cannot be."""
        if not self._ready:
            self._exchange(None, START_WITHIN_S)
            self._ready = True

    def look(self, photo: bytes, within_s: float = LOOK_WITHIN_S) -> bytes:
        """The packed answer to a photo. Raises :class:`PhotoEndedItsProcess`; the process is then gone."""
        self.await_ready()
        return self._exchange(photo, within_s)

    @property
    def returncode(self) -> int | None:
        """What it ended with; None while it runs."""
        return self._process.returncode

    def kill(self) -> None:
        """End it from another thread: whoever waits for it is told at once."""
        self._process.kill()

    def end(self) -> None:
        """End it."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                try:
                    pipe.close()
                except BrokenPipeError:
                    continue  # what was still to be written to it

    def _exchange(self, photo: bytes | None, within_s: float) -> bytes:
        deadline = threading.Timer(within_s, self._process.kill)
        deadline.daemon = True
        deadline.start()
        try:
            if photo is not None:
                write_message(cast(Any, self._process.stdin), photo)
            said = read_message(cast(Any, self._process.stdout), LONGEST_ANSWER_BYTES)
        except (OSError, ValueError) as error:
            log.warning("the process that looks at photos: %s", error)
            said = None
        finally:
            deadline.cancel()
        if said is None:
            self.end()
            log.error("the process that looks at photos has ended with %s", self._process.returncode)
            raise PhotoEndedItsProcess("looking at it took more time or memory than a photo may; the log says why")
        return said


class PhotoService:
    """Answers photos with one model for as long as its thread runs. ``client`` may be shared with other threads."""

    def __init__(self, bundle: ModelBundle, client: redis.Redis) -> None:
        self._model = _opened_as(bundle)
        self._started_with = ""
        self._client = client
        self._process: PhotoProcess | None = None
        self._used_at = 0.0
        self._at_once = False
        self.ready = threading.Event()
        """Whether the process has ever read the model."""

    def prepare(self) -> None:
        """Have the process started with the thread, so that nobody's first photo waits for the model."""
        self._at_once = True

    def change_model(self, bundle: ModelBundle) -> None:
        """Answer the next photo with another model. For another thread."""
        self._model = _opened_as(bundle)

    def start(self, stop: threading.Event) -> threading.Thread:
        """Answer photos until ``stop`` is set, on a thread of its own."""
        thread = threading.Thread(target=self._run, args=(stop,), name="photos", daemon=True)
        thread.start()
        return thread

    def end(self) -> None:
        """Let nobody wait for the photo that is looked at now, once ``stop`` is set. For another thread."""
        if self._process is not None:
            self._process.kill()

    def _run(self, stop: threading.Event) -> None:
        if self._at_once:
            self._start_process()
        while not stop.is_set():
            try:
                if wait_for_photo(self._client, POLL_S):
                    self._work()
            except (*RedisDown, redis.RedisError) as error:
                log.warning("no photo can be taken: %s", error)
                stop.wait(PAUSE_AFTER_ERROR_S)
            if self._process is not None and time.monotonic() - self._used_at > IDLE_S:
                self._end()
        self._end()

    def _work(self) -> None:
        photo = take(self._client)
        if photo is None:
            return
        said = self._look(photo)
        answer(self._client, photo, said)
        ended = isinstance(said, PhotoEndedItsProcess)
        Telemetry(self._client).count({"bearwatch_photos_total": 1, "bearwatch_photos_ended_total": int(ended)})

    def _start_process(self) -> None:
        self._started_with = self._model
        self._process = PhotoProcess(self._started_with)
        self._used_at = time.monotonic()
        try:
            self._process.await_ready()
            self.ready.set()
        except PhotoEndedItsProcess:
            self._process = None  # the log says why; the first photo tries again

    def _look(self, photo: Photo) -> bytes | UnreadablePhoto:
        try:
            if self._process is not None and self._started_with != self._model:
                self._end()
            if self._process is None:
                self._start_process()
            if self._process is None:
                return UnreadablePhoto("the process that looks at photos does not start; the log says why")
            self._used_at = time.monotonic()
            return self._process.look(photo.picture)
        except PhotoEndedItsProcess as error:
            log.warning("a photo of %d bytes ended the process that looked at it", len(photo.picture))
            self._process = None
            return error

    def _end(self) -> None:
        if self._process is not None:
            self._process.end()
            self._process = None


def _opened_as(bundle: ModelBundle) -> str:
    """What :meth:`ModelBundle.open` takes."""
    return str(bundle.directory.resolve()) if bundle.directory else bundle.label
