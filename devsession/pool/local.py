"""The boards of this computer for pools: given by their URLs, or whatever is attached; shared with other processes by file locks."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import replace

from devsession.errors import BoardTakenError, LinkError, ProviderError
from devsession.pool.known import known_board
from devsession.pool.locks import BoardLock, Locks
from devsession.pool.provider import BoardOffer

_NEVER = "the boards of this computer cannot be made"


class LocalBoards:
    """Offers the boards of ``boards``: URLs, or what ``known_board`` made of them; without, the serial ports there are.

    A board is locked as long as it is open, by its identity: no two processes have it at once, and the end of a process frees it.
    ``locks`` are those of the user unless others are given; ``owner`` is what others are told who wait for a board.
    """

    name = "local"
    can_create = False

    def __init__(
        self,
        boards: Iterable[str | BoardOffer] | None = None,
        *,
        locks: Locks | None = None,
        owner: str = "a session pool",
    ) -> None:
        self._given = None if boards is None else _known(list(boards))
        self._locks = locks or Locks()
        self._owner = owner
        self._held: dict[str, BoardLock] = {}

    async def discover(self) -> tuple[BoardOffer, ...]:
        """Return the boards that were given, or the ports attached now. Raises ProviderError when those cannot be listed."""
        if self._given is not None:
            return self._given
        from devsession.transport.ports import list_ports

        try:
            # Each device is asked for its names, which takes some milliseconds.
            ports = await asyncio.to_thread(list_ports)
        except LinkError as error:
            raise ProviderError(error.message, hint=error.hint) from error
        return tuple(BoardOffer(port.path, port.path, port.identity) for port in ports)

    async def open(self, offer: BoardOffer) -> str:
        """Lock the board, and return its URL; raises BoardTakenError, which says who has it."""
        if offer.identity is not None and offer.name not in self._held:
            lock = self._locks.try_lock(offer.identity)
            if lock is None:
                holder = self._locks.holder(offer.identity) or "somebody"
                raise BoardTakenError(f"{offer.name} is held by {holder}", board=offer.url)
            lock.say(self._owner)
            self._held[offer.name] = lock
        return offer.url

    async def close(self, offer: BoardOffer) -> None:
        """Let others have the board."""
        if (lock := self._held.pop(offer.name, None)) is not None:
            lock.release()

    async def create(self) -> BoardOffer:
        """Raise ProviderError: a computer has the boards that it has."""
        raise ProviderError(_NEVER)

    async def destroy(self, offer: BoardOffer) -> None:
        """Raise ProviderError, as ``create``."""
        raise ProviderError(_NEVER, board=offer.url)

    async def power(self, offer: BoardOffer) -> bool:  # noqa: ARG002 - a provider is asked for one board
        """Return False: nothing here switches a port's power."""
        return False

    async def aclose(self) -> None:
        """Let others have every board."""
        for lock in self._held.values():
            lock.release()
        self._held.clear()


def _known(boards: Sequence[str | BoardOffer]) -> tuple[BoardOffer, ...]:
    known = [known_board(board) if isinstance(board, str) else board for board in boards]
    names: dict[str, int] = {}
    offers = []
    for board in known:
        # A private simulated board may be meant several times.
        names[board.name] = count = names.get(board.name, 0) + 1
        name = board.name if count == 1 else f"{board.name}#{count}"
        offers.append(replace(board, name=name))
    return tuple(offers)
