"""Live pictures of cameras for open pages: one task asks the readers and fetches, however many people look.

While nobody looks, nothing is asked and nothing is fetched.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Final

import anyio
import anyio.to_thread
import redis

from core.pictures.live_pictures import ASKED_FOR_S, LivePicture, newest_live_pictures
from core.pictures.reader_requests import LiveRequest, ask_reader

log = logging.getLogger(__name__)

FETCH_EVERY_S: Final = 0.1
ASK_EVERY_S: Final = ASKED_FOR_S / 3
MOST_LOOKING: Final = 24
"""Open streams in one process of the page."""
MOST_CAMERAS: Final = 9
"""In one stream."""
NOBODY: Final[Mapping[str, LivePicture]] = {}


class TooManyLook(Exception):
    """As many look already as the page can serve."""


class LivePictures:
    """Who looks at which camera, and its newest picture."""

    def __init__(self, client: redis.Redis) -> None:
        self._client = client
        self._looking: list[Sequence[str]] = []
        self._asked: dict[str, float] = {}
        self._wanted = asyncio.Event()
        self.newest: Mapping[str, LivePicture] = NOBODY
        self.away = False
        """Whether Redis did not answer the last time."""
        self.closed = False

    @contextmanager
    def looking(self, cameras: Sequence[str]) -> Iterator[None]:
        """While the block runs, somebody looks at these. Raises :class:`TooManyLook`."""
        if len(self._looking) >= MOST_LOOKING:
            raise TooManyLook
        self._looking.append(cameras)
        self._wanted.set()
        try:
            yield
        finally:
            self._looking.remove(cameras)

    async def run(self) -> None:
        """Work until cancelled."""
        while True:
            if not self._looking:
                self.newest, self._asked = NOBODY, {}
                self._wanted.clear()
                await self._wanted.wait()
            wanted = {camera for cameras in self._looking for camera in cameras}
            try:
                self.newest = await anyio.to_thread.run_sync(self._fetch, sorted(wanted), abandon_on_cancel=True)
                self.away = False
            except redis.RedisError:
                self.newest, self.away = NOBODY, True
            await anyio.sleep(FETCH_EVERY_S)

    def close(self) -> None:
        """End every stream: the server is stopping and waits for them."""
        self.closed = True

    def _fetch(self, cameras: Sequence[str]) -> Mapping[str, LivePicture]:
        now = time.monotonic()
        for camera in cameras:
            if now - self._asked.get(camera, -ASK_EVERY_S) >= ASK_EVERY_S:
                ask_reader(self._client, LiveRequest(camera))
                self._asked[camera] = now
        return newest_live_pictures(self._client, cameras)
