"""Where a pool's boards come from: a narrow protocol, behind which are local ports, simulated boards or a farm."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from devsession.errors import UsageError


@dataclass(frozen=True, slots=True)
class BoardOffer:
    """A board that a provider has: not opened yet, perhaps somebody else's at the moment.

    ``name`` is what people call it, unique among those of its provider; ``url`` is where it is, for messages: opened is what ``open``
    returns. ``identity`` is what locks and records are keyed by, ``None`` for a board that only its opener can meet. ``tags`` are what its
    owner says it has. ``weight`` is its part of the work where boards are chosen by weight.
    """

    name: str
    url: str
    identity: str | None = None
    tags: frozenset[str] = frozenset()
    weight: float = 1.0

    @property
    def is_simulated(self) -> bool:
        """Whether no hardware answers there."""
        return self.url.startswith(("sim:", "replay:"))

    def __post_init__(self) -> None:
        if self.weight <= 0:
            raise UsageError(f"a weight is a number above 0, not {self.weight!r}", board=self.url)


class Provider(Protocol):
    """Offers boards, and takes and gives back the right to use one; made for one pool, and used by one task at a time for each board.

    Every method has a deadline of its own. What goes wrong is a PoolError: ProviderError where the boards cannot be asked for,
    BoardTakenError where somebody else has the board; both are tried again later.
    """

    @property
    def name(self) -> str:
        """What the provider is called in events and messages."""

    @property
    def can_create(self) -> bool:
        """Whether boards can be made, all alike: ``create`` and ``destroy`` are there then."""

    async def discover(self) -> tuple[BoardOffer, ...]:
        """Return the boards that are there now, whoever has them; those made by ``create`` are not among them.

        It is asked from time to time: a board that is new has come, one that is missing has gone. Raises ProviderError.
        """

    async def open(self, offer: BoardOffer) -> str:
        """Take the right to use a board, and return the URL of its link. When cancelled nothing is held.

        Raises BoardTakenError where somebody else has it, ProviderError where it cannot be had.
        """

    async def close(self, offer: BoardOffer) -> None:
        """Give the right back, after the link was closed; of a board that is not held it does nothing."""

    async def create(self) -> BoardOffer:
        """Make a board, where ``can_create``; raises ProviderError."""

    async def destroy(self, offer: BoardOffer) -> None:
        """Unmake a board that ``create`` made and that is closed."""

    async def power(self, offer: BoardOffer) -> bool:
        """Cycle the power of a board that is open; return whether that can be done and was."""

    async def aclose(self) -> None:
        """Give back what is held, at the end of the pool."""
