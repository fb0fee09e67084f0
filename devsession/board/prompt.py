"""The raw prompt of one board: entering it, waiting for what happens there, leaving it."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from typing import Any, TypeVar

from devsession.board.deadline import Deadline
from devsession.board.execution import OutputTail
from devsession.board.happenings import Happening
from devsession.board.interpreter import Interpreter
from devsession.board.job import Job
from devsession.board.log import log
from devsession.board.messages import Messages
from devsession.board.output import OutputLog
from devsession.board.requests import Requests, Service
from devsession.board.wire import Wire
from devsession.errors import (
    DeadlineError,
    DevsessionError,
    LinkError,
    LinkLostError,
    RawReplError,
    RecoveryError,
)
from devsession.protocol.entry import GREETING, PATIENT, Approach, classify
from devsession.protocol.events import Attached, Detached, Emitted, Event, Stray, Told
from devsession.protocol.records import NONCE_BITS, Kind
from devsession.protocol.states import State
from devsession.transport.base import Transport

_E = TypeVar("_E", bound=Event)

CIRCUITPYTHON = b"CircuitPython"
# A greeting is shorter, and may come in pieces.
_RECENT = 256


class Prompt:
    """The conversation with one board, one request at a time; the caller sees to that.

    ``job`` is told what happens while it is set, ``watchers`` what befalls the board; ``background`` keeps what it printed outside any job,
    ``output`` that and what jobs print, ``messages`` hands out what programs send by themselves, ``requests`` what they ask; ``failure``
    is set while the board could not be brought back.
    """

    def __init__(self, transport: Transport) -> None:
        self.wire = Wire(transport, self)
        self.url = transport.url
        self.flow = transport.flow
        self.interpreter = Interpreter(told=self.tell)
        self.watchers: list[Callable[[Happening], None]] = []
        self.background = OutputTail()
        self.output = OutputLog()
        self.messages = Messages()
        self.requests = Requests()
        self.job: Job | None = None
        self.failure: RecoveryError | None = None
        self._random_bits = transport.random_bits
        # What came last at the raw prompt, and whether a greeting was among it.
        self._recent, self._greeted = b"", False
        self._awaited: tuple[type[Any] | tuple[type[Any], ...], asyncio.Future[Any]] | None = None

    def tell(self, happening: Happening) -> None:
        """Tell those who watch the board."""
        for watcher in tuple(self.watchers):
            watcher(happening)

    # Listener of the wire

    def happened(self, event: Event) -> None:
        """Take one event from the wire."""
        if isinstance(event, Stray):
            self._stray(event.data)
        elif isinstance(event, Emitted):
            self.messages.take(event, self.interpreter.nonce)
        elif isinstance(event, Told) and event.record.kind is Kind.REQUEST:
            self._asked(event.record.payload)
        elif self.job is not None:
            self.job.take(event)
        if self._awaited is not None and isinstance(event, self._awaited[0]) and not self._awaited[1].done():
            self._awaited[1].set_result(event)

    def failed(self, error: DevsessionError) -> None:
        """Take the end of the link, or the board's breach of the protocol."""
        log.event("wire failed", board=self.url, error=type(error).__name__, said=error.message)
        self.output.wake()
        self.messages.wake()
        if isinstance(error, LinkLostError):
            self.tell(Happening.LINK_LOST)
        if self._awaited is not None and not self._awaited[1].done():
            self._awaited[1].set_exception(error)

    def serve(self, service: Service) -> int:
        """Have ``service`` answer what programs ask under the number returned."""
        number = self._random_bits(NONCE_BITS)
        self.requests.serve(number, service)
        return number

    def _asked(self, payload: bytes) -> None:
        answer = self.requests.answer(payload)
        # The program may have ended meanwhile: nobody would read it.
        if answer and self.wire.state is State.RUNNING:
            try:
                self.wire.feed(answer)
            except LinkError as error:
                log.event("request not answered", board=self.url, said=error.message)

    @property
    def is_unsettled(self) -> bool:
        """Whether the program that has ended may have left bytes of an answer unread, which come to the prompt."""
        return self.requests.is_unsettled(interrupted=self.wire.interrupted)

    def _stray(self, data: bytes) -> None:
        self.background.append(data)
        self.output.append(data)
        if self.is_ready:
            self._recent = (self._recent + data)[-_RECENT:]
            self._greeted |= bool(re.search(GREETING, self._recent))

    async def wait(self, kind: type[_E] | tuple[type[_E], ...], deadline: Deadline) -> _E:
        """Wait for an event of one kind, or of several; raises TimeoutError, and what ends the wire."""
        future: asyncio.Future[_E] = asyncio.get_running_loop().create_future()
        self._awaited = (kind, future)
        try:
            async with asyncio.timeout(deadline.remaining):
                return await future
        finally:
            self._awaited = None

    # What can be asked for

    @property
    def is_ready(self) -> bool:
        """Whether the board is at its raw prompt."""
        return self.wire.state is State.READY

    async def ensure(self, deadline: Deadline) -> None:
        """See to it that the board is at its raw prompt; raises what keeps it from there."""
        if self.failure is not None:
            raise self.failure
        if self.wire.lost is not None:
            raise self.wire.lost
        if not self.is_ready:
            await self.enter(deadline)
        elif self._greeted:
            # It seems to have started anew by itself. What is there now tells the next reply: the helper, or its absence.
            await self._enter(deadline, PATIENT)

    async def relink(self, transport: Transport) -> None:
        """Go on over a new link to the same board; raises what opening it raises, and then stays with the old one."""
        wire = Wire(transport, self)
        await wire.open()
        self.wire = wire
        self.flow = transport.flow
        self._random_bits = transport.random_bits

    async def enter(self, deadline: Deadline, approach: Approach = PATIENT, *, reset: bool = False) -> None:
        """Enter the raw REPL, whatever the board is doing; with ``reset`` its interpreter is known to have started anew.

        Raises RawReplError that names what answered instead, LinkLostError. When cancelled the board may be in either REPL.
        """
        noise = await self._enter(deadline, approach)
        if self.interpreter.nonce is not None and (reset or re.search(GREETING, noise)):
            self.interpreter.begin_epoch()
        if self.interpreter.nonce is None:
            self.interpreter.attached(self._random_bits(NONCE_BITS))
        self.failure = None

    async def leave(self, deadline: Deadline) -> None:
        """Go back to the friendly REPL, so that the next user finds a prompt; a board that says nothing is left all the same."""
        if self.wire.state is State.FAILED and self.failure is None and self.wire.lost is None:
            # A program was fed, and nothing ran after it.
            await self._enter(deadline, PATIENT)
        if self.is_ready:
            with log.phase("detach", board=self.url):
                self.wire.leave()
                try:
                    detached = await self.wait(Detached, deadline)
                except TimeoutError:
                    raise DeadlineError(
                        "the board did not leave the raw REPL",
                        timeout=deadline.timeout or 0.0,
                        board=self.url,
                        phase="detach",
                    ) from None
                if CIRCUITPYTHON in detached.banner:
                    # Each REPL of it has an interpreter of its own.
                    self.interpreter.begin_epoch()

    async def _enter(self, deadline: Deadline, approach: Approach) -> bytes:
        with log.phase("enter", board=self.url):
            self.wire.enter(approach)
            try:
                attached = await self.wait(Attached, deadline)
            except TimeoutError:
                raise self._no_raw_repl(deadline) from None
        self._recent, self._greeted = b"", False
        if attached.noise:
            self.output.append(attached.noise)
        return attached.noise

    def _no_raw_repl(self, deadline: Deadline) -> RawReplError:
        heard = self.wire.heard
        verdict = classify(heard)
        return RawReplError(
            f"could not enter the raw REPL within {deadline.timeout:g} s: {verdict.message}",
            verdict=verdict.name,
            board=self.url,
            seen=heard,
            hint=verdict.hint,
        )
