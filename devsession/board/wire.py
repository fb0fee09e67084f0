"""The engine on a link: bytes, timers and loss, turned into events for one listener."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Protocol

from devsession.board.log import log
from devsession.errors import DevsessionError, LinkClosedError, LinkError, ProtocolError
from devsession.protocol.commands import Command
from devsession.protocol.engine import Engine
from devsession.protocol.entry import Approach
from devsession.protocol.events import Event
from devsession.protocol.states import State
from devsession.transport.base import Transport


class Listener(Protocol):
    """Who is told what happens on a wire."""

    def happened(self, event: Event) -> None:
        """Take one event."""

    def failed(self, error: DevsessionError) -> None:
        """Learn that the link was lost, or that the board broke the protocol."""


class Wire:
    """Drains the link for ever, feeds the engine, writes what it wants written, and keeps its timers.

    ``lost`` is why the link ended, ``handed_over`` whether everything written had left this process by then, ``interrupted`` whether the
    command sent last was interrupted.
    """

    def __init__(self, transport: Transport, listener: Listener) -> None:
        self.transport = transport
        self.engine = Engine()
        self.lost: LinkError | None = None
        self.handed_over = True
        self.interrupted = False
        self._listener = listener
        self._timer: asyncio.TimerHandle | None = None
        self._wake: float | None = None

    @property
    def state(self) -> State:
        """Where the conversation with the board stands."""
        return self.engine.state

    @property
    def heard(self) -> bytes:
        """The last bytes from the board."""
        return self.engine.heard

    async def prepare(self) -> None:
        """Do what an open needs and what may take long."""
        await self.transport.prepare()

    async def open(self) -> None:
        """Open the link; raises what the transport raises."""
        await self.transport.open(self)

    async def close(self, timeout: float) -> None:
        """Close the link within ``timeout`` seconds."""
        self._stop_timer()
        await self.transport.close(timeout)

    def enter(self, approach: Approach) -> None:
        """Ask for the raw REPL."""
        self._ask(lambda: self.engine.enter(time.monotonic(), approach))

    def submit(self, command: Command) -> None:
        """Send a command."""
        self._ask(lambda: self.engine.submit(command))
        self.interrupted = False

    def interrupt(self) -> None:
        """Send Ctrl-C until the command has ended."""
        self._ask(lambda: self.engine.interrupt(time.monotonic()))
        self.interrupted = True

    def soft_reset(self) -> None:
        """Ask for a soft reset."""
        self._ask(self.engine.soft_reset)

    def restart(self) -> None:
        """Ask for a soft reset that runs main.py too."""
        self._ask(self.engine.restart)

    def let_go(self) -> None:
        """Leave the board alone: whatever it prints is its own."""
        self._ask(self.engine.let_go)

    def type(self, data: bytes) -> None:
        """Send bytes that mean nothing to the engine: it is not in the raw REPL."""
        self._ask(lambda: self.engine.type(data))

    def feed(self, data: bytes) -> None:
        """Send bytes to the standard input of the running command."""
        self._ask(lambda: self.engine.feed(data))

    def leave(self) -> None:
        """Ask for the friendly REPL."""
        self._ask(self.engine.leave)

    def _ask(self, request: Callable[[], None]) -> None:
        if self.lost is not None:
            raise self.lost
        request()
        self._flush()

    def data_received(self, data: bytes) -> None:
        """Take bytes from the link."""
        log.wire("received", data, self.transport.url)
        self._advance(lambda: self.engine.receive(data, time.monotonic()))

    def cut(self, error: LinkError) -> None:
        """End the link at once, as if it had been lost by ``error``."""
        self.connection_lost(error)
        self.transport.abort()

    def connection_lost(self, error: LinkError | None) -> None:
        """Take the end of the link; there is but one."""
        if self.lost is not None:
            return
        self._stop_timer()
        self.handed_over = self.transport.unsent == 0
        self.lost = error or LinkClosedError("the link is closed", board=self.transport.url)
        self._listener.failed(self.lost)

    def _tick(self) -> None:
        self._timer = self._wake = None
        self._advance(lambda: self.engine.tick(time.monotonic()))

    def _advance(self, step: Callable[[], list[Event]]) -> None:
        broken: ProtocolError | None = None
        try:
            events = step()
        except ProtocolError as error:
            error.board = self.transport.url
            broken, events = error, self.engine.pending()
        self._flush()
        for event in events:
            self._listener.happened(event)
        if broken is not None:
            self._listener.failed(broken)

    def _flush(self) -> None:
        data = self.engine.outgoing()
        if data and self.lost is None:
            log.wire("written", data, self.transport.url)
            try:
                self.transport.write(data)
            except LinkError as error:
                self.lost = error
                self._listener.failed(error)
        wake = self.engine.wake
        if wake != self._wake:
            self._stop_timer()
            if wake is not None and self.lost is None:
                self._wake = wake
                delay = max(0.0, wake - time.monotonic())
                self._timer = asyncio.get_running_loop().call_later(delay, self._tick)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._wake = None
