"""Where the sessions of a coordinator are: on boards given by URL or by their managers, or on those of a pool."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from devsession.errors import UnknownNameError, UsageError
from devsession.session.manager import DeviceSessionManager
from devsession.session.session import DeviceSession
from devsession.session.states import ConnectionState, StateChange

if TYPE_CHECKING:
    from devsession.session.profile import SessionProfile

# What a board printed is kept in the buffers of its sessions; its own log only has to serve those who wait for something in it.
LOG_KEPT = 256 * 1024


@runtime_checkable
class Pool(Protocol):
    """What a coordinator needs of a pool."""

    def acquire(self) -> AbstractAsyncContextManager[DeviceSession]:
        """Return a lease: a block with a session on a board of the pool."""


@dataclass(slots=True, eq=False)
class Seat:
    """A session's place on a board, whose programs take ``turn``; ``private`` boards end with this process.

    ``begins`` is to be called before a program of it; ``lost`` is called when the board's link is lost for good, ``printed`` with what the
    board prints while nothing runs, of the seat that began last.
    """

    session: DeviceSession
    board: str
    turn: asyncio.Lock
    is_private: bool
    leave: Callable[[], Awaitable[None]]
    begins: Callable[[], None] = field(default=lambda: None)
    lost: Callable[[str], None] = field(default=lambda _: None)
    printed: Callable[[bytes], None] = field(default=lambda _: None)


class Boards(Protocol):
    """The boards that sessions can be on."""

    async def take(
        self, board: str | None, profile: SessionProfile | None, namespace: int | None = None
    ) -> Seat:
        """Return a seat on ``board``, or on any; ``namespace`` is one that is to be there from before."""

    def names(self) -> tuple[str, ...]:
        """Return what the boards are called."""

    async def close(self) -> None:
        """Close what was opened here."""


class _Place:
    """A board by its manager, opened when the first session wants it."""

    def __init__(self, name: str, given: str | DeviceSessionManager) -> None:
        self.name = name
        self._given = given
        self._opening = asyncio.Lock()
        self._manager: DeviceSessionManager | None = None
        self.turn = asyncio.Lock()
        self.seats: list[Seat] = []
        self._last: Seat | None = None

    async def manager(self) -> DeviceSessionManager:
        """Return the manager, connected; a board of ours whose link was lost is opened anew. Raises what ``connect`` does."""
        async with self._opening:
            if isinstance(self._given, DeviceSessionManager):
                await self._given.connect()
                self._given.board.background.told = self._printed
                return self._given
            if self._manager is not None and self._manager.state is ConnectionState.LOST:
                await self.close()
            if self._manager is None:
                self._manager = await self._opened(self._given)
            return self._manager

    async def _opened(self, url: str) -> DeviceSessionManager:
        manager = DeviceSessionManager.open(url)
        manager.board.output.limit = LOG_KEPT
        try:
            await manager.connect()
        except BaseException:
            await manager.close()
            raise
        manager.state_changed.add(self._changed)
        manager.board.background.told = self._printed
        return manager

    @property
    def is_private(self) -> bool:
        """Whether the board ends with this process: a simulated one without a name."""
        from devsession.pool.known import known_board

        url = self._given.board.url if isinstance(self._given, DeviceSessionManager) else self._given
        return known_board(url).identity is None

    def seat(self, session: DeviceSession) -> Seat:
        """Return a seat for a session of this board."""

        async def leave() -> None:
            self.seats.remove(seat)
            if self._last is seat:
                self._last = None
            await session.end()

        def begins() -> None:
            self._last = seat

        seat = Seat(session, self.name, self.turn, self.is_private, leave, begins)
        self.seats.append(seat)
        return seat

    async def close(self) -> None:
        """Close the board, unless it was given open."""
        manager, self._manager = self._manager, None
        if isinstance(self._given, DeviceSessionManager):
            self._given.board.background.told = None
        elif manager is not None:
            await manager.close()

    def _printed(self, data: bytes) -> None:
        if self._last is not None:
            self._last.printed(data)

    def _changed(self, change: StateChange) -> None:
        if change.after is ConnectionState.LOST and self._manager is not None:
            error = self._manager.board.lost
            for seat in tuple(self.seats):
                seat.lost(error.message if error else "the link was lost")


class OwnBoards:
    """Boards by name, each a URL or a manager; those that are opened here are closed here."""

    def __init__(self, boards: Mapping[str, str | DeviceSessionManager]) -> None:
        if not boards:
            raise UsageError("a coordinator needs a board", hint='boards="sim:"')
        self._places = {name: _Place(name, given) for name, given in boards.items()}

    def names(self) -> tuple[str, ...]:
        """Return what the boards are called."""
        return tuple(self._places)

    async def take(
        self, board: str | None, profile: SessionProfile | None, namespace: int | None = None
    ) -> Seat:
        """Return a seat on a board; without a name it is the one with the fewest sessions.

        Raises UnknownNameError, and what opening does.
        """
        place = self._place(board)
        manager = await place.manager()
        session = manager.create_session(
            profile=profile, namespace=namespace if namespace is not None else "own"
        )
        return place.seat(session)

    def _place(self, board: str | None) -> _Place:
        if board is None:
            return min(self._places.values(), key=lambda place: len(place.seats))
        if board not in self._places:
            raise UnknownNameError(
                f"there is no board {board!r}", hint=f"there are {', '.join(self._places)}", phase="session"
            )
        return self._places[board]

    async def close(self) -> None:
        """Close the boards that were opened here; raises an ExceptionGroup of what went wrong."""
        failures: list[Exception] = []
        for place in self._places.values():
            try:
                await place.close()
            except ExceptionGroup as group:
                failures += group.exceptions
        if failures:
            raise ExceptionGroup("not every board could be closed", failures)


class PooledBoards:
    """The boards of a pool: each session holds a lease of its own until it ends."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    def names(self) -> tuple[str, ...]:
        """Return nothing: it is the pool that knows its boards."""
        return ()

    async def take(
        self, board: str | None, profile: SessionProfile | None, namespace: int | None = None
    ) -> Seat:
        """Return a seat on a board that the pool leases; raises UsageError for a board that is asked for by name, PoolError."""
        if board is not None or profile is not None or namespace is not None:
            raise UsageError(
                "a pool gives any board, with its own profile", hint="create(name) without board and profile"
            )
        stack = AsyncExitStack()
        # Without a name it has nothing of an earlier session.
        session = await stack.enter_async_context(self._pool.acquire())
        leased = session.board
        before, leased.output.limit = leased.output.limit, LOG_KEPT

        async def leave() -> None:
            leased.output.limit, leased.background.told = before, None
            await stack.aclose()

        def printed(data: bytes) -> None:
            seat.printed(data)

        seat = Seat(session, session.url, asyncio.Lock(), is_private=True, leave=leave)
        leased.background.told = printed
        return seat

    async def close(self) -> None:
        """Do nothing: the leases were given back with the sessions, the pool is its owner's."""


def boards_of(source: str | DeviceSessionManager | Pool | Mapping[str, Any] | Iterable[str]) -> Boards:
    """Return the boards that a caller means: a URL, a manager, several URLs, a dict of either by name, or a pool; raises UsageError."""
    if isinstance(source, str):
        return OwnBoards({source: source})
    if isinstance(source, DeviceSessionManager):
        return OwnBoards({source.board.url: source})
    if isinstance(source, Mapping):
        return OwnBoards(source)
    if isinstance(source, Pool):
        return PooledBoards(source)
    if isinstance(source, Iterable):
        return OwnBoards({url: url for url in source})
    raise UsageError(f"{source!r} is no board, and no pool", hint='boards="sim:", or {"alpha": "sim:"}')
