"""The manager of one board's sessions: it owns the connection, and gives each caller a session of its own."""

from __future__ import annotations

import asyncio
import secrets
import warnings
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar

from devsession.board.board import Board
from devsession.board.connection import ATTACH_TIMEOUT
from devsession.board.happenings import Happening
from devsession.errors import DeadlineError, DeviceResetError, SessionError, SessionExistsError
from devsession.links import connect
from devsession.protocol.records import NONCE_BITS
from devsession.protocol.source import MAIN
from devsession.session.cleanup import CleanupStack
from devsession.session.executor import Methods
from devsession.session.facts import Facts
from devsession.session.homes import BoardHome
from devsession.session.listeners import Listeners
from devsession.session.metadata import FileMetadata
from devsession.session.reconnect import Reconnect, Reconnector
from devsession.session.session import Commons, DeviceSession
from devsession.session.shared import SharedVariables
from devsession.session.states import MOVES, ConnectionState, StateChange, check

if TYPE_CHECKING:
    # pydantic takes its time, and is not needed before a board was asked.
    from devsession.session.capabilities import Change, DeviceCapabilities, Performance
    from devsession.session.profile import SessionProfile

_T = TypeVar("_T")

# With less free heap than this, in bytes, a board has no room for namespaces beside __main__.
LEAST_ROOM = 2048


class DeviceSessionManager:
    """Wraps a communicator, attached or not: ``async with`` attaches, gives out sessions, and at the end ends them all and closes.

    ``state_changed`` tells each change of ``state`` to listeners, plain or async, ``capabilities_changed`` what was found to be another
    than before. ``method`` makes functions of the host run on the board: they see their own names and each other, and there is one copy
    of each on the board, whoever sent it. ``shared`` keeps values for
    sessions that use them; given, it is one that other managers have too.
    ``reconnect`` is what to do when the link is lost: nothing, unless given.
    """

    def __init__(
        self,
        communicator: Board,
        *,
        shared: SharedVariables | None = None,
        reconnect: Reconnect | None = None,
    ) -> None:
        self.board = communicator
        self.state_changed: Listeners[StateChange] = Listeners()
        self._state = ConnectionState.DISCONNECTED
        self._sessions: dict[str, DeviceSession] = {}
        communicator.add_watcher(self._happened)
        self.shared = shared if shared is not None else SharedVariables()
        self._facts = Facts(communicator)
        self.capabilities_changed = self._facts.changed
        self.board_home = BoardHome(communicator)
        self._commons = Commons(
            communicator, self.board_home, FileMetadata(communicator), self.shared, self._facts
        )
        self._stack = CleanupStack()
        self.method = Methods(self.board_home, self)
        self._reconnector = Reconnector(reconnect, self.connect, communicator.url) if reconnect else None

    @classmethod
    def open(
        cls,
        url: str,
        *,
        shared: SharedVariables | None = None,
        reconnect: Reconnect | None = None,
        **options: Any,
    ) -> Self:
        """Return a manager of the board that ``url`` names; ``options`` as for ``devsession.connect``."""
        return cls(connect(url, **options), shared=shared, reconnect=reconnect)

    def __repr__(self) -> str:
        return f"<DeviceSessionManager {self.board.url} {self._state.value}, {len(self._sessions)} sessions>"

    @property
    def state(self) -> ConnectionState:
        """Where the connection stands."""
        return self._state

    @property
    def capabilities(self) -> DeviceCapabilities:
        """What the board is and can do, as found when it was connected, or by ``refresh``; raises SessionError where nothing is known."""
        return self._facts.capabilities

    @property
    def sessions(self) -> tuple[DeviceSession, ...]:
        """The sessions that have not ended, in the order in which they were made."""
        return tuple(self._sessions.values())

    async def __aenter__(self) -> Self:
        await self.connect()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            await self.close()
        except ExceptionGroup as failures:
            if error is None:
                raise
            error.add_note(f"and closing failed: {[str(failure) for failure in failures.exceptions]}")

    async def connect(self, timeout: float | None = ATTACH_TIMEOUT) -> None:
        """Open the link and attach; connected already, it does nothing. A link that was lost is opened anew, to the same board only.

        ``timeout`` in seconds is how long that board may take to come back. Raises what ``Board.attach`` does, BoardSwappedError for
        another board, and leaves the state as it was.
        """
        before = self._state
        if before in {ConnectionState.CONNECTED, ConnectionState.EXECUTING, ConnectionState.RECOVERING}:
            return
        self._go(ConnectionState.CONNECTING)
        try:
            if before is ConnectionState.LOST:
                await self.board.reopen(timeout)
            await self.board.attach()
            try:
                await self._facts.recall()
            except DeviceResetError:
                # It started anew while the link was gone; the sessions have been told.
                await self._facts.recall()
            await self._restore()
        except BaseException:
            if self._state is ConnectionState.CONNECTING:
                self._go(before)
            raise
        self._go(ConnectionState.CONNECTED)

    async def wait_for(self, state: ConnectionState, timeout: float | None = ATTACH_TIMEOUT) -> None:
        """Wait until the connection is in ``state``, for up to ``timeout`` seconds (None: without limit); raises DeadlineError."""
        reached = asyncio.Event()
        if self._state is state:
            return
        listener = self.state_changed.add(lambda change: reached.set() if change.after is state else None)
        try:
            async with asyncio.timeout(timeout):
                await reached.wait()
        except TimeoutError:
            raise DeadlineError(
                f"the connection is {self._state.value}, and was not {state.value} within {timeout:g} s",
                timeout=timeout or 0.0,
                board=self.board.url,
                phase="session",
            ) from None
        finally:
            self.state_changed.remove(listener)

    async def refresh(self) -> tuple[Change, ...]:
        """Ask the board anew what it is and can do, and return what differs; listeners of ``capabilities_changed`` are told of it.

        Raises what ``probe`` does.
        """
        return await self._facts.refresh()

    async def measure(self) -> Performance:
        """Measure how fast the board and the link to it are, and keep it in ``capabilities``; raises what ``devsession.measure`` does."""
        return await self._facts.measure()

    async def close(self) -> None:
        """End every session, the last made first, one after the other, and close the link; closing again does nothing.

        Raises an ExceptionGroup of what the sessions could not clean up; the link is closed all the same.
        """
        if self._state is ConnectionState.CLOSED:
            return
        failures: list[Exception] = []
        if self._reconnector is not None:
            await self._reconnector.end()
        try:
            for session in reversed(self.sessions):
                try:
                    await session.end()
                except ExceptionGroup as group:
                    failures += group.exceptions
            failures += await self._stack.unwind()
        finally:
            self._go(ConnectionState.CLOSED)
            await self.board.close()
        await self.state_changed.settle()
        await self.capabilities_changed.settle()
        if failures:
            raise ExceptionGroup("not everything could be cleaned up", failures)

    # Sessions

    def create_session(
        self, name: str | None = None, *, namespace: str = "own", profile: SessionProfile | None = None
    ) -> DeviceSession:
        """Return a new session; it costs the board nothing before it is used.

        ``name`` is made up where none is given. With ``namespace="main"`` its programs run in ``__main__``, which stays; a board with less
        than 2 KB of heap has no room for anything else, and a warning tells of it.
        ``profile`` is applied when the session is entered or first used. Raises SessionExistsError for a name in use.
        """
        if namespace not in {"own", "main"}:
            raise SessionError(f"a namespace is 'own' or 'main', not {namespace!r}")
        number = secrets.randbits(NONCE_BITS - 1) + 1
        name = name if name is not None else f"session-{number:x}"
        if name in self._sessions:
            raise SessionExistsError(f"there is a session {name} already", board=self.board.url)
        if namespace == "own" and self._has_no_room():
            namespace = "main"
        where = MAIN if namespace == "main" else number
        session = DeviceSession(name, where, self._commons, self._ended, profile)
        self._sessions[name] = session
        return session

    def _has_no_room(self) -> bool:
        free = self.board.free_heap
        if free is None or free >= LEAST_ROOM:
            return False
        warnings.warn(
            f"{self.board.url} has {free} bytes of heap: its sessions share the namespace of __main__",
            stacklevel=3,
        )
        return True

    async def end_session(self, session: DeviceSession | str) -> None:
        """End a session, given by itself or by name; raises KeyError for a name that none has, and what ``DeviceSession.end`` does."""
        await (self._sessions[session] if isinstance(session, str) else session).end()

    @asynccontextmanager
    async def session(
        self, name: str | None = None, *, namespace: str = "own", profile: SessionProfile | None = None
    ) -> AsyncGenerator[DeviceSession]:
        """Give the block a session of its own, which ends with it; as ``create_session``. Raises ProfileError."""
        async with self.create_session(name, namespace=namespace, profile=profile) as session:
            yield session

    def get_or_create(self, name: str) -> DeviceSession:
        """Return the session of that name, made if need be; callers that ask for one name at once share one session."""
        # There is no await between looking and making: nobody comes in between.
        found = self._sessions.get(name)
        return found if found is not None else self.create_session(name)

    async def execute_in_session(
        self, operation: Callable[[DeviceSession], Awaitable[_T]], name: str | None = None
    ) -> _T:
        """Await ``operation`` with a session of its own, which ends with it, and return what it returns."""
        async with self.session(name) as session:
            return await operation(session)

    # For methods

    def use(self) -> None:
        """Do nothing: the board itself says when it is closed."""

    async def before_call(self) -> None:
        """Do nothing: methods of a board see their own names only."""

    def hold(self, cleanup: Callable[[], Awaitable[None]], kind: str) -> Callable[[], None]:
        """Have ``cleanup`` awaited when the manager closes, unless the board has started anew by then; returns what takes it back."""
        held = self._stack.push(cleanup, kind=kind, on_board=True)
        return lambda: self._stack.discard(held)

    def widths(self) -> tuple[int, int | None]:
        """Return how many bits the board's floats and integers have, as far as that is known."""
        return self._facts.widths()

    # What happens to the board

    async def _restore(self) -> None:
        await self.board_home.restore()
        for session in self.sessions:
            await session.restore()

    def _happened(self, happening: Happening) -> None:
        if happening is Happening.EPOCH_ENDED:
            self.board_home.forget()
            self._stack.board_started_anew()
            for session in self.sessions:
                session.board_started_anew()
        after = MOVES.get((self._state, happening))
        if after is not None:
            self._go(after)
        if after is ConnectionState.LOST and self._reconnector is not None:
            self._reconnector.begin()

    def _go(self, after: ConnectionState) -> None:
        check(self._state, after)
        change = StateChange(self._state, after)
        self._state = after
        self.state_changed(change)

    def _ended(self, session: DeviceSession) -> None:
        if self._sessions.get(session.name) is session:
            del self._sessions[session.name]
