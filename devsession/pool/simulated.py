"""Simulated boards for pools: each a process of its own, made when it is wanted and gone when it is closed."""

from __future__ import annotations

import itertools

from devsession.errors import UsageError
from devsession.pool.provider import BoardOffer
from devsession.simulator.url import SimUrl


class SimulatedBoards:
    """Makes private simulated boards, all as ``url`` says: ``sim:``, or with options such as ``sim:?heap=256k``.

    Raises UsageError for a board that somebody serves under a name, or one with a directory of its own: there is only one of those.
    """

    name = "sim"
    can_create = True

    def __init__(self, url: str = "sim:") -> None:
        wanted = SimUrl.parse(url)
        if wanted.name is not None or wanted.root is not None:
            raise UsageError("there is only one board of that name or directory", board=url, hint="sim:")
        self.url = url
        self._kind = wanted.kind
        self._numbers = itertools.count(1)

    async def discover(self) -> tuple[BoardOffer, ...]:
        """Return nothing: there is a board when one was made."""
        return ()

    async def open(self, offer: BoardOffer) -> str:
        """Return the URL that starts the board when it is opened."""
        return offer.url

    async def close(self, offer: BoardOffer) -> None:
        """Do nothing: the board's process ended with its link."""

    async def create(self) -> BoardOffer:
        """Return a board that is there as soon as it is opened."""
        return BoardOffer(f"sim-{next(self._numbers)}", self.url, tags=frozenset({"sim", self._kind}))

    async def destroy(self, offer: BoardOffer) -> None:
        """Do nothing: the board ended with its link."""

    async def power(self, offer: BoardOffer) -> bool:  # noqa: ARG002 - a provider is asked for one board
        """Return False: a reset and a new link do all that power could."""
        return False

    async def aclose(self) -> None:
        """Do nothing: nothing is held."""
