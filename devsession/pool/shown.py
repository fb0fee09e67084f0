"""How the pools of this computer stand, as each of them last showed it to the others."""

from __future__ import annotations

import contextlib
import sqlite3
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from devsession.errors import PoolError
from devsession.pool.database import READ_POOLS, default_path, locks_beside, open_to_look, transaction
from devsession.pool.locks import BoardLock, Locks
from devsession.pool.metrics import PoolMetrics
from devsession.pool.snapshot import PoolSnapshot

if TYPE_CHECKING:
    from pydantic import TypeAdapter

# For so many seconds it is told of a pool that its process ended without closing it; then it is forgotten.
DEAD_TOLD = 600.0


@dataclass(frozen=True, slots=True)
class State:
    """What a pool shows of itself."""

    snapshot: PoolSnapshot
    metrics: PoolMetrics

    def timeless(self) -> State:
        """Return the same without what changes as time goes by, though nothing happens."""
        boards = tuple(replace(board, lease_age=None, retry_in=None) for board in self.snapshot.boards)
        return State(
            replace(self.snapshot, taken_at=0.0, boards=boards),
            replace(self.metrics, taken_at=0.0, request_rate=0.0),
        )


@dataclass(frozen=True, slots=True)
class ShownPool:
    """A pool of this computer: which process has it, what that calls itself, whether it lives, and how the pool stood ``shown_at``.

    A process that does not live ended without closing its pool; its boards are free.
    """

    pid: int
    program: str
    shown_at: float
    is_alive: bool
    snapshot: PoolSnapshot
    metrics: PoolMetrics


def shown_pools(path: Path | None = None) -> tuple[ShownPool, ...]:
    """Return the pools that keep a store on this computer, and those that were lost in the last ten minutes.

    ``path`` is the store's file (default: the user's). Any thread and process may ask at any time; it takes a few milliseconds. What was
    lost earlier is cleaned up. Raises PoolError when the file is not usable.
    """
    path = path or default_path()
    connection = open_to_look(path)
    if connection is None:
        return ()
    try:
        locks = locks_beside(path)
        with contextlib.closing(connection), locks.pool():
            forget_the_dead(connection, locks)
            rows = connection.execute(READ_POOLS).fetchall()
            living = {slot for slot, *_ in rows if is_held(locks, slot)}
    except sqlite3.Error as error:
        raise PoolError(f"{path} cannot be read: {error}") from error
    return tuple(_shown(rows, living))


def forget_the_dead(connection: sqlite3.Connection, locks: Locks) -> None:
    """Remove what is shown of pools that were lost long ago; the caller holds the pool lock."""
    long_ago = time.time() - DEAD_TOLD
    old = connection.execute("SELECT slot FROM pools WHERE shown_at < ?", (long_ago,)).fetchall()
    lost = [(slot,) for (slot,) in old if not is_held(locks, slot)]
    if lost:
        with transaction(connection):
            connection.executemany("DELETE FROM pools WHERE slot = ?", lost)


def take_slot(connection: sqlite3.Connection, locks: Locks) -> tuple[int, BoardLock]:
    """Return a place among the pools shown, and the lock that tells others that its pool lives: nobody else has it, or is told of there."""
    with locks.pool():
        forget_the_dead(connection, locks)
        taken = {slot for slot, *_ in connection.execute(READ_POOLS)}
        slot = 0
        while slot in taken or (lock := locks.try_lock(_name(slot))) is None:
            slot += 1
        return slot, lock


def is_held(locks: Locks, slot: int) -> bool:
    """Whether the process of the pool at ``slot`` lives; the caller holds the pool lock."""
    lock = locks.try_lock(_name(slot))
    if lock is None:
        return True
    lock.drop()
    return False


@cache
def states() -> TypeAdapter[State]:
    """Return what turns a State into JSON and back."""
    from pydantic import TypeAdapter

    return TypeAdapter(State)


def _shown(rows: list[tuple[int, int, str, float, str]], living: set[int]) -> Iterator[ShownPool]:
    for slot, pid, program, shown_at, told in rows:
        # One that cannot be read was written by another version: it is none to this one.
        with contextlib.suppress(ValueError):
            state = states().validate_json(told)
            yield ShownPool(pid, program, shown_at, slot in living, state.snapshot, state.metrics)


def _name(slot: int) -> str:
    return f"pool {slot}"
