"""The states of a connection, as a manager tells them, and every way between them."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from devsession.board.happenings import Happening
from devsession.errors import LocalProtocolError


class ConnectionState(enum.Enum):
    """Where a manager's connection to its board stands."""

    DISCONNECTED = "disconnected"
    CONNECTING = "connecting"
    CONNECTED = "connected"  # the board is at its prompt, nothing runs
    EXECUTING = "executing"
    RECOVERING = "recovering"  # a program is being stopped, or the board brought back
    LOST = "lost"  # the link is gone
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class StateChange:
    """A connection went from one state to another."""

    before: ConnectionState
    after: ConnectionState


# What a board tells, and where it leads from which state; what is not here changes nothing.
MOVES: dict[tuple[ConnectionState, Happening], ConnectionState] = {
    (ConnectionState.CONNECTED, Happening.EXEC_BEGAN): ConnectionState.EXECUTING,
    (ConnectionState.EXECUTING, Happening.EXEC_ENDED): ConnectionState.CONNECTED,
    (ConnectionState.CONNECTED, Happening.RECOVERY_BEGAN): ConnectionState.RECOVERING,
    (ConnectionState.EXECUTING, Happening.RECOVERY_BEGAN): ConnectionState.RECOVERING,
    (ConnectionState.RECOVERING, Happening.RECOVERY_ENDED): ConnectionState.EXECUTING,
    (ConnectionState.RECOVERING, Happening.EXEC_ENDED): ConnectionState.CONNECTED,
    (ConnectionState.CONNECTED, Happening.LINK_LOST): ConnectionState.LOST,
    (ConnectionState.EXECUTING, Happening.LINK_LOST): ConnectionState.LOST,
    (ConnectionState.RECOVERING, Happening.LINK_LOST): ConnectionState.LOST,
}

# What a manager itself does: every transition that is legal.
LEGAL: dict[ConnectionState, frozenset[ConnectionState]] = {
    ConnectionState.DISCONNECTED: frozenset({ConnectionState.CONNECTING, ConnectionState.CLOSED}),
    ConnectionState.CONNECTING: frozenset(
        {
            ConnectionState.CONNECTED,
            ConnectionState.DISCONNECTED,
            ConnectionState.LOST,
            ConnectionState.CLOSED,
        }
    ),
    ConnectionState.LOST: frozenset({ConnectionState.CONNECTING, ConnectionState.CLOSED}),
    ConnectionState.CLOSED: frozenset(),
    **{
        state: frozenset(
            {ConnectionState.CLOSED, *(after for (before, _), after in MOVES.items() if before is state)}
        )
        for state in (ConnectionState.CONNECTED, ConnectionState.EXECUTING, ConnectionState.RECOVERING)
    },
}


def check(before: ConnectionState, after: ConnectionState) -> None:
    """Raise LocalProtocolError for a transition that is not in the table."""
    if after not in LEGAL[before]:
        raise LocalProtocolError(
            f"a connection cannot go from {before.value} to {after.value}", phase="session"
        )
