"""The connection to one board: opening its link, listening, attaching, watching what it prints, going."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from types import TracebackType
from typing import Self, TypeVar

from devsession.board.deadline import Deadline
from devsession.board.execution import OutputTail
from devsession.board.expect import Expected, Expecter, Patterns
from devsession.board.happenings import Happening
from devsession.board.log import log
from devsession.board.messages import Messages
from devsession.board.output import OutputLog, Printed
from devsession.board.performer import Performer
from devsession.board.prompt import Prompt
from devsession.board.recovery import Recovery
from devsession.board.resetter import Resetter
from devsession.board.switches import PowerHook, Reopen, Rung, Switches
from devsession.board.turns import Turns
from devsession.errors import (
    DeadlineError,
    LinkClosedError,
    LinkError,
    LinkLostError,
    RawReplError,
    UsageError,
)
from devsession.transport.base import CLOSE_TIMEOUT, Flow, Transport

# Defaults of DESIGN 4, in seconds; every one can be given with the call.
ATTACH_TIMEOUT = 10.0
EXEC_TIMEOUT = 10.0
# A chip that starts anew takes seconds, and so does USB until it is back.
RESET_TIMEOUT = 15.0
# How long leaving the raw REPL may take: a prompt answers in milliseconds, and a board that does not is closed all the same.
DETACH_LIMIT = 1.0

_T = TypeVar("_T")


class Connection:
    """The connection to one board: its link and its life; what can be done over it is for Board.

    The constructor's arguments are Board's.
    """

    def __init__(
        self,
        transport: Transport,
        *,
        listen: bool = False,
        recovery: Rung = Rung.PROMPT,
        power: PowerHook | None = None,
        reopen: Reopen | None = None,
    ) -> None:
        self.url = transport.url
        self._listening = listen
        self._opened = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._turns = Turns(self.url)
        self._prompt = Prompt(transport)
        self._switches = Switches(self._prompt, reopen, power)
        self._recovery = Recovery(self._prompt, self._switches, recovery)
        self._performer = Performer(self._prompt, self._recovery)
        self._resetter = Resetter(self._prompt, self._performer, self._recovery, self._switches)
        self._expecter = Expecter(self.output, self._why_silent, self.url)

    def __repr__(self) -> str:
        return f"<Board {self.url} {self._prompt.wire.state.value}>"

    @property
    def identity(self) -> str:
        """What locks and caches of this board are keyed by."""
        return self._prompt.wire.transport.identity

    @property
    def epoch(self) -> int:
        """How often the interpreter was seen to start anew on this connection."""
        return self._prompt.interpreter.epoch

    @property
    def lost(self) -> LinkError | None:
        """Why the link ended, ``None`` while it has not."""
        return self._prompt.wire.lost

    @property
    def messages(self) -> Messages:
        """What hands out the events that programs send by themselves; for sessions, whose ``events`` brings them."""
        return self._prompt.messages

    @property
    def events_dropped(self) -> int:
        """How many events of the board nobody listened for, or were of an earlier attach, or damaged on the way."""
        return self._prompt.messages.dropped

    @property
    def flow(self) -> Flow:
        """What the link can hold."""
        return self._prompt.flow

    @property
    def free_heap(self) -> int | None:
        """How many bytes of heap were free when the first program of this connection and life of the board ran; None before that."""
        return self._prompt.interpreter.free_heap

    @property
    def is_busy(self) -> bool:
        """Whether something runs on the board, or waits to."""
        return self._turns.is_busy

    def add_watcher(self, watcher: Callable[[Happening], None]) -> None:
        """Have ``watcher`` called with what befalls the board, at once and on the loop; it must not raise."""
        self._prompt.watchers.append(watcher)

    @property
    def is_listening(self) -> bool:
        """Whether the board is left alone: nothing is sent to it until ``attach``."""
        return self._listening

    @property
    def output(self) -> OutputLog:
        """Everything the board printed on this connection, time-stamped: the last 10 MiB."""
        return self._prompt.output

    @property
    def background(self) -> OutputTail:
        """What the board printed outside any program: threads, timers, boot.py."""
        return self._prompt.background

    async def __aenter__(self) -> Self:
        try:
            await (self.listen() if self._listening else self.attach())
        except BaseException:
            self._prompt.wire.transport.abort()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    # Coming and going

    async def listen(self, timeout: float = ATTACH_TIMEOUT) -> None:
        """Open the link and send nothing: what runs on the board goes on, ``output`` and ``expect`` tell what it prints.

        Raises PortNotFoundError, PortBusyError, PortPermissionError, LinkError, DeadlineError.
        """
        await self._open(timeout)
        self._listening = True

    async def attach(self, timeout: float = ATTACH_TIMEOUT) -> None:
        """Open the link if need be and enter the raw REPL; what runs on the board is interrupted, nothing is reset.

        Raises what ``listen`` does, and RawReplError, which says what answered instead. When cancelled the link stays open, if it was.
        """
        await self._open(timeout)
        deadline = Deadline.after(timeout)
        self._listening = False
        await self._taking_turns(lambda: self._prompt.enter(deadline), deadline)

    async def detach(self, timeout: float = DETACH_LIMIT) -> None:
        """Leave the raw REPL, so that the next user finds the friendly prompt; the link stays open, ``attach`` comes back.

        On CircuitPython that is the end of the interpreter and of what was defined there: the epoch ends.
        """
        deadline = Deadline.after(timeout)
        await self._turns.take(lambda: self._prompt.leave(deadline), deadline)

    async def close(self, timeout: float = CLOSE_TIMEOUT) -> None:
        """Interrupt what runs, detach, and close the link; always ends, and the link is always closed."""
        try:
            await self._turns.end()
            if self._opened:
                await self.detach()
        except (LinkError, DeadlineError, RawReplError) as error:
            # The link is closed below, whatever state the board is in.
            log.event("detach failed", board=self.url, error=type(error).__name__, said=error.message)
        finally:
            with log.phase("close", board=self.url):
                await self._prompt.wire.close(timeout)

    def cut(self, why: str) -> None:
        """End the link at once, and send nothing more: for whoever has no right to the board any longer. To others it is lost."""
        self._prompt.wire.cut(LinkLostError(why, board=self.url))

    async def reopen(self, timeout: float | None = ATTACH_TIMEOUT) -> None:
        """Open a new link to the same board after the last one was lost, as soon as it is there; then listen.

        ``timeout`` in seconds, ``None`` for no limit. Raises DeadlineError, and LinkLostError where no new link can be made.
        """
        deadline = Deadline.after(timeout)
        await self._turns.take(lambda: self._switches.reopen(deadline), deadline)
        self._listening = True

    # Watching

    async def expect(self, patterns: Patterns, timeout: float | None = EXEC_TIMEOUT) -> Expected:
        """Wait until the board prints what matches a pattern, or one of several; each search begins where the last one matched.

        Searched is all that the board prints: during exec and run, while it boots, and by itself. Patterns are regular expressions,
        ``timeout`` is in seconds, ``None`` for no limit. Raises ExpectError, which carries what was printed instead.
        """
        return await self._expecter.expect(patterns, timeout)

    def watch(self) -> AsyncGenerator[Printed]:
        """Yield what the board prints from now on, each piece with its time, until the link is closed or lost."""
        return self.output.follow(lambda: self._why_silent() is not None, self.output.end)

    def type(self, data: bytes) -> None:
        """Send bytes as if they were typed on a terminal; only while the board is listened to. Raises UsageError, LinkLostError."""
        if not self._listening:
            raise UsageError("the board is attached: its prompt is ours", board=self.url, hint="use exec")
        self._prompt.wire.type(data)

    # How it is done

    async def _open(self, timeout: float) -> None:
        if self._opened:
            return
        await self._prompt.wire.prepare()
        deadline = Deadline.after(timeout)
        self._loop = asyncio.get_running_loop()
        try:
            with log.phase("open", board=self.url):
                async with asyncio.timeout(deadline.remaining):
                    await self._prompt.wire.open()
        except TimeoutError:
            raise DeadlineError(
                f"the link did not open within {deadline.timeout:g} s",
                timeout=deadline.timeout or 0.0,
                board=self.url,
                phase="open",
            ) from None
        self._opened = True

    async def _taking_turns(
        self, work: Callable[[], Awaitable[_T]], deadline: Deadline, priority: int = 0, owner: int = 0
    ) -> _T:
        self._check_attached()
        return await self._turns.take(work, deadline, priority, owner)

    def _check_attached(self) -> None:
        self._check_opened()
        if self._listening:
            raise UsageError(
                "the board is only being listened to; a program would interrupt what runs there",
                board=self.url,
                hint="call attach first",
            )

    def _check_opened(self) -> None:
        if not self._opened:
            raise LinkClosedError(
                "the board is not attached", board=self.url, hint="use `async with`, or call attach first"
            )
        if asyncio.get_running_loop() is not self._loop:
            raise UsageError("the board was opened on another event loop", board=self.url)

    def _why_silent(self) -> str | None:
        return None if self.lost is None else self.lost.message
