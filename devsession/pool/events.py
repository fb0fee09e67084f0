"""What a pool tells of itself: one class for each kind of event, told to the listeners of ``pool.events``."""

from __future__ import annotations

import enum
import time
from dataclasses import dataclass, field


class Evicted(enum.Enum):
    """Why a session that slept was ended."""

    ROOM = "room"  # the board needs its heap, or keeps as many sessions as it may
    IDLE = "idle"  # its agent did not come back in time
    REUSE_OFF = "reuse off"  # sessions are not kept
    CLOSED = "closed"  # its board was closed or removed, or its pool
    LIFETIME = "lifetime"  # its board was old enough to start anew
    RESET = "reset"  # its board started anew, and its namespace is gone
    LOST = "lost"  # its board is gone
    EXPIRED = "expired"  # its holder gave no sign of life


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolEvent:
    """Something that happened in a pool; ``at`` is when, as ``time.time()`` gives it."""

    pool: str
    at: float = field(default_factory=time.time)


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolInitialized(PoolEvent):
    """The pool has opened its first boards; ``size`` counts them."""

    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardOpened(PoolEvent):
    """A board has joined the pool, ``took`` seconds after that was begun; ``created`` when it was made for it."""

    board: str
    created: bool
    took: float


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardRemoved(PoolEvent):
    """A board has left the pool after ``lifetime`` seconds; ``reason`` in words."""

    board: str
    reason: str
    lifetime: float


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseEvent(PoolEvent):
    """Something that happened to a lease, whose number is ``fence``; ``agent`` is ``None`` for a caller who gave no name."""

    board: str
    session: str
    agent: str | None
    fence: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionCreated(LeaseEvent):
    """A caller was given a clean session, after he had waited for ``waited`` seconds."""

    waited: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionReused(LeaseEvent):
    """An agent was given his own session again, after he had waited for ``waited`` seconds."""

    waited: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionReleased(LeaseEvent):
    """A holder gave his lease back, which he had ``held`` for so many seconds; ``kept`` when the session sleeps now."""

    held: float
    kept: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseRevoked(LeaseEvent):
    """A lease ended under its holder after ``held`` seconds; ``reason`` in words."""

    held: float
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitEnded(PoolEvent):
    """A caller left without a board after ``waited`` seconds; ``reason`` is ``timeout``, ``cancelled`` or ``refused``."""

    agent: str | None
    waited: float
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionEvicted(PoolEvent):
    """A session ended while it slept, or with its board; it had lasted ``lifetime`` seconds."""

    board: str
    session: str
    agent: str | None
    reason: Evicted
    lifetime: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolScaled(PoolEvent):
    """The pool is about to go from ``before`` boards to ``after``; ``utilisation`` is the part of them that was leased, from 0 to 1."""

    before: int
    after: int
    utilisation: float


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthChecked(PoolEvent):
    """A board was probed: ``score`` from 0 to 1, with the ``reasons`` for what is missing; ``took`` seconds."""

    board: str
    score: float
    passed: bool
    reasons: tuple[str, ...]
    took: float


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardQuarantined(PoolEvent):
    """A board failed too often and is left alone for ``seconds``; ``strikes`` counts its failures in a row."""

    board: str
    strikes: int
    seconds: float
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardRecovered(PoolEvent):
    """A board that was sick is well again; ``rung`` is what helped."""

    board: str
    rung: str
    took: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolClosed(PoolEvent):
    """The pool has given back all its boards."""
