"""Whose turn it is on the wire: by priority, first come first served within one."""

from __future__ import annotations

import asyncio
import heapq
import itertools


class Turnstile:
    """A lock with priorities: the higher number goes first; who gives up waiting leaves without a trace."""

    def __init__(self) -> None:
        self._held = False
        self._order = itertools.count()
        self._waiting: list[tuple[int, int, asyncio.Future[None]]] = []

    @property
    def held(self) -> bool:
        """Whether somebody has the turn."""
        return self._held

    @property
    def waiting(self) -> int:
        """How many wait for their turn."""
        return sum(not future.done() for _, _, future in self._waiting)

    async def acquire(self, priority: int = 0) -> None:
        """Wait for the turn. When cancelled the turn passes on to the next."""
        if not self._held:
            self._held = True
            return
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (-priority, next(self._order), future))
        try:
            await future
        except asyncio.CancelledError:
            # Handed over in the same moment: the turn is ours to pass on.
            if future.done() and not future.cancelled():
                self.release()
            raise

    def release(self) -> None:
        """Give the turn to the next, or to nobody."""
        while self._waiting:
            _, _, future = heapq.heappop(self._waiting)
            if not future.done():
                future.set_result(None)
                return
        self._held = False
