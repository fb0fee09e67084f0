"""Those who wait for a board: by priority, and fairly among agents within one."""

from __future__ import annotations

import bisect
import itertools
from collections.abc import Iterator

from devsession.pool.model import Waiter

# Turns of agents that are remembered at most; those behind the present turn mean nothing any more.
REMEMBERED = 10_000


class WaitingLine:
    """Waiters in the order in which they are to be served.

    An agent's second request of a kind comes one turn after its first, so that one who asks a hundred times is not served a hundred times
    before somebody else is served once.
    """

    def __init__(self) -> None:
        self._line: list[Waiter] = []
        self._numbers = itertools.count()
        self._turn = 0.0
        self._turns: dict[tuple[int, str], float] = {}

    def __len__(self) -> int:
        return len(self._line)

    def __iter__(self) -> Iterator[Waiter]:
        return iter(tuple(self._line))

    def __contains__(self, waiter: object) -> bool:
        return waiter in self._line

    def add(self, waiter: Waiter) -> None:
        """Put a waiter in line; one that was in line before gets its old place."""
        if not waiter.order:
            waiter.order = (-waiter.priority, self._turn_of(waiter), next(self._numbers))
        bisect.insort(self._line, waiter, key=lambda one: one.order)

    def remove(self, waiter: Waiter, *, served: bool = False) -> None:
        """Take a waiter out; raises ValueError when it is not in line."""
        self._line.remove(waiter)
        if served:
            self._turn = max(self._turn, waiter.order[1])
        elif not self._line:
            self._turns.clear()

    def _turn_of(self, waiter: Waiter) -> float:
        if waiter.agent is None:
            return self._turn
        key = waiter.priority, waiter.agent
        if len(self._turns) >= REMEMBERED:
            self._turns = {one: turn for one, turn in self._turns.items() if turn >= self._turn}
        turn = self._turns[key] = max(self._turn, self._turns.get(key, self._turn - 1) + 1)
        return turn
