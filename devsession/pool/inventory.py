"""What is remembered of boards from one run of a pool to the next, and the protocol of what keeps it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from devsession.pool.metrics import PoolMetrics
    from devsession.pool.snapshot import PoolSnapshot


@dataclass(frozen=True, slots=True)
class Remembered:
    """What is remembered of one board, by its identity.

    ``strikes`` are failures in a row, ``quarantined_until`` a time as ``time.time()`` gives it (0: it is not in quarantine), ``last_used``
    likewise. ``capabilities`` is a DeviceCapabilities as JSON, empty where the board was never asked.
    """

    identity: str
    name: str
    url: str
    tags: frozenset[str] = frozenset()
    strikes: int = 0
    quarantined_until: float = 0.0
    last_used: float = 0.0
    uses: int = 0
    capabilities: str = ""


class Store(Protocol):
    """Keeps what a pool remembers; none of its methods raises for a store that is damaged or full, nor holds up the event loop."""

    async def load(self) -> Iterable[Remembered]:
        """Return all that is remembered; asked once, when the pool begins."""

    def save(self, row: Remembered) -> None:
        """Remember what is known of a board now, in place of what was; returns at once."""

    def show(self, snapshot: PoolSnapshot, metrics: PoolMetrics) -> None:
        """Let other processes see how the pool stands now, and its figures; told twice a second at most. Returns at once."""

    async def aclose(self) -> None:
        """Write what has not been written; the pool has ended."""
