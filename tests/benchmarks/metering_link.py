"""A link between a client and a board that counts what passes and is as fast as it is told to be.

As a program, `python metering_link.py BOARD LINK [RATE LATENCY]`, it opens the terminal BOARD, offers a terminal of its own as the symbolic
link LINK, and answers each line on its standard input with the counts so far, as JSON; it ends with its input, or with the board. RATE is in
bytes a second each way, LATENCY in seconds each way; without them everything passes at once. It is a process of its own so that a client
that keeps its interpreter busy does not hold it up.

Pacing is by a schedule, not by sleeping: a byte leaves the sender when the one before it has left, one byte's time after that, and arrives a
latency later. Who wakes late hands on what has become due meanwhile, so the link is on time on a busy machine too, and never early. What
the receiver does not take holds the line, as it does on USB.
"""

from __future__ import annotations

import json
import os
import select
import signal
import sys
import time
import tty
from collections import deque
from dataclasses import dataclass
from pathlib import Path

# What is handed on at once, at the least: fewer and larger pieces cost fewer wake-ups; the last byte of a piece is on time in any case.
STEP = 0.0005
# The sender is held back while this many bytes wait: as much as a pseudo-terminal holds.
WAITING = 64 * 1024


@dataclass(slots=True)
class Pace:
    """Bytes a second and seconds of latency, each way; no rate is a link that takes no time."""

    rate: float = 0.0
    latency: float = 0.0

    def limit(self, count: int, turns: int = 1) -> float:
        """Return the seconds that ``count`` bytes take at the least, with as many turns."""
        return (count / self.rate if self.rate else 0.0) + 2 * turns * self.latency


@dataclass(slots=True)
class Counts:
    """Bytes to the board, bytes from it, and turns: changes, as the client sees them, from host→board to board→host."""

    up: int = 0
    down: int = 0
    turns: int = 0
    hosts_turn: bool = False

    def went_up(self, count: int) -> None:
        self.up += count
        self.hosts_turn = True

    def came_down(self, count: int) -> None:
        self.down += count
        self.turns += self.hosts_turn
        self.hosts_turn = False


class Way:
    """One direction: bytes on their way from the descriptor ``source`` to ``sink``."""

    def __init__(self, source: int, sink: int, pace: Pace) -> None:
        self.source, self.sink, self._pace = source, sink, pace
        self._queue: deque[tuple[float, memoryview]] = deque()
        self._waiting = 0
        # When the byte handed on last had left the sender.
        self._free = 0.0
        self.blocked = False

    @property
    def takes(self) -> bool:
        return self._waiting < WAITING

    def take(self, now: float) -> int:
        """Put what the sender has on the line; return how much that was; raises OSError when it is gone."""
        data = os.read(self.source, WAITING)
        if not data:
            raise ConnectionResetError("the terminal was hung up")
        self._queue.append((now, memoryview(data)))
        self._waiting += len(data)
        return len(data)

    def hand_on(self, now: float) -> int:
        """Hand on what has arrived by ``now``; return how much that was."""
        passed = 0
        self.blocked = False
        while self._queue and (due := self._due(now)):
            written = self._write(self._queue[0][1][:due])
            passed += written
            self._leave(written)
            if written < due:
                self.blocked = True
                self._free = max(self._free, now - self._pace.latency)
                break
        return passed

    def wake(self) -> float | None:
        """Return when there is something to do for this direction; ``None`` while it depends on others."""
        if self.blocked or not self._queue:
            return None
        if not self._pace.rate:
            return 0.0
        piece = min(len(self._queue[0][1]), max(1, int(STEP * self._pace.rate)))
        return self._begins() + piece / self._pace.rate + self._pace.latency

    def _begins(self) -> float:
        return max(self._free, self._queue[0][0])

    def _due(self, now: float) -> int:
        size = len(self._queue[0][1])
        if not self._pace.rate:
            return size
        # A nanosecond for the rounding of the float that the wake-up was.
        elapsed = now + 1e-9 - self._pace.latency - self._begins()
        return min(size, max(0, int(elapsed * self._pace.rate)))

    def _leave(self, count: int) -> None:
        came, data = self._queue.popleft()
        if self._pace.rate:
            self._free = max(self._free, came) + count / self._pace.rate
        if count < len(data):
            self._queue.appendleft((came, data[count:]))
        self._waiting -= count

    def _write(self, data: memoryview) -> int:
        try:
            return os.write(self.sink, data)
        except BlockingIOError:
            return 0


def carry(client: int, board: int, pace: Pace, questions: int) -> None:
    """Move bytes between two descriptors, and answer each line on ``questions`` with the counts; returns when that ends."""
    up, down = Way(client, board, pace), Way(board, client, pace)
    counts = Counts()
    while True:
        wakes = [wake for way in (up, down) if (wake := way.wake()) is not None]
        timeout = max(0.0, min(wakes) - time.monotonic()) if wakes else None
        readable, _, _ = select.select(
            [questions, *(way.source for way in (up, down) if way.takes)],
            [way.sink for way in (up, down) if way.blocked],
            [],
            timeout,
        )
        now = time.monotonic()
        if passed := down.hand_on(now):
            counts.came_down(passed)
        up.hand_on(now)
        if up.source in readable:
            counts.went_up(up.take(now))
        if down.source in readable:
            down.take(now)
        if questions in readable:
            lines = os.read(questions, 4096)
            if not lines:
                return
            for _ in range(lines.count(b"\n")):
                print(json.dumps({"up": counts.up, "down": counts.down, "turns": counts.turns}), flush=True)


def main(board_path: str, link_path: str, pace: Pace) -> None:
    signal.signal(
        signal.SIGINT, signal.SIG_IGN
    )  # Ctrl-C is the client's business; the link ends with its input
    ours, theirs = os.openpty()
    board = os.open(board_path, os.O_RDWR | os.O_NOCTTY)
    # Ours of the client's side stays open: the terminal outlasts clients, and keeps its settings.
    for descriptor in (theirs, board):
        tty.setraw(descriptor)
    for descriptor in (ours, board):
        os.set_blocking(descriptor, False)
    link = Path(link_path)
    link.symlink_to(os.ttyname(theirs))
    try:
        print("ready", flush=True)
        carry(ours, board, pace, sys.stdin.fileno())
    except OSError as gone:
        sys.exit(f"{board_path}: {gone}")
    finally:
        link.unlink()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Pace(*map(float, sys.argv[3:])))
