"""One open board of a pool: its link, and the sessions of agents on it, one in use and the others asleep."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from devsession.board.happenings import Happening
from devsession.board.log import log
from devsession.board.switches import Rung
from devsession.errors import DevsessionError, PoolError, SessionEndedError, SessionError
from devsession.links import connect
from devsession.pool.provider import BoardOffer, Provider
from devsession.protocol.source import MAIN
from devsession.session.manager import DeviceSessionManager
from devsession.session.session import DeviceSession, SessionPhase

if TYPE_CHECKING:
    from devsession.session.capabilities import DeviceCapabilities

# Measures the heap, and shows that the board answers: one turn.
_FREE = "(lambda g:(g.collect(),g.mem_free())[1])(__import__('gc'))"
# Ending what is on a board that is given up: its prompt answers in milliseconds, or not at all.
CLOSE_LIMIT = 10.0

PowerCycle = Callable[[BoardOffer], Awaitable[bool]]


class PooledBoard:
    """A board that was taken from its provider and attached to; ``happened`` is told what befalls it.

    ``answered_at`` is when it last answered, ``free_heap`` how many bytes of heap it then had, on the monotonic clock and ``None`` for not
    asked. ``recovery`` is how far the board's own recovery goes, for a program that does not end; the ladder of a pool goes further.
    """

    def __init__(
        self,
        offer: BoardOffer,
        provider: Provider,
        happened: Callable[[Happening], None],
        power: PowerCycle,
        recovery: Rung,
    ) -> None:
        self.offer = offer
        self.sessions: dict[str, DeviceSession] = {}
        self.answered_at = 0.0
        self.free_heap: int | None = None
        self._provider = provider
        self._tell = happened
        self._power = power
        self._recovery = recovery
        self._manager: DeviceSessionManager | None = None

    @property
    def manager(self) -> DeviceSessionManager:
        """What owns the connection; raises PoolError while there is none."""
        if self._manager is None:
            raise PoolError("the board is not open", board=self.offer.url)
        return self._manager

    @property
    def capabilities(self) -> DeviceCapabilities | None:
        """What the board is and can do, ``None`` for one that had no room for the question."""
        try:
            return self.manager.capabilities
        except SessionError:
            return None

    @property
    def is_lost(self) -> bool:
        """Whether the link is gone."""
        return self._manager is None or self._manager.board.lost is not None

    async def open(self, timeout: float) -> None:
        """Take the right to the board and attach to it, in ``timeout`` seconds each; when that fails nothing is held.

        Raises what ``Provider.open`` and ``DeviceSessionManager.connect`` do.
        """
        url = await self._provider.open(self.offer)
        try:
            manager = DeviceSessionManager(connect(url, recovery=self._recovery, power=self._cycle))
            manager.board.add_watcher(self._happened)
            try:
                # What a board needs once, such as a simulator's interpreter, is fetched before that time begins.
                await manager.board.attach(timeout)
                await manager.connect(timeout)
            except BaseException:
                await manager.close()
                raise
        except BaseException:
            await self._provider.close(self.offer)
            raise
        self._manager = manager
        self.answered_at = time.monotonic()

    async def close(self) -> None:
        """End the sessions, close the link and give the right back; always ends."""
        manager, self._manager = self._manager, None
        self.sessions.clear()
        if manager is None:
            return
        try:
            async with asyncio.timeout(CLOSE_LIMIT):
                await manager.close()
        except (ExceptionGroup, TimeoutError, DevsessionError) as error:
            log.event("not all cleaned up", board=self.offer.url, why=str(error))
        finally:
            await manager.board.close()
            with suppress(PoolError):
                await self._provider.close(self.offer)

    def cut(self) -> None:
        """End the link at once: the board is not ours any more."""
        if self._manager is not None and not self.is_lost:
            self._manager.board.cut("its provider has the board no more")

    def session_of(self, agent: str | None) -> DeviceSession:
        """Return the session that an agent has here, or a new one; one without a name gets one for himself."""
        if agent is None:
            return self.manager.create_session()
        session = self.sessions.get(agent)
        if session is None or session.phase is not SessionPhase.ACTIVE:
            session = self.sessions[agent] = self.manager.create_session(agent)
        return session

    async def silence(self, session: DeviceSession, error: DevsessionError) -> None:
        """Stop what a session left running; those who wait for it get ``error``."""
        board = self.manager.board
        await board.stop(session.namespace, error)
        # Methods are called from there.
        await board.stop(MAIN, error)

    async def measure(self, timeout: float) -> float:
        """Ask the board for its free heap, and return how many seconds the answer took; raises what ``Board.ask`` does."""
        began = time.monotonic()
        self.free_heap = int((await self.manager.board.ask(_FREE, timeout=timeout)).value)
        return time.monotonic() - began

    def _happened(self, happening: Happening) -> None:
        if happening is Happening.EXEC_ENDED:
            self.answered_at = time.monotonic()
        else:
            self._tell(happening)

    async def _cycle(self) -> None:
        if not await self._power(self.offer):
            raise PoolError("its power cannot be cycled", board=self.offer.url)


async def end(session: DeviceSession) -> None:
    """End a session whatever goes wrong with that; it is told to the log."""
    try:
        await session.end()
    except (ExceptionGroup, SessionEndedError) as error:
        log.event("not all cleaned up", session=session.id, why=str(error))
