"""Live events: one task per process follows the ledger and tells every open page.

A ledger entry's number is the event's id, so that a browser that was away asks for everything after the last one it
saw. The wake-up channel in Redis wakes the task at once; without Redis it looks every second, so that the page is never
silent. An event says only what changed, never what the model thinks: pages fetch the rest, through the same rights as
always.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeVar, TypeVarTuple
from zlib import crc32

import anyio
import anyio.to_thread
import redis
import redis.asyncio
from sqlalchemy.exc import SQLAlchemyError

from core.telemetry import WAKE_UP_CHANNEL
from db.ledger import head_seq
from db.models import LedgerEntry
from db.session import Database
from review_ui.auth.access_scope import AccessScope, access_scope, access_scopes
from review_ui.auth.accounts import Account
from review_ui.auth.rights import Right
from review_ui.auth.tokens import still_here
from review_ui.live.camera_status import CameraBoard, CameraView, ModeView
from review_ui.live.modes import modes_now
from review_ui.live.page_events import Happening, entries, happenings, on_the_wire
from review_ui.live.site_notices import SiteNotice, notices_for
from rollout.authority.freshness import stale_cameras
from rollout.evidence.matching import MatchRule

log = logging.getLogger(__name__)

Answer = TypeVar("Answer")
Arguments = TypeVarTuple("Arguments")

POLL_S: Final = 1.0
"""How often the ledger is looked at when no wake-up comes."""
GATHER_S: Final = 0.1
"""In a burst the ledger is looked at no more often than this; what comes alone is told at once."""
CAMERAS_EVERY_S: Final = 2.0
BELL_RETRY_S: Final = 1.0
READ_AT_ONCE: Final = 500
MOST_MISSED: Final = 1000
"""A browser that missed more than this reloads instead of catching up."""
QUEUE_LENGTH: Final = 256
"""A browser that lags so many pieces behind is cut off; it comes back by itself and catches up."""


@dataclass(eq=False, slots=True)
class Listener:
    """One open page."""

    account: Account
    sent: int
    """Number of the newest ledger entry it has been given or has been found not to be for it."""
    scope: AccessScope = field(default_factory=AccessScope)
    queue: asyncio.Queue[bytes | None] = field(default_factory=lambda: asyncio.Queue(QUEUE_LENGTH))

    def give(self, piece: bytes | None) -> None:
        """Queue a piece of the stream; a page that does not keep up is cut off (None ends its stream)."""
        try:
            self.queue.put_nowait(piece)
        except asyncio.QueueFull:
            while not self.queue.empty():
                self.queue.get_nowait()
            self.queue.put_nowait(None)


class LiveHub:
    """Follows the ledger, hears the wake-ups, watches the cameras, and tells every listener."""

    def __init__(
        self,
        database: Database,
        board: CameraBoard,
        redis_url: str,
        clock: Callable[[], float],
        rule: Callable[[], MatchRule],
    ) -> None:
        self.database = database
        self.rule = rule
        self.board = board
        self.redis_url = redis_url
        self.clock = clock
        self._listeners: set[Listener] = set()
        self._woken = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._seq = 0
        self._closed = False
        # Its own threads: busy routes must not keep it from looking.
        self._threads = anyio.CapacityLimiter(3)

    async def run(self) -> None:
        """Work until cancelled."""
        self._loop = asyncio.get_running_loop()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._follow)
            tasks.start_soon(self._hear_the_bell)
            tasks.start_soon(self._watch_cameras)

    async def start(self) -> None:
        """Find the ledger's end and read the cameras once, before the first page is served."""
        self._seq = await self._in_thread(self._head)
        await self._in_thread(self.board.refresh)

    def wake(self) -> None:
        """Look at the ledger now. May be called from any thread."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._woken.set)

    def close(self) -> None:
        """End every stream: the server is stopping and waits for them."""
        self._closed = True
        for listener in self._listeners:
            listener.give(None)

    @property
    def listeners(self) -> int:
        """How many pages are open."""
        return len(self._listeners)

    async def pieces(self, account: Account, after: int | None) -> AsyncIterator[bytes]:
        """What happens from now on, as much at once as there is; with ``after``, first all since that ledger entry."""
        listener = Listener(account, self._seq)
        self._listeners.add(listener)
        try:
            async for piece in self._catch_up(listener, after):
                yield piece
            while not self._closed:
                waiting = [await listener.queue.get()]
                while not listener.queue.empty():
                    waiting.append(listener.queue.get_nowait())
                said = [each for each in waiting if each is not None]
                if said:
                    yield b"".join(said)
                if len(said) < len(waiting):
                    return
        finally:
            self._listeners.discard(listener)

    async def _catch_up(self, listener: Listener, after: int | None) -> AsyncIterator[bytes]:
        upto = listener.sent  # later entries reach the listener's queue
        start = upto if after is None else after
        yield on_the_wire("hello", {"at": self.clock()}, id=min(start, upto), retry=2000)
        listener.scope = await self._in_thread(self._scope_of, listener.account)
        news = await self._in_thread(self._cameras_news)
        notices = notices_for(self.board.config, listener.account, news.notices, listener.scope)
        yield _cameras_for(listener.account, news, notices)
        if start > upto or upto - start > MOST_MISSED:
            yield on_the_wire("resync", {}, id=upto)
            return
        missed = await self._in_thread(self._between, start, upto) if start < upto else []
        if told := [each.wire for each in missed if each.may_reach(listener.account, listener.scope)]:
            yield b"".join(told)

    # Tasks ---------------------------------------------------------------------------------------------------

    async def _follow(self) -> None:
        while True:
            self._woken.clear()
            try:
                while await self._step() == READ_AT_ONCE:
                    pass
            except SQLAlchemyError:
                log.exception("live events: the ledger cannot be read; trying again")
            began = anyio.current_time()
            with anyio.move_on_after(POLL_S):
                await self._woken.wait()
            await anyio.sleep(max(0.0, began + GATHER_S - anyio.current_time()))

    async def _step(self) -> int:
        news, seq = await self._in_thread(self._news, self._seq)
        scopes: dict[str, AccessScope | None] = {}
        while news and (new := [a for a in self._accounts() if a.session not in scopes]):
            scopes |= await self._in_thread(self._scopes, new)  # meanwhile others may come
        read = seq - self._seq
        self._seq = seq
        self._tell(news, seq, scopes)
        return read

    def _tell(self, news: Collection[Happening], seq: int, scopes: Mapping[str, AccessScope | None]) -> None:
        """Give each page what it may know, as one piece. Those who may know the same share it."""
        pieces: dict[tuple[int, ...], bytes] = {}
        for listener in self._listeners:
            account, scope = listener.account, scopes.get(listener.account.session)
            theirs = [h for h in news if scope and h.seq > listener.sent and h.may_reach(account, scope)]
            listener.sent = max(listener.sent, seq)
            if theirs:
                which = tuple(each.seq for each in theirs)
                if which not in pieces:
                    pieces[which] = b"".join(each.wire for each in theirs)
                listener.give(pieces[which])

    async def _hear_the_bell(self) -> None:
        while True:
            client = redis.asyncio.Redis.from_url(self.redis_url, socket_connect_timeout=2.0, socket_timeout=None)
            wake_ups = client.pubsub(ignore_subscribe_messages=True)
            try:
                await wake_ups.subscribe(WAKE_UP_CHANNEL)
                self._woken.set()  # something may have happened while nobody listened
                async for _ in wake_ups.listen():
                    self._woken.set()
            except (redis.RedisError, OSError):
                pass  # the ledger is polled every second meanwhile; the cameras' reader says that Redis is unreachable
            finally:
                with anyio.move_on_after(1.0, shield=True):
                    await wake_ups.aclose()  # type: ignore[no-untyped-call]  # redis-py does not say
                    await client.aclose()
            await anyio.sleep(BELL_RETRY_S)

    async def _watch_cameras(self) -> None:
        while True:
            for _ in range(2):
                await anyio.sleep(CAMERAS_EVERY_S / 2)
                # Redis may take seconds to be given up on; a server that stops does not wait for that.
                await anyio.to_thread.run_sync(self.board.refresh, limiter=self._threads, abandon_on_cancel=True)
            try:
                if self._listeners:
                    await self._tell_cameras()
            except SQLAlchemyError:
                log.exception("live events: the database cannot be read; trying again")

    async def _tell_cameras(self) -> None:
        listeners = list(self._listeners)  # whoever comes meanwhile has just been told
        news = await self._in_thread(self._cameras_news)
        accounts, scopes = await self._in_thread(self._who_sees_what, [each.account for each in listeners])
        told: dict[object, bytes] = {}  # the same for all who may see the same campsites and notices
        for listener in listeners:
            account = accounts.get(listener.account.session)
            if account is None or not account.may(Right.VIEW):
                listener.give(None)  # logged out, expired, switched off, or the role has changed
                continue
            if (account, scopes[account.session]) != (listener.account, listener.scope):
                listener.account, listener.scope = account, scopes[account.session]
                listener.give(on_the_wire("resync", {}))
            notices = notices_for(self.board.config, account, news.notices, scopes[account.session])
            key = (account.campsites, *notices)
            if key not in told:
                told[key] = _cameras_for(account, news, notices)
            listener.give(told[key])

    # Reading, in threads -------------------------------------------------------------------------------------

    async def _in_thread(self, function: Callable[[*Arguments], Answer], *arguments: *Arguments) -> Answer:
        return await anyio.to_thread.run_sync(function, *arguments, limiter=self._threads)

    def _head(self) -> int:
        with self.database.read() as session:
            return head_seq(session)

    def _accounts(self) -> list[Account]:
        return [listener.account for listener in self._listeners]

    def _news(self, after: int) -> tuple[list[Happening], int]:
        with self.database.read() as session:
            rows = session.execute(entries().where(LedgerEntry.seq > after).limit(READ_AT_ONCE)).all()
            return happenings(session, rows), rows[-1].seq if rows else after

    def _between(self, after: int, upto: int) -> list[Happening]:
        with self.database.read() as session:
            between = entries().where(LedgerEntry.seq > after, LedgerEntry.seq <= upto)
            return happenings(session, session.execute(between).all())

    def _scope_of(self, account: Account) -> AccessScope:
        with self.database.read() as session:
            return access_scope(session, account, self.clock(), self.rule())

    def _scopes(self, accounts: Collection[Account]) -> dict[str, AccessScope | None]:
        """What each may see now; None for those who are no longer here."""
        with self.database.read() as session:
            now = self.clock()
            scopes = access_scopes(session, still_here(session, accounts, now).values(), now, self.rule())
        return {account.session: scopes.get(account.session) for account in accounts}

    def _who_sees_what(self, accounts: Collection[Account]) -> tuple[dict[str, Account], dict[str, AccessScope]]:
        with self.database.read() as session:
            now = self.clock()
            here = still_here(session, accounts, now)
            return here, access_scopes(session, here.values(), now, self.rule())

    def _cameras_news(self) -> _CamerasNews:
        now = self.clock()
        with self.database.read() as session:
            stale = stale_cameras(session, now)
            modes = modes_now(session, self.board, now, stale)
        cameras, notices = tuple(self.board.cameras(now, stale)), self.board.notices.current
        return _CamerasNews(now, self.board.redis_away, cameras, tuple(modes), notices)


@dataclass(frozen=True, slots=True)
class _CamerasNews:
    at: float
    redis_away: bool
    cameras: tuple[CameraView, ...]
    modes: tuple[ModeView, ...]
    notices: tuple[SiteNotice, ...]


def _cameras_for(account: Account, news: _CamerasNews, notices: Sequence[SiteNotice]) -> bytes:
    """What the cameras of somebody's campsites are worth."""
    modes = [mode for mode in news.modes if account.covers(mode.campsite_id)]
    cameras = [
        {"id": view.id, "seeing": view.seeing, "why": view.why, "text": view.text}
        for view in news.cameras
        if account.covers(view.campsite_id)
    ]
    data = {"at": news.at, "redis_away": news.redis_away, "cameras": cameras, "shape": shape(modes, notices)}
    return on_the_wire("cameras", {**data, "modes": {m.campsite_id: m.mode for m in modes}})


def shape(modes: list[ModeView], notices: Sequence[SiteNotice] = ()) -> str:
    """What a page's banner shows, in short: when it changes, the page fetches a new banner."""
    marks = "".join(sorted(f"{each.kind[0]}{crc32(each.text.encode()):x}" for each in notices))
    return ";".join([*(_shape(mode) for mode in modes), *([marks] if marks else [])])


def _shape(view: ModeView) -> str:
    people = "" if view.handover is None else f"h{view.handover}"
    marks = f"{'!' * view.manual_watch}{'-' * view.switched_off}{people}"
    blind, unwatched = (",".join(camera.id for camera in some) for some in (view.blind, view.unwatched))
    return f"{view.campsite_id}={view.mode}{marks}:{blind}{'~' * bool(unwatched)}{unwatched}"
