"""What programs of a session send by themselves, while they run and while nothing does."""

from __future__ import annotations

import asyncio
import weakref
from collections import deque
from collections.abc import AsyncIterator
from types import TracebackType
from typing import Self

from devsession.board.board import Board
from devsession.board.messages import Event
from devsession.errors import UsageError
from devsession.protocol.source import MAIN

# How many events an iterator keeps for a reader who is slower than the board.
EVENTS_KEPT = 1000


class Events(AsyncIterator[Event]):
    """The events of a session from the moment at which this was made; iterate with ``async for``.

    Entering ``async with`` puts ``devsession_helper`` on the board at once, and leaving it ends the iteration. ``dropped`` counts the
    oldest events, which went when ``limit`` of them were waiting.
    """

    def __init__(self, board: Board, namespace: int, limit: int) -> None:
        if not isinstance(limit, int) or limit < 1:
            raise UsageError(f"{limit!r} is no number of events to keep: an int from 1", phase="events")
        self.dropped = 0
        self._board = board
        self._namespace = namespace
        self._waiting: deque[Event] = deque(maxlen=limit)
        self._more = asyncio.Event()
        self._begun = self._over = False
        board.messages.listen(namespace, self)

    async def __aenter__(self) -> Self:
        await self._begin()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Event:
        """Return the next event, waiting without limit; ends with the session. Raises LinkLostError, LinkClosedError.

        When cancelled no event is lost.
        """
        await self._begin()
        while not self._waiting:
            if self._over:
                raise StopAsyncIteration
            if self._board.lost is not None:
                raise self._board.lost
            self._more.clear()
            await self._more.wait()
        return self._waiting.popleft()

    # For those who tell it what happens

    def take(self, event: Event) -> None:
        """Keep an event for the reader."""
        self.dropped += len(self._waiting) == self._waiting.maxlen
        self._waiting.append(event)
        self._more.set()

    def wake(self) -> None:
        """Have the reader look whether the link is still there."""
        self._more.set()

    def end(self) -> None:
        """Let no more events come; what waits can still be read."""
        self._board.messages.ignore(self._namespace, self)
        self._over = True
        self._more.set()

    async def _begin(self) -> None:
        if not (self._begun or self._waiting or self._over):
            # However long what runs there takes: nothing is asked of it.
            await self._board.equip(self._namespace, timeout=None)
            self._begun = True


class EventSources:
    """The iterators of one session that somebody still reads."""

    def __init__(self, board: Board, namespace: int) -> None:
        self._board = board
        self._namespace = namespace
        self._made: weakref.WeakSet[Events] = weakref.WeakSet()

    def new(self, limit: int) -> Events:
        """Return an iterator over what comes from now on."""
        events = Events(self._board, self._namespace, limit)
        self._made.add(events)
        return events

    def end(self) -> None:
        """End all of them, with the session."""
        for events in tuple(self._made):
            events.end()
        if self._namespace != MAIN:
            self._board.messages.forget(self._namespace)
