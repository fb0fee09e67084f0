"""A board whose connection has states that are told, and which is brought back when its link was lost."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from devsession.board.board import Board
from devsession.board.connection import ATTACH_TIMEOUT
from devsession.board.happenings import Happening
from devsession.errors import DeadlineError, DeviceResetError, SessionError
from devsession.session.facts import Facts
from devsession.session.listeners import Listeners
from devsession.session.reconnect import Reconnect, Reconnector
from devsession.session.states import MOVES, ConnectionState, StateChange, check

if TYPE_CHECKING:
    # pydantic takes its time, and is not needed before a board was asked.
    from devsession.session.capabilities import Change, DeviceCapabilities, Performance


class ManagedBoard:
    """A board with the state of its connection and what is known of it; a DeviceSessionManager is this with sessions.

    ``state_changed`` tells each change of ``state`` to listeners, plain or async, ``capabilities_changed`` what was found to be another
    than before.
    """

    def __init__(self, communicator: Board, reconnect: Reconnect | None) -> None:
        self.board = communicator
        self.state_changed: Listeners[StateChange] = Listeners()
        self._state = ConnectionState.DISCONNECTED
        self._facts = Facts(communicator)
        self.capabilities_changed = self._facts.changed
        self._reconnector = Reconnector(reconnect, self.connect, communicator.url) if reconnect else None
        communicator.add_watcher(self._happened)

    @property
    def state(self) -> ConnectionState:
        """Where the connection stands."""
        return self._state

    @property
    def capabilities(self) -> DeviceCapabilities:
        """What the board is and can do, as found when it was connected, or by ``refresh``; raises SessionError where nothing is known."""
        return self._facts.capabilities

    async def connect(self, timeout: float | None = ATTACH_TIMEOUT) -> None:
        """Open the link and attach; connected already, it does nothing. A link that was lost is opened anew, to the same board only.

        ``timeout`` in seconds is how long that board may take to come back. Raises what ``Board.attach`` does, BoardSwappedError for
        another board, and leaves the state as it was.
        """
        before = self._state
        if before in {ConnectionState.CONNECTED, ConnectionState.EXECUTING, ConnectionState.RECOVERING}:
            return
        if before is ConnectionState.CLOSED:
            raise SessionError("the manager is closed", board=self.board.url, hint="open a new one")
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

    # What happens to the board

    def _happened(self, happening: Happening) -> None:
        if happening is Happening.EPOCH_ENDED:
            self._started_anew()
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

    # What a board with sessions does besides

    def _started_anew(self) -> None:
        """Know that what was on the board is gone."""

    async def _restore(self) -> None:
        """Bring back what went with the link, where that can be done."""
