"""Where boards come from that nobody named one by one: the ports that are attached, and the places of labgrid farms."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from devsession.errors import PoolError, ProviderError
from devsession.pool.known import known_board
from devsession.pool.labgrid.url import SCHEME, FarmUrl
from devsession.pool.local import LocalBoards
from devsession.pool.locks import Locks
from devsession.pool.provider import BoardOffer
from devsession.pool.providers import ATTACHED
from devsession.sync.loop_thread import current

if TYPE_CHECKING:
    from devsession.pool.labgrid.provider import PlaceLost
    from devsession.sync.session import DeviceSessionManager


def named(url: str, *, name: str | None = None, tags: Iterable[str] = ()) -> BoardOffer:
    """Return what ``url`` names: a board, or with ``local:`` and ``labgrid:TAG=VALUE,…`` all that are there when a test wants one.

    Raises UsageError for a URL of no known kind. Nothing is opened or asked.
    """
    if url.startswith(SCHEME):
        FarmUrl.parse(url)
    elif url != ATTACHED:
        return known_board(url, name=name, tags=tags)
    return BoardOffer(name or url, url, url, frozenset(tags))


def there(boards: Iterable[BoardOffer], locks: Path | None) -> tuple[BoardOffer, ...]:
    """Return the boards that are there now: in the place of a source what it has, each once; ``locks`` is the directory of locks.

    Raises ProviderError for ports that cannot be listed, and for a farm that cannot be asked or has no such place: tests do not move on
    to other boards in silence.
    """
    return tuple(dict.fromkeys(each for board in boards for each in _of(board, locks)))


def _of(board: BoardOffer, locks: Path | None) -> Iterable[BoardOffer]:
    if board.url == ATTACHED:
        return _offered(current().run(LocalBoards(locks=Locks(locks)).discover), board.tags)
    if board.url.startswith(SCHEME) and board.url not in _places:
        key = (board.url, locks)
        if key not in _farms:
            _farms[key] = Farm(board.url, locks)
        return _farms[key].boards(board.tags)
    return [board]


def _offered(offers: Iterable[BoardOffer], tags: frozenset[str]) -> list[BoardOffer]:
    return [replace(offer, tags=offer.tags | tags) for offer in offers]


@contextlib.contextmanager
def right_to(board: BoardOffer) -> Iterator[Right]:
    """Have the right to a board that was taken while the block runs: a place of a farm is acquired, and released at the end.

    Raises what ``Provider.open`` does: BoardTakenError where another computer has the place, ProviderError.
    """
    farm = _places.get(board.url)
    if farm is None:
        yield Right(board.url)
        return
    right = farm.acquire(board)
    try:
        yield right
    finally:
        farm.release(board)


class Right:
    """The right to a board whose link is at ``url``."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._manager: DeviceSessionManager | None = None
        self._lost: str | None = None

    def holds(self, manager: DeviceSessionManager) -> None:
        """Have the link of ``manager`` cut when the right is lost."""
        self._manager = manager
        if self._lost is not None:
            manager.board.cut(self._lost)

    def lose(self, why: str) -> None:
        """Cut the link: the board may be somebody else's by now."""
        self._lost = why
        if self._manager is not None:
            self._manager.board.cut(why)


class Farm:
    """A labgrid farm, for one process: the pool's provider of its places, which has an identity of its own at the coordinator."""

    def __init__(self, url: str, locks: Path | None) -> None:
        from devsession.pool.labgrid.provider import LabgridBoards

        self._url = url
        self._loop = current()
        self._provider = LabgridBoards(url, locks=Locks(locks))
        self._provider.lost.add(self._place_lost)
        self._rights: dict[str, Right] = {}

    def boards(self, tags: frozenset[str]) -> list[BoardOffer]:
        """Return the places that are there, whoever has them, with ``tags`` besides their own; raises ProviderError."""
        offers = self._loop.run(self._provider.discover)
        if not offers:
            raise ProviderError(f"there is no board at {self._url}", hint="do its exporters run?")
        _places.update({offer.url: self for offer in offers})
        return _offered(offers, tags)

    def acquire(self, offer: BoardOffer) -> Right:
        """Acquire a place; raises BoardTakenError, ProviderError."""
        right = Right(self._loop.run(lambda: self._provider.open(offer)))
        self._rights[offer.name] = right
        return right

    def release(self, offer: BoardOffer) -> None:
        """Release a place; where the coordinator is away the next who meets it does."""
        del self._rights[offer.name]
        with contextlib.suppress(PoolError):
            self._loop.run(lambda: self._provider.close(offer))

    def end(self) -> None:
        """Release what is held, and end the conversation with the coordinator."""
        if self._loop.is_usable:
            self._loop.run(self._provider.aclose)

    def _place_lost(self, lost: PlaceLost) -> None:
        right = self._rights.get(lost.board)
        if right is not None:
            right.lose(f"the farm has taken it away: {lost.reason}")


# The farms of this process by URL and directory of locks, and whose the places are that they offered, by URL.
_farms: dict[tuple[str, Path | None], Farm] = {}
_places: dict[str, Farm] = {}


def end() -> None:
    """End what was begun with farms; the next use begins anew."""
    for farm in _farms.values():
        farm.end()
    _farms.clear()
    _places.clear()
