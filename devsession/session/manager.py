"""The manager of one board's sessions: it owns the connection, and gives each caller a session of its own."""

from __future__ import annotations

import secrets
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar

from devsession.board.board import Board
from devsession.board.happenings import Happening
from devsession.board.log import log
from devsession.errors import DeviceError, SessionError, SessionExistsError
from devsession.links import connect
from devsession.protocol.records import NONCE_BITS
from devsession.protocol.source import MAIN
from devsession.session.cleanup import CleanupStack
from devsession.session.executor import Methods
from devsession.session.homes import BoardHome
from devsession.session.listeners import Listeners
from devsession.session.metadata import FileMetadata
from devsession.session.session import Commons, DeviceSession
from devsession.session.shared import SharedVariables
from devsession.session.states import MOVES, ConnectionState, StateChange, check

if TYPE_CHECKING:
    # pydantic takes its time, and is not needed before a board was asked.
    from devsession.session.capabilities import Change, DeviceCapabilities, Performance
    from devsession.session.profile import SessionProfile

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class CapabilitiesChange:
    """A board is found to be another than before: what it is, and what of that is new."""

    capabilities: DeviceCapabilities
    changes: tuple[Change, ...]


class DeviceSessionManager:
    """Wraps a communicator, attached or not: ``async with`` attaches, gives out sessions, and at the end ends them all and closes.

    ``state_changed`` tells each change of ``state`` to listeners, plain or async, ``capabilities_changed`` what was found to be another
    than before. ``method`` makes functions of the host run on the board: they see their own names and each other, and there is one copy
    of each on the board, whoever sent it. ``shared`` keeps values for
    sessions that use them; given, it is one that other managers have too.
    """

    def __init__(self, communicator: Board, *, shared: SharedVariables | None = None) -> None:
        self.board = communicator
        self.state_changed: Listeners[StateChange] = Listeners()
        self._state = ConnectionState.DISCONNECTED
        self._sessions: dict[str, DeviceSession] = {}
        communicator.add_watcher(self._happened)
        self.shared = shared if shared is not None else SharedVariables()
        self.board_home = BoardHome(communicator)
        self._commons = Commons(
            communicator, self.board_home, FileMetadata(communicator), self.shared, self.widths
        )
        self._stack = CleanupStack()
        self.method = Methods(self.board_home, self)
        self._capabilities: DeviceCapabilities | None = None
        self.capabilities_changed: Listeners[CapabilitiesChange] = Listeners()

    @classmethod
    def open(cls, url: str, *, shared: SharedVariables | None = None, **options: Any) -> Self:
        """Return a manager of the board that ``url`` names; ``options`` as for ``devsession.connect``."""
        return cls(connect(url, **options), shared=shared)

    def __repr__(self) -> str:
        return f"<DeviceSessionManager {self.board.url} {self._state.value}, {len(self._sessions)} sessions>"

    @property
    def state(self) -> ConnectionState:
        """Where the connection stands."""
        return self._state

    @property
    def capabilities(self) -> DeviceCapabilities:
        """What the board is and can do, as found when it was connected, or by ``refresh``; raises SessionError where nothing is known."""
        if self._capabilities is None:
            raise SessionError("nothing is known of the board before it was connected", board=self.board.url)
        return self._capabilities

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
            await self._recall()
        except BaseException:
            if self._state is ConnectionState.CONNECTING:
                self._go(ConnectionState.DISCONNECTED)
            raise
        self._go(ConnectionState.CONNECTED)

    async def refresh(self) -> tuple[Change, ...]:
        """Ask the board anew what it is and can do, and return what differs; listeners of ``capabilities_changed`` are told of it.

        Raises what ``probe`` does.
        """
        from devsession.session.capability_cache import refresh

        return self._know((await refresh(self.board, self.capabilities)).capabilities)

    async def measure(self) -> Performance:
        """Measure how fast the board and the link to it are, and keep it in ``capabilities``; raises what ``devsession.measure`` does."""
        from devsession.session.measure import measure

        performance = await measure(self.board)
        self._know(self.capabilities.model_copy(update={"performance": performance}))
        return performance

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
            failures += await self._stack.unwind()
        finally:
            self._go(ConnectionState.CLOSED)
            await self.board.close()
        await self.state_changed.settle()
        if failures:
            raise ExceptionGroup("not everything could be cleaned up", failures)

    # Sessions

    def create_session(
        self, name: str | None = None, *, namespace: str = "own", profile: SessionProfile | None = None
    ) -> DeviceSession:
        """Return a new session; it costs the board nothing before it is used.

        ``name`` is made up where none is given. With ``namespace="main"`` its programs run in ``__main__``, which stays.
        ``profile`` is applied when the session is entered or first used. Raises SessionExistsError for a name in use.
        """
        if namespace not in {"own", "main"}:
            raise SessionError(f"a namespace is 'own' or 'main', not {namespace!r}")
        number = secrets.randbits(NONCE_BITS - 1) + 1
        name = name if name is not None else f"session-{number:x}"
        if name in self._sessions:
            raise SessionExistsError(f"there is a session {name} already", board=self.board.url)
        where = MAIN if namespace == "main" else number
        session = DeviceSession(name, where, self._commons, self._ended, profile)
        self._sessions[name] = session
        return session

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
        """Return how many bits the board's floats and integers have; doubles, and integers of any length, where that is not known."""
        known = self._capabilities
        if known is None:
            return 64, None
        return 64 if known.float_bits is None else known.float_bits, known.int_bits or None

    # What happens to the board

    async def _recall(self) -> None:
        from devsession.session.capability_cache import recall

        try:
            found = await recall(self.board)
        except DeviceError as error:
            log.event("capabilities unknown", board=self.board.url, why=str(error))
        else:
            self._know(found)

    def _know(self, found: DeviceCapabilities) -> tuple[Change, ...]:
        known, self._capabilities = self._capabilities, found
        changes = known.changes(found) if known is not None else ()
        if changes:
            self.capabilities_changed(CapabilitiesChange(found, changes))
        return changes

    def _happened(self, happening: Happening) -> None:
        if happening is Happening.EPOCH_ENDED:
            self.board_home.forget()
            self._stack.board_started_anew()
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
