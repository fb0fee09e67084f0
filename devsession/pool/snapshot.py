"""How a pool stands at one moment: plain values, for people, metrics and other processes."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class BoardState(enum.Enum):
    """Where a board of a pool stands."""

    CLOSED = "closed"  # known, not open: nobody needs it, or somebody else has it
    OPENING = "opening"
    IDLE = "idle"
    CHECKING = "checking"  # it is being probed, or made ready for its next user
    LEASED = "leased"
    RECOVERING = "recovering"
    QUARANTINED = "quarantined"
    CLOSING = "closing"


# Open, or about to be: these are what ``size`` counts.
MEMBERS = frozenset(BoardState) - {BoardState.CLOSED, BoardState.QUARANTINED}


@dataclass(frozen=True, slots=True)
class BoardSnapshot:
    """One board: ``score`` is its health from 0 to 1 with the ``reasons`` for what is missing, ``strikes`` its failures in a row.

    ``agent`` is who has it, ``lease_age`` for how many seconds, ``fence`` the number of the lease; ``sleeping`` are the agents whose
    sessions it keeps. ``retry_in`` is in how many seconds one in quarantine is tried again.
    """

    name: str
    url: str
    identity: str | None
    tags: frozenset[str]
    state: BoardState
    score: float
    reasons: tuple[str, ...]
    strikes: int
    agent: str | None
    fence: int | None
    lease_age: float | None
    sleeping: tuple[str, ...]
    uses: int
    free_heap: int | None
    is_pinned: bool
    retry_in: float | None


@dataclass(frozen=True, slots=True)
class PoolSnapshot:
    """A pool: ``size`` boards are open or about to be, ``active`` are leased, ``idle`` are ready to be.

    ``unhealthy`` are recovering or in quarantine; ``sessions`` counts namespaces, those that sleep and those in use; ``waiting`` callers
    wait for a board. ``taken_at`` is a time as ``time.time()`` gives it.
    """

    name: str
    provider: str
    taken_at: float
    size: int
    min_size: int
    max_size: int
    active: int
    idle: int
    unhealthy: int
    sessions: int
    waiting: int
    is_draining: bool
    boards: tuple[BoardSnapshot, ...]

    @property
    def utilisation(self) -> float:
        """Which part of the boards is leased, from 0 to 1."""
        return self.active / self.size if self.size else 0.0


@dataclass(frozen=True, slots=True)
class SessionSnapshot:
    """One session of a pool: ``fence`` is the number of the lease that it is used by, ``None`` while it sleeps.

    ``agent`` is ``None`` for a caller who gave no name. ``idle`` is for how many seconds it has slept, ``uses`` how often it was given out.
    """

    agent: str | None
    board: str
    fence: int | None
    idle: float
    uses: int
    is_pinned: bool
