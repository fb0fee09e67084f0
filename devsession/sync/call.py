"""One call, on its way from its thread to the loop's and back."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar, cast

from devsession.errors import LinkClosedError

# Seconds between two looks whether the loop still lives. On Windows this is also how long Ctrl-C may take: nothing wakes a waiter there.
LOOK_UP = 0.5

_T = TypeVar("_T")


class Call(Generic[_T]):
    """Work for the loop that somebody in another thread waits for.

    The deadline is the work's own; whoever waits does so until it has ended, or its loop has.
    """

    def __init__(self, work: Callable[[], Awaitable[_T]]) -> None:
        self._work = work
        self._task: asyncio.Task[_T | None] | None = None
        self._given_up = False
        self._ended = threading.Event()
        self._leaving: KeyboardInterrupt | SystemExit | None = None

    # In the loop's thread

    def begin(self) -> None:
        """Start the work, unless it was given up before."""
        if not self._given_up:
            self._task = asyncio.get_running_loop().create_task(self._conduct())
            self._task.add_done_callback(lambda _: self._ended.set())

    def give_up(self) -> None:
        """Cancel the work."""
        self._given_up = True
        if self._task is None:
            self._ended.set()
        else:
            self._task.cancel()

    async def _conduct(self) -> _T | None:
        try:
            return await self._work()
        except (KeyboardInterrupt, SystemExit) as leaving:
            # A user's function says so to whoever waits here; the loop, which it would end, belongs to others too.
            self._leaving = leaving
            return None

    # In the caller's thread

    @property
    def has_ended(self) -> bool:
        """Whether there is nothing more to wait for."""
        return self._ended.is_set()

    def wait(self, thread: threading.Thread) -> None:
        """Wait for the end of the work; raises LinkClosedError when the loop's ``thread`` ends without it."""
        while not self._ended.wait(LOOK_UP):
            if not thread.is_alive():
                raise LinkClosedError("the loop of devsession.sync ended meanwhile")

    def result(self) -> _T:
        """Return what came of the work, or raise it."""
        assert self._task is not None
        if self._task.cancelled():
            raise LinkClosedError("the loop of devsession.sync ended meanwhile")
        if self._leaving is not None:
            raise self._leaving
        return cast("_T", self._task.result())
