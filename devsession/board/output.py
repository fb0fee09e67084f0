"""Everything a board prints, time-stamped and bounded, for those who read it later and those who wait for it."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass

from devsession.transport.waiters import Waiters

# How much is kept; the oldest goes first. Pieces are bounded too: a board that prints byte by byte would take 100 times the memory.
OUTPUT_KEPT = 10 * 1024 * 1024
PIECES_KEPT = 32768
# What follows within this time is the same piece: a board prints line by line in many small packets.
SAME_PIECE = 0.001


@dataclass(frozen=True, slots=True)
class Printed:
    """One piece of output: when its first byte came (``time.time()``), and its bytes."""

    time: float
    data: bytes


class OutputLog:
    """What a board printed: by programs and by itself, in order.

    ``bytes(output)`` is all that is kept, ``text`` the same as text, ``pieces`` with their times. ``dropped`` counts the bytes before
    those, ``end`` all that ever came; ``limit`` is how many bytes are kept.
    """

    def __init__(self, limit: int = OUTPUT_KEPT) -> None:
        self._pieces: deque[Printed] = deque()
        self.limit = limit
        self._readers = Waiters()
        self.dropped = 0
        self.end = 0

    def __bytes__(self) -> bytes:
        return b"".join(piece.data for piece in self._pieces)

    @property
    def text(self) -> str:
        """What is kept, as text; bytes that are no UTF-8 appear as escapes."""
        return bytes(self).decode("utf-8", "backslashreplace")

    @property
    def pieces(self) -> list[Printed]:
        """What is kept, with the time of each piece."""
        return list(self._pieces)

    def append(self, data: bytes) -> None:
        """Add what came now."""
        now = time.time()
        last = self._pieces[-1] if self._pieces else None
        if last is not None and now - last.time < SAME_PIECE:
            self._pieces[-1] = Printed(last.time, last.data + data)
        else:
            self._pieces.append(Printed(now, data))
        self.end += len(data)
        while self.end - self.dropped > self.limit or len(self._pieces) > PIECES_KEPT:
            self.dropped += len(self._pieces.popleft().data)
        self.wake()

    def since(self, position: int) -> tuple[int, bytes]:
        """Return what came after the first ``position`` bytes and is still kept, and where that begins."""
        data = b"".join(piece.data for piece in self._since(position))
        return self.end - len(data), data

    def _since(self, position: int) -> list[Printed]:
        found: list[Printed] = []
        at = self.end
        for piece in reversed(self._pieces):
            if at <= position:
                break
            found.append(piece)
            at -= len(piece.data)
        found.reverse()
        if at < position and found:
            found[0] = Printed(found[0].time, found[0].data[position - at :])
        return found

    def wake(self) -> None:
        """Have those who wait look again."""
        self._readers.wake()

    async def changed(self) -> None:
        """Wait until something comes, or the link ends."""
        await self._readers.wait()

    async def follow(self, over: Callable[[], bool], position: int) -> AsyncGenerator[Printed]:
        """Yield what comes after the first ``position`` bytes, until ``over()``; a reader who is too slow misses the oldest."""
        while True:
            pieces, position = self._since(position), self.end
            for piece in pieces:
                yield piece
            if position == self.end:
                if over():
                    return
                await self.changed()
