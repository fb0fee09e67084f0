"""Keeping what passes, for looking at it later."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass
from enum import Enum

from devsession.errors import shown
from devsession.transport.base import Transport
from devsession.transport.wrapper import WrappedTransport

# How many chunks are kept, and bytes of them: enough for thousands of execs, bounded for a link that is open for weeks and moves files.
KEPT = 65536
LIMIT = 16 * 1024 * 1024


class Direction(Enum):
    """Which way bytes went."""

    UP = ">"  # to the board
    DOWN = "<"  # from the board


@dataclass(frozen=True, slots=True)
class Chunk:
    """Bytes that passed at once: ``time`` in seconds since the recording began."""

    time: float
    direction: Direction
    data: bytes

    def __str__(self) -> str:
        return f"{self.time:10.6f} {self.direction.value} {shown(self.data)}"


class RecordedTransport(WrappedTransport):
    """Keeps the last chunks that passed through ``inner``; ``print`` it to read them.

    At most ``kept`` of them and ``limit`` bytes, but always the last one; ``dropped`` counts those that had to go.
    """

    def __init__(self, inner: Transport, kept: int = KEPT, *, limit: int = LIMIT) -> None:
        super().__init__(inner)
        self.chunks: deque[Chunk] = deque()
        self.dropped = 0
        self._kept = kept
        self._limit = limit
        self._size = 0
        self._begun = time.monotonic()

    def __str__(self) -> str:
        lines = [str(chunk) for chunk in self.chunks]
        if self.dropped:
            lines.insert(0, f"{self.dropped} earlier chunks were dropped")
        return "\n".join(lines)

    def bytes_of(self, direction: Direction) -> bytes:
        """Return everything kept that went one way."""
        return b"".join(chunk.data for chunk in self.chunks if chunk.direction is direction)

    def _wrote(self, data: bytes) -> None:
        self._keep(Direction.UP, data)

    def _read(self, data: bytes) -> None:
        self._keep(Direction.DOWN, data)

    def _keep(self, direction: Direction, data: bytes) -> None:
        self.chunks.append(Chunk(time.monotonic() - self._begun, direction, data))
        self._size += len(data)
        while len(self.chunks) > 1 and (len(self.chunks) > self._kept or self._size > self._limit):
            self._size -= len(self.chunks.popleft().data)
            self.dropped += 1
