"""Many named sessions at once, without ``await``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from devsession.board.execution import Execution
from devsession.coordinator import buffer, coordinator
from devsession.coordinator import session as asynchronous
from devsession.coordinator.boards import Pool
from devsession.coordinator.hibernation import Hibernation
from devsession.coordinator.limits import SessionLimits
from devsession.coordinator.program import SessionKind
from devsession.coordinator.states import CoordinatedState, SessionEvent
from devsession.sync.session import DeviceSession, DeviceSessionManager, Listeners
from devsession.sync.twin import Block, Fact, Part, Twin, asks, brings, gives, waits


class OutputBuffer(Twin[buffer.OutputBuffer]):
    """The last output of a session: ``limit`` bytes are kept, ``dropped`` counts those before, ``end`` all that came."""

    limit = Fact[int]()
    dropped = Fact[int]()
    end = Fact[int]()
    text = Fact[str]()
    loss = Fact[str]()
    since = asks(buffer.OutputBuffer.since)
    take = asks(buffer.OutputBuffer.take)
    replay = asks(buffer.OutputBuffer.replay)
    tail = asks(buffer.OutputBuffer.tail)
    search = asks(buffer.OutputBuffer.search)
    save = asks(buffer.OutputBuffer.save)
    changed = waits(buffer.OutputBuffer.changed)
    __bytes__ = asks(buffer.OutputBuffer.__bytes__)
    __len__ = asks(buffer.OutputBuffer.__len__)


class CoordinatedSession(Twin[asynchronous.CoordinatedSession]):
    """A named session of a MultiSessionCoordinator, which makes it; as ``devsession.CoordinatedSession``."""

    id = Fact[str]()
    name = Fact[str]()
    kind = Fact[SessionKind]()
    state = Fact[CoordinatedState]()
    since = Fact[float]()
    created = Fact[float]()
    board = Fact[str]()
    is_private = Fact[bool]()
    reason = Fact[str]()
    prompt = Fact[str | None]()
    waiting = Fact[int]()
    doing = Fact[str]()
    free_heap = Fact[int | None]()
    has_ended = Fact[bool]()
    namespace = Fact[int | None]()
    last = Fact[Execution | None]()
    hibernation = Fact[Hibernation | None]()
    buffer = Part(OutputBuffer)

    @property
    def session(self) -> DeviceSession | None:
        """The session on the board."""
        found = self._loop.ask(lambda: self._original.session)
        return DeviceSession.of(found, self._loop) if found is not None else None

    send = asks(asynchronous.CoordinatedSession.send)
    send_bytes = asks(asynchronous.CoordinatedSession.send_bytes)
    interrupt = asks(asynchronous.CoordinatedSession.interrupt)
    settled = waits(asynchronous.CoordinatedSession.settled)
    reached = waits(asynchronous.CoordinatedSession.reached)
    pause = asks(asynchronous.CoordinatedSession.pause)
    ask = waits(asynchronous.CoordinatedSession.ask)
    measure = waits(asynchronous.CoordinatedSession.measure)


class MultiSessionCoordinator(Block[coordinator.MultiSessionCoordinator]):
    """Many named sessions at once, for ``with``; as ``devsession.MultiSessionCoordinator``, for any number of threads."""

    def __init__(
        self,
        boards: str | DeviceSessionManager | Pool | Mapping[str, Any] | Iterable[str],
        *,
        limits: SessionLimits | None = None,
        store: str | Path | None = None,
    ) -> None:
        given = (
            {name: _original(one) for name, one in boards.items()} if isinstance(boards, Mapping) else boards
        )
        super().__init__(coordinator.MultiSessionCoordinator(_original(given), limits=limits, store=store))

    limits = Fact[SessionLimits]()
    boards = Fact[tuple[str, ...]]()
    changes = Part(Listeners[SessionEvent])

    @property
    def foreground(self) -> CoordinatedSession | None:
        """The session that what is sent goes to; ``None`` where there is none."""
        found = self._loop.ask(lambda: self._original.foreground)
        return CoordinatedSession.of(found, self._loop) if found is not None else None

    def list(self, *, waiting: bool = False) -> list[CoordinatedSession]:
        """Return the sessions in the order in which they were made; with ``waiting`` those that wait for input."""
        found = self._loop.ask(lambda: self._original.list(waiting=waiting))
        return [CoordinatedSession.of(one, self._loop) for one in found]

    get = gives(CoordinatedSession, coordinator.MultiSessionCoordinator.get)
    create = brings(CoordinatedSession, coordinator.MultiSessionCoordinator.create)
    switch = gives(CoordinatedSession, coordinator.MultiSessionCoordinator.switch)
    background = asks(coordinator.MultiSessionCoordinator.background)
    rename = asks(coordinator.MultiSessionCoordinator.rename)
    close = waits(coordinator.MultiSessionCoordinator.close)
    end = waits(coordinator.MultiSessionCoordinator.end)
    send = waits(coordinator.MultiSessionCoordinator.send)
    run = waits(coordinator.MultiSessionCoordinator.run)
    send_bytes = asks(coordinator.MultiSessionCoordinator.send_bytes)
    interrupt = asks(coordinator.MultiSessionCoordinator.interrupt)
    pause = asks(coordinator.MultiSessionCoordinator.pause)
    hibernate = waits(coordinator.MultiSessionCoordinator.hibernate)
    resume = waits(coordinator.MultiSessionCoordinator.resume)


def _original(given: Any) -> Any:
    return given._original if isinstance(given, Twin) else given
