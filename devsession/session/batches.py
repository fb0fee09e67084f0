"""The values of a generator on a board, brought in batches: one turn each, large where they come fast."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

from devsession.errors import DeadlineError, DeviceError, UnrepresentableValueError

_T = TypeVar("_T")

# A batch ends after this time on boards with a clock, so that its first value is not kept waiting: seconds.
BATCH_TIME = 0.05
# No batch is larger: it is held on the board, and printed in one piece.
BATCH_MOST = 64

# A value takes a place in a list, its text, and a share of the text of all: about this share of the heap holds one of a batch.
VALUE_SHARE = 256

# Asks for the next values: at most how many, within how many milliseconds; and whether the generator is at its end.
Ask = Callable[[int, int], Awaitable[tuple[list[Any], bool]]]


class Batches(AsyncIterator[_T], Generic[_T]):
    """The values of a generator that runs on a board; iterate with ``async for``, or in ``async with`` to close it at the block's end.

    The generator runs only while values are asked for, and begins with the first. ``aclose`` ends it there, and so does the session's end.
    Raises what the call of a method raises, and DeviceError where the generator does, behind the values that came before.
    ``free_heap`` is that of the board, in bytes, where it is known: on a small one batches are small.
    """

    def __init__(
        self,
        ask: Ask,
        hold: Callable[[Callable[[], Awaitable[None]]], Callable[[], None]],
        free_heap: int | None = None,
    ) -> None:
        self._ask = ask
        self._hold = hold
        self._let_go: Callable[[], None] | None = None
        self._values: deque[_T] = deque()
        self._most = 1
        self._limit = BATCH_MOST if free_heap is None else max(1, min(BATCH_MOST, free_heap // VALUE_SHARE))
        self._over = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def __anext__(self) -> _T:
        """Return the next value."""
        while not self._values:
            if self._over:
                raise StopAsyncIteration
            await self._fetch()
        return self._values.popleft()

    async def aclose(self) -> None:
        """End the generator on the board; what was brought and not taken is dropped.

        Raises DeviceError when it raises while it ends.
        """
        self._values.clear()
        self._over = True
        if self._let_go is not None:
            try:
                await self._ask(0, 0)
            except DeviceError:
                self._settle()
                raise
            self._settle()

    async def _close(self) -> None:
        # For the end of who holds it: nothing is to be let go then.
        self._values.clear()
        self._over, self._let_go = True, None
        await self._ask(0, 0)

    async def _fetch(self) -> None:
        begun = time.monotonic()
        if self._let_go is None:
            self._let_go = self._hold(self._close)
        # Whatever comes in between, values may have been lost with it: then there are no more.
        self._over = True
        try:
            values, self._over = await self._ask(self._most, int(BATCH_TIME * 1000))
        except (DeviceError, DeadlineError, UnrepresentableValueError):
            await self.aclose()
            raise
        if self._over:
            self._settle()
        self._values.extend(values)
        quick = time.monotonic() - begun < BATCH_TIME
        self._most = min(self._most * 2, self._limit) if quick else max(self._most // 2, 1)

    def _settle(self) -> None:
        if self._let_go is not None:
            self._let_go()
            self._let_go = None
