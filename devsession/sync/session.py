"""Sessions and their manager, without ``await``."""

from __future__ import annotations

import datetime as dt
import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Self, TypeVar

from devsession.errors import UsageError
from devsession.session import listeners, manager, session
from devsession.session.checks import checked_operation
from devsession.session.cleanup import Held, Resource
from devsession.session.facts import CapabilitiesChange
from devsession.session.listeners import Listener
from devsession.session.profile_report import ProfileReport
from devsession.session.reconnect import Reconnect
from devsession.session.shared import SharedVariables
from devsession.session.state import SessionState
from devsession.session.states import ConnectionState, StateChange
from devsession.sync.board import Board, Running
from devsession.sync.contexts import DeviceContext, DeviceFiles, Parts
from devsession.sync.events import Events
from devsession.sync.functions import connect
from devsession.sync.hooks import in_thread
from devsession.sync.methods import Executor, Methods, Threads
from devsession.sync.mounts import Mount
from devsession.sync.references import Ref
from devsession.sync.twin import Block, Fact, Part, Twin, asks, brings, enters, gives, iterates, waits
from devsession.transport.endpoint import Endpoint, Target, url_of

if TYPE_CHECKING:
    from devsession.session.capabilities import DeviceCapabilities

_E = TypeVar("_E")
_T = TypeVar("_T")


class Listeners(Twin[listeners.Listeners[_E]]):
    """The listeners of one kind of event. They are called in the thread of the loop, where calls that wait are a UsageError."""

    def add(self, listener: Listener[_E]) -> Listener[_E]:
        """Tell ``listener`` from now on; returns it, so that this can be a decorator."""
        return self._loop.ask(lambda: self._original.add(listener))

    def remove(self, listener: Listener[_E]) -> None:
        """Tell ``listener`` no more; raises ValueError when it was not told before."""
        self._loop.ask(lambda: self._original.remove(listener))


class _Handed:
    """A resource of the user's, initialised and cleaned up in a thread of its own."""

    def __init__(self, resource: Resource) -> None:
        self.id = resource.id
        self.type = resource.type
        self._resource = resource

    async def initialise(self) -> None:
        await in_thread(self._resource.initialise)

    async def cleanup(self) -> None:
        await in_thread(self._resource.cleanup)


class DeviceSession(Block[session.DeviceSession]):
    """A session on a board; made by a DeviceSessionManager, and ended by it or by leaving ``with``.

    As ``devsession.DeviceSession``, without ``background``, which takes a coroutine. Functions and resources that are given to it are
    called in threads of their own, so that they may use boards of devsession.sync; what they return to be awaited is awaited by the loop.
    """

    name = Fact[str]()
    id = Fact[str]()
    created_at = Fact[dt.datetime]()
    duration = Fact[float]()
    phase = Fact[session.SessionPhase]()
    namespace = Fact[int]()
    given_back = Fact[int | None]()
    resources = Fact[tuple[Held, ...]]()
    state = Fact[SessionState]()
    profile_report = Fact[ProfileReport | None]()
    device = Part(DeviceContext)
    part = Part(Parts)
    files = Part(DeviceFiles)
    board = Part(Board)
    executor = Part(Executor)
    method = Part(Methods)
    thread = Part(Threads)

    prepare = waits(session.DeviceSession.prepare)
    use_shared = asks(session.DeviceSession.use_shared)
    exec = waits(session.DeviceSession.exec)
    eval = waits(session.DeviceSession.eval)
    run = waits(session.DeviceSession.run)
    start = gives(Running, session.DeviceSession.start)
    stream = iterates(session.DeviceSession.stream)
    expect = waits(session.DeviceSession.expect)
    events = gives(Events, session.DeviceSession.events)
    ref = brings(Ref, session.DeviceSession.ref)
    mount = brings(Mount, session.DeviceSession.mount)

    def register(self, resource: Resource) -> Held:
        """Initialise ``resource`` and have it cleaned up at the end; raises what its ``initialise`` does, and then holds nothing."""
        return self._loop.run(lambda: self._original.register(_Handed(resource)))

    def push_cleanup(self, function: Callable[[], Any]) -> Held:
        """Have ``function``, plain or async, called at the end, before what was registered earlier is cleaned up."""
        return self._loop.ask(lambda: self._original.push_cleanup(lambda: in_thread(function)))

    push_on_board = asks(session.DeviceSession.push_on_board)
    release = waits(session.DeviceSession.release)
    end = waits(session.DeviceSession.end)


class DeviceSessionManager(Block[manager.DeviceSessionManager]):
    """Wraps a communicator, attached or not: ``with`` attaches, gives out sessions, and at the end ends them all and closes.

    As ``devsession.DeviceSessionManager``, for any number of threads. ``state_changed`` tells each change of ``state`` to listeners.
    """

    def __init__(
        self,
        communicator: Board,
        *,
        shared: SharedVariables | None = None,
        reconnect: Reconnect | None = None,
    ) -> None:
        made = manager.DeviceSessionManager(communicator._original, shared=shared, reconnect=reconnect)
        super().__init__(made, communicator._loop)

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

        ``options`` as for ``devsession.sync.connect``. Raises what that does, and UsageError for what names no board.
        """
        return cls(connect(url_of(board), **options), shared=shared, reconnect=reconnect)

    board = Part(Board)
    shared = Fact[SharedVariables]()
    state = Fact[ConnectionState]()
    state_changed = Part(Listeners[StateChange])
    capabilities_changed = Part(Listeners[CapabilitiesChange])
    method = Part(Methods)

    @property
    def capabilities(self) -> DeviceCapabilities:
        """What the board is and can do, as found when it was connected, or by ``refresh``; raises SessionError where nothing is known."""
        return self._loop.ask(lambda: self._original.capabilities)

    @property
    def sessions(self) -> tuple[DeviceSession, ...]:
        """The sessions that have not ended, in the order in which they were made."""
        found = self._loop.ask(lambda: self._original.sessions)
        return tuple(DeviceSession.of(one, self._loop) for one in found)

    connect = waits(manager.DeviceSessionManager.connect)
    wait_for = waits(manager.DeviceSessionManager.wait_for)
    close = waits(manager.DeviceSessionManager.close)
    refresh = waits(manager.DeviceSessionManager.refresh)
    measure = waits(manager.DeviceSessionManager.measure)

    create_session = gives(DeviceSession, manager.DeviceSessionManager.create_session)
    get_or_create = gives(DeviceSession, manager.DeviceSessionManager.get_or_create)
    session = enters(DeviceSession, manager.DeviceSessionManager.session)

    def end_session(self, session: DeviceSession | str) -> None:
        """End a session, given by itself or by name; raises UnknownNameError for a name that none has, and what its ``end`` does."""
        given = session._original if isinstance(session, DeviceSession) else session
        self._loop.run(lambda: self._original.end_session(given))

    def execute_in_session(self, operation: Callable[[DeviceSession], _T], name: str | None = None) -> _T:
        """Call ``operation``, in this thread, with a session of its own, which ends with it, and return what it returns.

        Raises UsageError for what is no function, or an async one.
        """
        checked_operation(operation)
        with self.session(name) as session:
            done = operation(session)
            if inspect.iscoroutine(done):
                done.close()
                raise UsageError(
                    f"{operation!r} is async: what it would do was not done",
                    phase="session",
                    hint="def instead of async def here, or the manager of the async API",
                )
            return done
