"""Work on one board, one caller at a time, each in a task of its own: who is cancelled waits until the board has been brought back."""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from devsession.board.deadline import Deadline
from devsession.board.log import log
from devsession.board.turnstile import Turnstile
from devsession.errors import DeadlineError, DevsessionError, LinkClosedError, UsageError

_T = TypeVar("_T")


class Turns:
    """Gives each caller the wire, by priority and then in order."""

    def __init__(self, board: str) -> None:
        self._board = board
        self._turnstile = Turnstile()
        self._tasks: dict[asyncio.Task[Any], int] = {}
        self._stopped: weakref.WeakKeyDictionary[asyncio.Task[Any], DevsessionError] = (
            weakref.WeakKeyDictionary()
        )

    @property
    def is_busy(self) -> bool:
        """Whether there is work under way, or waiting."""
        return bool(self._tasks)

    async def take(
        self, work: Callable[[], Awaitable[_T]], deadline: Deadline, priority: int = 0, owner: int = 0
    ) -> _T:
        """Do ``work`` when it is the caller's turn, and return what it returns.

        Raises DeadlineError when the turn did not come in time. When cancelled the work is cancelled, and waited for.
        """
        task = self.start(work, deadline, priority, owner)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            current = asyncio.current_task()
            if task.cancelled() and not (current and current.cancelling()):
                closed = LinkClosedError("the board was closed meanwhile", board=self._board)
                raise self._stopped.get(task, closed) from None
            task.cancel()
            await asyncio.wait([task])
            if not task.cancelled() and (error := task.exception()):
                log.event("cancelled", board=self._board, error=type(error).__name__, said=str(error))
            raise

    def start(
        self, work: Callable[[], Awaitable[_T]], deadline: Deadline, priority: int = 0, owner: int = 0
    ) -> asyncio.Task[_T]:
        """Return at once the task that does ``work`` when it is its turn; ``owner`` says whose it is, for ``stop``."""
        conducted = self._conduct(work, deadline, checked_priority(priority))
        task = asyncio.get_running_loop().create_task(conducted)
        self._tasks[task] = owner
        task.add_done_callback(lambda done: self._tasks.pop(done, None))
        return task

    async def stop(self, owner: int, error: DevsessionError) -> None:
        """Cancel what is under way or waiting for one owner, and see it end; those who wait for it get ``error``."""
        stopped = [task for task, whose in self._tasks.items() if whose == owner]
        for task in stopped:
            self._stopped[task] = error
            task.cancel()
        if stopped:
            await asyncio.wait(stopped)

    async def end(self) -> None:
        """Cancel everything under way or waiting, and see it end."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    async def _conduct(self, work: Callable[[], Awaitable[_T]], deadline: Deadline, priority: int) -> _T:
        try:
            async with asyncio.timeout(deadline.remaining):
                await self._turnstile.acquire(priority)
        except TimeoutError:
            raise DeadlineError(
                f"another program held the board for all of {deadline.timeout:g} s",
                timeout=deadline.timeout or 0.0,
                board=self._board,
                phase="queue",
            ) from None
        try:
            return await work()
        finally:
            self._turnstile.release()


def checked_priority(priority: int) -> int:
    """Return a priority among those who wait for the board; raises UsageError for what is none."""
    if not isinstance(priority, int):
        raise UsageError(f"a priority is an int, the higher the sooner, not {priority!r}", phase="queue")
    return priority
