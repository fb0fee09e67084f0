"""The manager of one board's sessions: it owns the connection, and gives each caller a session of its own."""

from __future__ import annotations

import inspect
import secrets
import warnings
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar

from devsession.board.board import Board
from devsession.errors import SessionError, SessionExistsError, UnknownNameError, UsageError
from devsession.links import connect
from devsession.protocol.records import NONCE_BITS
from devsession.protocol.source import MAIN
from devsession.session.checks import checked_operation, checked_session_name
from devsession.session.cleanup import CleanupStack, tell_failures
from devsession.session.executor import Methods
from devsession.session.files.metadata import FileMetadata
from devsession.session.homes import BoardHome
from devsession.session.managed import ManagedBoard
from devsession.session.reconnect import Reconnect
from devsession.session.session import Commons, DeviceSession
from devsession.session.shared import SharedVariables
from devsession.session.states import ConnectionState
from devsession.transport.endpoint import Endpoint, Target, url_of

if TYPE_CHECKING:
    # pydantic takes its time, and is not needed before a board was asked.
    from devsession.session.profile import SessionProfile

_T = TypeVar("_T")

# With less free heap than this, in bytes, a board has no room for namespaces beside __main__.
LEAST_ROOM = 2048


class DeviceSessionManager(ManagedBoard):
    """Wraps a communicator, attached or not: ``async with`` attaches, gives out sessions, and at the end ends them all and closes.

    ``state_changed`` tells each change of ``state`` to listeners, plain or async, ``capabilities_changed`` what was found to be another
    than before. ``method`` makes functions of the host run on the board: they see their own names and each other, and there is one copy
    of each on the board, whoever sent it. ``shared`` keeps values for sessions that use them; given, it is one that other managers have
    too. ``reconnect`` is what to do when the link is lost: nothing, unless given.
    """

    def __init__(
        self,
        communicator: Board,
        *,
        shared: SharedVariables | None = None,
        reconnect: Reconnect | None = None,
    ) -> None:
        super().__init__(communicator, reconnect)
        self._sessions: dict[str, DeviceSession] = {}
        self.shared = shared if shared is not None else SharedVariables()
        self.board_home = BoardHome(communicator)
        self._commons = Commons(
            communicator, self.board_home, FileMetadata(communicator), self.shared, self._facts
        )
        self._stack = CleanupStack()
        self.method = Methods(self.board_home, self)

    @classmethod
    def open(
        cls,
        board: str | Endpoint | Target,
        *,
        shared: SharedVariables | None = None,
        reconnect: Reconnect | None = None,
        **options: Any,
    ) -> Self:
        """Return a manager of a board: one that a URL names, anything with host, port and protocol, or a labgrid Target's.

        A target's serial port has to be there, or blocks until labgrid has it, up to 10 s. ``options`` as for ``devsession.connect``.
        Raises what that does, and UsageError for what names no board.
        """
        return cls(connect(url_of(board), **options), shared=shared, reconnect=reconnect)

    def __repr__(self) -> str:
        return f"<DeviceSessionManager {self.board.url} {self._state.value}, {len(self._sessions)} sessions>"

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
            tell_failures(failures, error, "closing")

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
        self, name: str | None = None, *, namespace: str | int = "own", profile: SessionProfile | None = None
    ) -> DeviceSession:
        """Return a new session; it costs the board nothing before it is used.

        ``name`` is made up where none is given. With ``namespace="main"`` its programs run in ``__main__``, which stays; a board with less
        than 2 KB of heap has no room for anything else, and a warning tells of it. With the number of the ``namespace`` of an earlier
        session its programs find what that one left there. ``profile`` is applied when the session is entered or first used. Raises
        SessionExistsError for a name in use, UsageError for what is no name or no profile.
        """
        if self.state is ConnectionState.CLOSED:
            raise SessionError("the manager is closed", board=self.board.url, hint="open a new one")
        if namespace not in {"own", "main"} and type(namespace) is not int:
            raise SessionError(f"a namespace is 'own' or 'main', or the number of one, not {namespace!r}")
        number = secrets.randbits(NONCE_BITS - 1) + 1
        name = checked_session_name(name) if name is not None else f"session-{number:x}"
        if name in self._sessions:
            raise SessionExistsError(f"there is a session {name} already", board=self.board.url)
        if namespace == "own" and self._has_no_room():
            namespace = "main"
        where = {"own": number, "main": MAIN}[namespace] if isinstance(namespace, str) else namespace
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
        """End a session, given by itself or by name; raises UnknownNameError for a name that none has, and what its ``end`` does."""
        if not isinstance(session, DeviceSession):
            found = self._sessions.get(checked_session_name(session))
            if found is None:
                raise UnknownNameError(f"there is no session {session!r}", board=self.board.url)
            session = found
        await session.end()

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
        found = self._sessions.get(checked_session_name(name))
        return found if found is not None else self.create_session(name)

    async def execute_in_session(
        self, operation: Callable[[DeviceSession], Awaitable[_T]], name: str | None = None
    ) -> _T:
        """Await ``operation`` with a session of its own, which ends with it, and return what it returns.

        Raises UsageError for what is no async function; a plain one has been called by then.
        """
        checked_operation(operation)
        async with self.session(name) as session:
            done = operation(session)
            if not inspect.isawaitable(done):
                raise UsageError(
                    f"{operation!r} is not async: what it returned cannot be awaited", phase="session"
                )
            return await done

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

    def _started_anew(self) -> None:
        self.board_home.forget()
        self._stack.board_started_anew()
        for session in self.sessions:
            session.board_started_anew()

    async def _restore(self) -> None:
        await self.board_home.restore()
        for session in self.sessions:
            await session.restore()

    def _ended(self, session: DeviceSession) -> None:
        if self._sessions.get(session.name) is session:
            del self._sessions[session.name]
