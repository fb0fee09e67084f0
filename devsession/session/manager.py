"""The manager of one board's sessions: it owns the connection, and gives each caller a session of its own."""

from __future__ import annotations

import secrets
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Any, Self, TypeVar

from devsession.board.board import Board
from devsession.board.happenings import Happening
from devsession.errors import SessionError, SessionExistsError
from devsession.links import connect
from devsession.protocol.records import NONCE_BITS
from devsession.protocol.source import MAIN
from devsession.session.listeners import Listeners
from devsession.session.metadata import FileMetadata
from devsession.session.session import DeviceSession
from devsession.session.states import MOVES, ConnectionState, StateChange, check

_T = TypeVar("_T")


class DeviceSessionManager:
    """Wraps a communicator, attached or not: ``async with`` attaches, gives out sessions, and at the end ends them all and closes.

    ``state_changed`` tells each change of ``state`` to listeners, plain or async.
    """

    def __init__(self, communicator: Board) -> None:
        self.board = communicator
        self.state_changed: Listeners[StateChange] = Listeners()
        self._state = ConnectionState.DISCONNECTED
        self._sessions: dict[str, DeviceSession] = {}
        communicator.add_watcher(self._happened)
        self._files = FileMetadata(communicator)

    @classmethod
    def open(cls, url: str, **options: Any) -> Self:
        """Return a manager of the board that ``url`` names; ``options`` as for ``devsession.connect``."""
        return cls(connect(url, **options))

    def __repr__(self) -> str:
        return f"<DeviceSessionManager {self.board.url} {self._state.value}, {len(self._sessions)} sessions>"

    @property
    def state(self) -> ConnectionState:
        """Where the connection stands."""
        return self._state

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

    async def connect(self) -> None:
        """Open the link and attach; raises what ``Board.attach`` does, and is disconnected then. Connected already, it does nothing."""
        if self._state is ConnectionState.CONNECTED:
            return
        self._go(ConnectionState.CONNECTING)
        try:
            await self.board.attach()
        except BaseException:
            if self._state is ConnectionState.CONNECTING:
                self._go(ConnectionState.DISCONNECTED)
            raise
        self._go(ConnectionState.CONNECTED)

    async def close(self) -> None:
        """End every session, the last made first, one after the other, and close the link; closing again does nothing.

        Raises an ExceptionGroup of what the sessions could not clean up; the link is closed all the same.
        """
        if self._state is ConnectionState.CLOSED:
            return
        failures: list[Exception] = []
        try:
            for session in reversed(self.sessions):
                try:
                    await session.end()
                except ExceptionGroup as group:
                    failures += group.exceptions
        finally:
            self._go(ConnectionState.CLOSED)
            await self.board.close()
        await self.state_changed.settle()
        if failures:
            raise ExceptionGroup("not everything could be cleaned up", failures)

    # Sessions

    def create_session(self, name: str | None = None, *, namespace: str = "own") -> DeviceSession:
        """Return a new session; it costs the board nothing before it is used.

        ``name`` is made up where none is given. With ``namespace="main"`` its programs run in ``__main__``, which stays.
        Raises SessionExistsError for a name in use.
        """
        if namespace not in {"own", "main"}:
            raise SessionError(f"a namespace is 'own' or 'main', not {namespace!r}")
        number = secrets.randbits(NONCE_BITS - 1) + 1
        name = name if name is not None else f"session-{number:x}"
        if name in self._sessions:
            raise SessionExistsError(f"there is a session {name} already", board=self.board.url)
        session = DeviceSession(
            self.board, name, MAIN if namespace == "main" else number, self._ended, self._files
        )
        self._sessions[name] = session
        return session

    async def end_session(self, session: DeviceSession | str) -> None:
        """End a session, given by itself or by name; raises KeyError for a name that none has, and what ``DeviceSession.end`` does."""
        await (self._sessions[session] if isinstance(session, str) else session).end()

    @asynccontextmanager
    async def session(
        self, name: str | None = None, *, namespace: str = "own"
    ) -> AsyncGenerator[DeviceSession]:
        """Give the block a session of its own, which ends with it."""
        async with self.create_session(name, namespace=namespace) as session:
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

    # What happens to the board

    def _happened(self, happening: Happening) -> None:
        if happening is Happening.EPOCH_ENDED:
            for session in self.sessions:
                session.board_started_anew()
        after = MOVES.get((self._state, happening))
        if after is not None:
            self._go(after)

    def _go(self, after: ConnectionState) -> None:
        check(self._state, after)
        change = StateChange(self._state, after)
        self._state = after
        self.state_changed(change)

    def _ended(self, session: DeviceSession) -> None:
        if self._sessions.get(session.name) is session:
            del self._sessions[session.name]
