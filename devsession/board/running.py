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
from devsession.board.prompt import Prompt
from devsession.errors import UsageError
from devsession.protocol.states import BUSY, State

# What the board acts on while a program runs, or its prompt would once the program has ended: Ctrl-A to Ctrl-E.
_ACTED_ON = frozenset(b"\x01\x02\x03\x04\x05")


class Running:
    """A program that was started and may still run: iterate for its output, ``result()`` for what came of it.

    Use it in ``async with``: leaving the block before the program has ended interrupts it and leaves the board usable.
    """

    def __init__(self, job: Job, task: asyncio.Task[Execution], prompt: Prompt) -> None:
        self._job = job
        self._prompt = prompt
        self._task = task
        assert job.more is not None
        self._more = job.more
        self._output: OutputLog = prompt.output
        self._expecter = Expecter(self._output, self._why_silent, prompt.url, self._output.end)
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

    def write(self, data: bytes, *, raw: bool = False) -> None:
        """Send bytes to the program, which finds them at its ``sys.stdin``; what it does not read by its end is dropped.

        Ctrl-A to Ctrl-E among them are refused unless ``raw`` is given: the board acts on some at once, its prompt on others. Raises
        UsageError for those, and when the program has not begun or has ended; LinkLostError.
        """
        if not raw and (found := _ACTED_ON.intersection(data)):
            raise UsageError(
                f"the control byte 0x{min(found):02x} is not for programs",
                hint="raw=True sends it all the same",
            )
        if not (self._prompt.job is self._job and self._prompt.wire.state is State.RUNNING):
            raise UsageError(
                "the program does not run: it has not begun, or has ended",
                board=self._prompt.url,
                phase="write",
            )
        self._job.was_fed = True
        self._prompt.wire.feed(data)

    def interrupt(self) -> bool:
        """Send Ctrl-C to the program, until it has ended; return whether it runs. As ``Board.interrupt``, for no other program."""
        if self._prompt.job is not self._job or self._prompt.wire.state not in BUSY:
            return False
        self._prompt.wire.interrupt()
        return True

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
