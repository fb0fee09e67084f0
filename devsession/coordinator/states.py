"""The states of a coordinated session, and every way between them: this table is the specification."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from devsession.errors import LocalProtocolError


class CoordinatedState(enum.Enum):
    """What a coordinated session is doing."""

    ACTIVE = "active"  # nothing of it runs; it takes the next program
    PROCESSING = "processing"  # a program of it runs, or waits for its board
    WAITING = "waiting-for-input"  # its program asked for a line, and stands still until it gets one
    PAUSED = "paused"  # it is held back; what was sent meanwhile waits
    HIBERNATED = "hibernated"  # its values are on the host, and nothing of it is on a board
    COMPLETED = "completed"
    FAILED = "failed"  # its program failed, or its board was lost: `reason` says which


_TO_ITS_END = frozenset({CoordinatedState.COMPLETED, CoordinatedState.FAILED})

TRANSITIONS: dict[CoordinatedState, frozenset[CoordinatedState]] = {
    CoordinatedState.ACTIVE: _TO_ITS_END
    | {CoordinatedState.PROCESSING, CoordinatedState.PAUSED, CoordinatedState.HIBERNATED},
    CoordinatedState.PROCESSING: _TO_ITS_END
    | {CoordinatedState.ACTIVE, CoordinatedState.WAITING, CoordinatedState.PAUSED},
    CoordinatedState.WAITING: _TO_ITS_END
    | {CoordinatedState.PROCESSING, CoordinatedState.ACTIVE, CoordinatedState.PAUSED},
    CoordinatedState.PAUSED: _TO_ITS_END
    | {
        CoordinatedState.ACTIVE,
        CoordinatedState.PROCESSING,
        CoordinatedState.WAITING,
        CoordinatedState.HIBERNATED,
    },
    CoordinatedState.HIBERNATED: _TO_ITS_END | {CoordinatedState.ACTIVE},
    CoordinatedState.COMPLETED: frozenset(),
    CoordinatedState.FAILED: frozenset(),
}

# Nothing of these runs any more, nor will.
ENDED = _TO_ITS_END
# A program of these is under way on a board.
UNDER_WAY = frozenset({CoordinatedState.PROCESSING, CoordinatedState.WAITING})


class SessionEventKind(enum.Enum):
    """What a change is about."""

    CREATED = "created"
    STATE = "state"
    RENAMED = "renamed"
    FOREGROUND = "foreground"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class SessionEvent:
    """What changed about a session: its ``name``, and what was ``before`` and is ``after``.

    Those are states for ``STATE``, names for ``RENAMED``, the names of the sessions in the foreground for ``FOREGROUND`` (None for none).
    """

    what: SessionEventKind
    name: str
    before: CoordinatedState | str | None = None
    after: CoordinatedState | str | None = None


def check(before: CoordinatedState, after: CoordinatedState) -> None:
    """Raise LocalProtocolError for a change that the table does not have."""
    if after not in TRANSITIONS[before]:
        raise LocalProtocolError(f"a session does not go from {before.value} to {after.value}")
