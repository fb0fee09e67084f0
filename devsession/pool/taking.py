"""Taking boards: several at once or none, the least recently used first, waiting while others have them."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from devsession.errors import LeaseTimeoutError, PoolError
from devsession.pool.locks import BoardLock, Locks
from devsession.pool.provider import BoardOffer

# Seconds between two looks for a free board: short at first, as most uses are, then longer, so that those who wait cost little.
FIRST_LOOK = 0.01
LAST_LOOK = 0.25
GROWTH = 1.5


@dataclass(slots=True)
class Taken:
    """A board that is this process's until ``give_back``; ``lock`` is ``None`` for one that nobody else can meet."""

    board: BoardOffer
    lock: BoardLock | None

    def give_back(self) -> None:
        """Let others have the board."""
        if self.lock is not None:
            self.lock.release()


def take(
    places: Sequence[Sequence[BoardOffer]], locks: Locks, *, owner: str, timeout: float
) -> tuple[Taken, ...]:
    """Return a board for each of ``places``, each of which names the boards that would do: no board twice, all of them or none.

    ``owner`` is what others are told who wait for them, ``timeout`` in seconds how long to wait. While waiting nothing is held, so nobody
    waits for one who waits. Raises PoolError when there are too few boards whoever has them, LeaseTimeoutError, which says who does.
    """
    if _assign(places, [board for place in places for board in place]) is None:
        raise PoolError(f"{len(places)} boards are wanted at once, and there are not that many that would do")
    deadline = time.monotonic() + timeout
    pause = FIRST_LOOK
    while (taken := _try(places, locks, owner)) is None:
        left = deadline - time.monotonic()
        if left <= 0:
            raise LeaseTimeoutError(
                f"no board became free within {timeout:g} s: {_holders(places, locks)}", timeout=timeout
            )
        time.sleep(min(pause, left))
        pause = min(pause * GROWTH, LAST_LOOK)
    return taken


def _try(places: Sequence[Sequence[BoardOffer]], locks: Locks, owner: str) -> tuple[Taken, ...] | None:
    identities = {board.identity for place in places for board in place if board.identity is not None}
    with locks.pool():
        # The pool lock keeps others from seeing those that are held for a moment only.
        oldest = sorted(identities, key=lambda identity: (locks.last_used(identity), identity))
        free = {identity: lock for identity in oldest if (lock := locks.try_lock(identity)) is not None}
        order = {identity: number for number, identity in enumerate(free)}
        usable = [
            board for place in places for board in place if board.identity is None or board.identity in order
        ]
        usable.sort(key=lambda board: -1 if board.identity is None else order[board.identity])
        chosen = _assign(places, usable)
        used = {board.identity for board in chosen or ()}
        for identity, lock in free.items():
            if identity in used:
                lock.say(owner)
            else:
                lock.drop()
    if chosen is None:
        return None
    return tuple(Taken(board, free[board.identity] if board.identity else None) for board in chosen)


def _assign(
    places: Sequence[Sequence[BoardOffer]], usable: Sequence[BoardOffer], taken: frozenset[str] = frozenset()
) -> tuple[BoardOffer, ...] | None:
    """Return one of ``usable`` for each place, the first that does where there is a choice; ``None`` where that cannot be."""
    if not places:
        return ()
    for board in dict.fromkeys(usable):
        if board in places[0] and (board.identity is None or board.identity not in taken):
            rest = _assign(places[1:], usable, taken | ({board.identity} if board.identity else set()))
            if rest is not None:
                return (board, *rest)
    return None


def _holders(places: Sequence[Sequence[BoardOffer]], locks: Locks) -> str:
    boards = {board.identity: board for place in places for board in place if board.identity is not None}
    told = [
        f"{board.name} is held by {locks.holder(identity) or 'somebody'}"
        for identity, board in boards.items()
    ]
    return "; ".join(told)
