"""What the planner knows of boards and callers, and what it decides: plain values, without I/O and without a clock."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from devsession.pool.events import Evicted
from devsession.pool.lease import Lease
from devsession.pool.provider import BoardOffer
from devsession.pool.requirement import is_sure, why_not
from devsession.pool.snapshot import BoardState

if TYPE_CHECKING:
    from devsession.session.capabilities import DeviceCapabilities


@dataclass(slots=True)
class Seat:
    """An agent's session on a board, asleep or in use; times are on the monotonic clock."""

    agent: str
    began: float
    last_used: float
    uses: int = 0
    is_pinned: bool = False


@dataclass(slots=True, eq=False)
class Member:
    """A board that the pool knows. ``seats`` are the sessions on it by agent, ``lease`` is who has it now.

    Nobody opens it before ``retry_at``. ``is_made`` tells that it was made for the pool and goes with it. Times are on the monotonic clock.
    """

    offer: BoardOffer
    number: int
    is_made: bool = False
    state: BoardState = BoardState.CLOSED
    known: DeviceCapabilities | None = None
    seats: dict[str, Seat] = field(default_factory=dict)
    lease: Lease | None = None
    uses: int = 0
    last_used: float = 0.0
    opened_at: float = 0.0
    renew_at: float | None = None
    check_at: float = 0.0
    retry_at: float = 0.0
    strikes: int = 0
    score: float = 1.0
    reasons: tuple[str, ...] = ()
    free_heap: int | None = None
    epoch: int = 0
    is_going: bool = False  # it is closed as soon as nobody has it, and not opened again
    _fits: dict[tuple[str, ...], bool] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """What people call it."""
        return self.offer.name

    @property
    def is_pinned(self) -> bool:
        """Whether a session on it is to stay."""
        return any(seat.is_pinned for seat in self.seats.values())

    def know(self, known: DeviceCapabilities | None) -> None:
        """Know what the board is and can do."""
        self.known = known
        self._fits.clear()

    def fits(self, requires: tuple[str, ...]) -> bool:
        """Whether it is known that the board has what is required."""
        if not requires:
            return True
        if requires not in self._fits:
            self._fits[requires] = is_sure(self.offer.tags, self.known, requires)
        return self._fits[requires]

    def lacks(self, requires: tuple[str, ...]) -> str | None:
        """Return in words what the board is known to lack, ``None`` where it may have everything."""
        return why_not(self.name, self.offer.tags, self.known, requires)

    def sleeping(self) -> list[Seat]:
        """Return the sessions that nobody uses."""
        used = self.lease.agent if self.lease is not None else None
        return [seat for seat in self.seats.values() if seat.agent != used]


@dataclass(slots=True, eq=False)
class Waiter:
    """A caller who wants a board; ``since`` is when it asked, ``order`` is its place among the others: smaller goes first."""

    requires: tuple[str, ...]
    agent: str | None
    priority: int
    since: float
    order: tuple[float, ...] = ()


# What the planner decides; the pool does it.


@dataclass(frozen=True, slots=True)
class Give:
    """Give the board to the waiter, once the sessions of ``evict`` are ended."""

    waiter: Waiter
    member: Member
    is_reuse: bool
    evict: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Refuse:
    """Tell the waiter that no board can ever meet its requirement; ``lacks`` says why, by board."""

    waiter: Waiter
    lacks: dict[str, str]


@dataclass(frozen=True, slots=True)
class Open:
    """Open a board that is known."""

    member: Member


@dataclass(frozen=True, slots=True)
class Create:
    """Have the provider make a board, and open it."""


@dataclass(frozen=True, slots=True)
class Close:
    """Close a board that nobody has; ``because`` is what becomes of the sessions on it."""

    member: Member
    reason: str
    because: Evicted = Evicted.CLOSED


@dataclass(frozen=True, slots=True)
class Evict:
    """End sessions that sleep on a board that nobody has."""

    member: Member
    agents: tuple[str, ...]
    because: Evicted


@dataclass(frozen=True, slots=True)
class Check:
    """Probe the health of a board that nobody has."""

    member: Member


@dataclass(frozen=True, slots=True)
class Expire:
    """Take a lease away whose holder gave no sign of life."""

    lease: Lease


@dataclass(frozen=True, slots=True)
class Scale:
    """Tell that the pool goes from one size to another; what is opened or closed for that follows."""

    before: int
    after: int
    utilisation: float


Action = Give | Refuse | Open | Create | Close | Evict | Check | Expire | Scale
