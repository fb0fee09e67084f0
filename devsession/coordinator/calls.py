"""How many programs are under way at once."""

from __future__ import annotations

import asyncio
from collections import deque


class Calls:
    """Counts the programs under way: ``begin`` waits while there are ``limit`` of them, first come first served."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._waiting: deque[asyncio.Future[None]] = deque()
        self.under_way = 0

    async def begin(self) -> None:
        """Wait until one more may be under way, and count it. When cancelled it is not counted."""
        if self.under_way < self._limit:
            self.under_way += 1
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            # Let in in the same moment: that goes to the next.
            if turn.done() and not turn.cancelled():
                self.end()
            raise

    def go_on(self) -> None:
        """Count one that stood still and goes on, however many there are: its board cannot be told to wait."""
        self.under_way += 1

    def end(self) -> None:
        """Count one that ended, or stands still, no more; the next may begin."""
        self.under_way -= 1
        while self._waiting and self.under_way < self._limit:
            turn = self._waiting.popleft()
            if not turn.done():
                self.under_way += 1
                turn.set_result(None)
