"""Many pages that refresh at once do so by turns; nothing else waits for them, nor they for a slow browser."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from starlette.types import Message, Receive, Scope, Send

from review_ui.rendering.concurrency_limit import AT_ONCE, ConcurrencyLimit

REFRESHES = 10


class Kitchen:
    """An application that works at each request until it is let go."""

    def __init__(self) -> None:
        self.at_work: list[str] = []
        self.most = 0
        self.go = asyncio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.at_work.append(scope["path"])
        self.most = max(self.most, sum(path.startswith("/fragments/") for path in self.at_work))
        await self.go.wait()
        self.at_work.remove(scope["path"])
        await send({"type": "http.response.start", "status": 200, "headers": []})


async def _nothing() -> Message:
    raise AssertionError("nobody reads the request")


def _scope(path: str) -> Scope:
    return {"type": "http", "path": path}


async def _settle() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


def _play(scene: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """In a thread of its own: a browser that another test has open keeps a loop in this one."""
    with ThreadPoolExecutor(1) as stage:
        stage.submit(lambda: asyncio.run(scene())).result()


def test_looks_are_worked_by_turns_and_a_decision_passes_them() -> None:
    async def scene() -> None:
        kitchen = Kitchen()
        door = ConcurrencyLimit(kitchen)
        answers: list[Message] = []

        async def send(message: Message) -> None:
            answers.append(message)

        refreshes = [asyncio.create_task(door(_scope("/fragments/watch"), _nothing, send)) for _ in range(REFRESHES)]
        await _settle()
        decision = asyncio.create_task(door(_scope("/api/v1/alerts/1/decisions"), _nothing, send))
        await _settle()
        assert len(kitchen.at_work) == AT_ONCE + 1
        assert "/api/v1/alerts/1/decisions" in kitchen.at_work
        kitchen.go.set()
        await asyncio.gather(decision, *refreshes)
        assert len(answers) == REFRESHES + 1
        assert kitchen.most == AT_ONCE

    _play(scene)


def test_a_browser_that_reads_slowly_holds_nobody_up() -> None:
    async def scene() -> None:
        kitchen = Kitchen()
        kitchen.go.set()
        door = ConcurrencyLimit(kitchen)
        for_ever = asyncio.Event()
        answered = 0

        async def slow(message: Message) -> None:
            nonlocal answered
            answered += 1
            await for_ever.wait()

        refreshes = [asyncio.create_task(door(_scope("/fragments/banner"), _nothing, slow)) for _ in range(REFRESHES)]
        await _settle()
        assert answered == REFRESHES
        for_ever.set()
        await asyncio.gather(*refreshes)

    _play(scene)


def test_a_refresh_that_fails_gives_its_turn_on() -> None:
    async def scene() -> None:
        async def broken(scope: Scope, receive: Receive, send: Send) -> None:
            raise ValueError("broken")

        async def unheard(message: Message) -> None:
            raise AssertionError(message)

        door = ConcurrencyLimit(broken)
        done = await asyncio.gather(
            *(door(_scope("/fragments/watch"), _nothing, unheard) for _ in range(REFRESHES)), return_exceptions=True
        )
        assert all(isinstance(each, ValueError) for each in done)

    _play(scene)
