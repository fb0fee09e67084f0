"""A program under way on a board, seen from the caller's side."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import TracebackType
from typing import Self

from devsession.board.execution import Execution
from devsession.board.expect import Expected, Expecter, Patterns
from devsession.board.job import Job
from devsession.board.output import OutputLog
from devsession.errors import UsageError


class Running:
    """A program that was started and may still run: iterate for its output, ``result()`` for what came of it.

    Use it in ``async with``: leaving the block before the program has ended interrupts it and leaves the board usable.
    """

    def __init__(self, job: Job, task: asyncio.Task[Execution], output: OutputLog, board: str) -> None:
        self._job = job
        self._task = task
        assert job.more is not None
        self._more = job.more
        self._output = output
        self._expecter = Expecter(output, self._why_silent, board, output.end)
        task.add_done_callback(self._ended)

    @property
    def dropped(self) -> int:
        """Bytes of output that this side was too slow to take: over 10 MiB waiting, the oldest are dropped."""
        return self._job.feed.dropped if self._job.feed is not None else 0

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        """Return the bytes printed since the last time, waiting for some; ends when the program has ended."""
        feed = self._job.feed
        assert feed is not None
        while not len(feed):
            if self._task.done():
                raise StopAsyncIteration
            self._more.clear()
            await self._more.wait()
        return feed.take()

    async def expect(self, patterns: Patterns, timeout: float | None = None) -> Expected:
        """Wait until the board prints what matches a pattern, or one of several, since this program was started.

        As ``Board.expect``, and raises ExpectError too when the program ends before; it runs on after that error, and after a match.
        """
        return await self._expecter.expect(patterns, timeout)

    async def result(self) -> Execution:
        """Wait for the end and return what came of it; raises what ``Board.run`` raises.

        Raises UsageError when it was stopped. When cancelled the program runs on: use ``stop``.
        """
        try:
            return await asyncio.shield(self._task)
        except asyncio.CancelledError:
            current = asyncio.current_task()
            if self._task.cancelled() and not (current and current.cancelling()):
                raise UsageError("the program was stopped before it ended", phase="exec") from None
            raise

    def when_over(self, function: Callable[[], None]) -> None:
        """Have ``function`` called when the program has ended, in whatever way."""
        self._task.add_done_callback(lambda _: function())

    async def stop(self) -> None:
        """Interrupt the program if it still runs, and wait until the board is at its prompt."""
        self._task.cancel()
        await asyncio.wait([self._task])
        if not self._task.cancelled():
            # What it ended with is for `result` to raise; here it only counts as seen.
            self._task.exception()

    def _ended(self, _: asyncio.Task[Execution]) -> None:
        self._more.set()
        self._output.wake()

    def _why_silent(self) -> str | None:
        return "the program has ended" if self._task.done() else None
