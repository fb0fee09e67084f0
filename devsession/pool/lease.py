"""The right to use a whole board, from when it is given until it ends, and every way there is between."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from devsession.errors import LeaseLost, LocalProtocolError
from devsession.session.session import DeviceSession


class LeaseState(enum.Enum):
    """Where a lease stands."""

    PENDING = "pending"  # its board is being checked and made ready
    HELD = "held"
    RELEASED = "released"
    EXPIRED = "expired"  # its holder gave no sign of life in time
    LOST = "lost"  # its board is gone, sick, or was removed


LEGAL: dict[LeaseState, frozenset[LeaseState]] = {
    LeaseState.PENDING: frozenset({LeaseState.HELD, LeaseState.RELEASED, LeaseState.LOST}),
    LeaseState.HELD: frozenset({LeaseState.RELEASED, LeaseState.EXPIRED, LeaseState.LOST}),
    LeaseState.RELEASED: frozenset(),
    LeaseState.EXPIRED: frozenset(),
    LeaseState.LOST: frozenset(),
}


@dataclass(slots=True, eq=False)
class Lease:
    """One lease: ``fence`` is its number, higher than that of every lease before, for those who must not obey an earlier holder.

    ``board`` is the board's name, ``since`` when it was given and ``heard`` when its holder last gave a sign of life, on the monotonic
    clock. ``ttl`` is for how many seconds it lasts without one, ``None``: until it is given back. ``is_reuse`` tells whether the session
    was the agent's own already. ``why`` says how it ended.
    """

    fence: int
    board: str
    agent: str | None
    since: float
    ttl: float | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    is_reuse: bool = False
    heard: float = 0.0
    state: LeaseState = LeaseState.PENDING
    why: str = ""
    session: DeviceSession | None = None

    @property
    def is_held(self) -> bool:
        """Whether it is its holder's still."""
        return self.state is LeaseState.HELD

    @property
    def expires_at(self) -> float | None:
        """When it expires, on the monotonic clock; ``None`` for never."""
        return None if self.ttl is None or not self.is_held else self.heard + self.ttl

    def go(self, after: LeaseState, why: str = "") -> None:
        """Go to another state; raises LocalProtocolError for a way that is not in the table."""
        if after not in LEGAL[self.state]:
            raise LocalProtocolError(
                f"lease {self.fence} cannot go from {self.state.value} to {after.value}", phase="lease"
            )
        self.state, self.why = after, why

    def error(self) -> LeaseLost:
        """Return what its holder is told who uses it after its end."""
        return LeaseLost(
            f"lease {self.fence} of {self.board} has ended: {self.why or self.state.value}",
            fence=self.fence,
            board=self.session.url if self.session is not None else None,
        )
