"""A board: one interpreter behind one wire, and what can be asked of it."""

from __future__ import annotations

import asyncio
import codecs
from collections.abc import AsyncGenerator, Awaitable, Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from devsession.board.deadline import Deadline
from devsession.board.execution import Execution, OutputTail
from devsession.board.expect import Expected, Expecter, Patterns
from devsession.board.job import Job
from devsession.board.log import log
from devsession.board.output import OutputLog, Printed
from devsession.board.performer import Performer
from devsession.board.programs import NAMELESS, expression_job, program_job, source_job
from devsession.board.prompt import Prompt
from devsession.board.recovery import Recovery
from devsession.board.resets import Reset, ResetReport
from devsession.board.resetter import Resetter
from devsession.board.running import Running
from devsession.board.switches import PowerHook, Reopen, Rung, Switches
from devsession.board.turns import Turns
from devsession.errors import DeadlineError, LinkClosedError, LinkError, UsageError
from devsession.protocol.states import BUSY
from devsession.transport.base import CLOSE_TIMEOUT, Transport

# Defaults of DESIGN 4, in seconds; every one can be given with the call.
ATTACH_TIMEOUT = 10.0
EXEC_TIMEOUT = 10.0
# A chip that starts anew takes seconds, and so does USB until it is back.
RESET_TIMEOUT = 15.0
# How long leaving the raw REPL may take: a prompt answers in milliseconds, and a board that does not is closed all the same.
DETACH_LIMIT = 1.0

_T = TypeVar("_T")


class Board:
    """The communicator: attaches to a board over a transport, and is the only owner of its wire.

    Calls from several tasks take turns, by ``priority`` (the higher first) and then in order. Every call has a deadline and may be
    cancelled: the program on the board is then interrupted, and the board is usable for the next call.

    Use it in ``async with``: entering opens the link and attaches (the board is interrupted, not reset), leaving detaches and closes.
    With ``listen`` entering only opens the link, and nothing is sent until ``attach``. ``recovery`` is how far bringing back a board
    may go; ``power`` cycles its power; ``reopen`` makes a new link to the same board after one that a reset took away.
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
        """Leave the raw REPL, so that the next user finds the friendly prompt; the link stays open, ``attach`` comes back."""
        deadline = Deadline.after(timeout)
        await self._turns.take(lambda: self._prompt.leave(deadline), deadline)

    async def close(self, timeout: float = CLOSE_TIMEOUT) -> None:
        """Interrupt what runs, detach, and close the link; always ends, and the link is always closed."""
        try:
            await self._turns.end()
            if self._opened:
                await self.detach()
        except (LinkError, DeadlineError) as error:
            # The link is closed below, whatever state the board is in.
            log.event("detach failed", board=self.url, error=type(error).__name__, said=error.message)
        finally:
            with log.phase("close", board=self.url):
                await self._prompt.wire.close(timeout)

    async def reopen(self, timeout: float | None = ATTACH_TIMEOUT) -> None:
        """Open a new link to the same board after the last one was lost, as soon as it is there; then listen.

        ``timeout`` in seconds, ``None`` for no limit. Raises DeadlineError, and LinkLostError where no new link can be made.
        """
        deadline = Deadline.after(timeout)
        await self._turns.take(lambda: self._switches.reopen(deadline), deadline)
        self._listening = True

    # Programs

    async def exec(
        self, source: str, *, timeout: float | None = EXEC_TIMEOUT, priority: int = 0, name: str = NAMELESS
    ) -> Execution:
        """Run ``source`` in ``__main__`` and return what came of it; a single expression also gives its ``value``.

        ``timeout`` in seconds, ``None`` for no limit; ``name`` is what tracebacks call the program. Raises DeviceError when the program
        raises, DeadlineError, DeviceResetError, UncertainExecutionError, LinkLostError, RecoveryError. When cancelled the program is
        interrupted.
        """
        execution = await self._execute(source_job(source, timeout, name), priority)
        if execution.error is not None:
            raise execution.error
        return execution

    async def eval(self, expression: str, *, timeout: float | None = EXEC_TIMEOUT, priority: int = 0) -> Any:
        """Return the value of an expression in ``__main__``: numbers, strings, bytes, and containers of them, exact.

        Raises UsageError for what is no expression, UnrepresentableValueError, and what ``exec`` raises.
        """
        return (await self.evaluate(expression, timeout=timeout, priority=priority)).value

    async def evaluate(
        self, expression: str, *, timeout: float | None = EXEC_TIMEOUT, priority: int = 0
    ) -> Execution:
        """Evaluate an expression as ``eval`` does, and return all that came of it: value, output, exit code; raises what ``eval`` does."""
        execution = await self._execute(expression_job(expression, timeout), priority)
        if execution.error is not None:
            raise execution.error
        return execution

    async def run(
        self,
        program: str | Path,
        *,
        args: tuple[str, ...] = (),
        timeout: float | None = None,
        priority: int = 0,
    ) -> Execution:
        """Run a program, a file of this host or its text, to its end, and return what came of it; never raises for the program.

        ``args`` become its ``sys.argv`` behind its name. There is no limit unless ``timeout``, in seconds, sets one. Raises DeadlineError
        and what else ``exec`` raises, but no DeviceError. When cancelled the program is interrupted.
        """
        return await self._execute(program_job(program, args, timeout), priority)

    def start(
        self,
        program: str | Path,
        *,
        args: tuple[str, ...] = (),
        timeout: float | None = None,
        priority: int = 0,
    ) -> Running:
        """Start a program as ``run`` does, and return at once: its output and its end are to be had from the Running returned."""
        job = program_job(program, args, timeout)
        job.feed, job.more = OutputTail(), asyncio.Event()
        self._check_attached()
        task = self._turns.start(lambda: self._perform(job), job.deadline, priority)
        return Running(job, task, self.output, self.url)

    async def stream(
        self,
        program: str | Path,
        *,
        args: tuple[str, ...] = (),
        timeout: float | None = None,
        priority: int = 0,
    ) -> AsyncGenerator[str, None]:
        """Run a program and yield what it prints, as text, while it runs; raises DeviceError at the end when it raised.

        Leaving the loop early, closing the generator or cancelling interrupts the program.
        """
        decoder = codecs.getincrementaldecoder("utf-8")("backslashreplace")
        async with self.start(program, args=args, timeout=timeout, priority=priority) as running:
            async for chunk in running:
                if text := decoder.decode(chunk):
                    yield text
            if rest := decoder.decode(b"", final=True):
                yield rest
            execution = await running.result()
        if execution.error is not None:
            raise execution.error

    def interrupt(self) -> bool:
        """Send Ctrl-C to the program that runs, until it has ended; return whether there was one.

        Whoever waits for that program gets its DeviceError (``KeyboardInterrupt``), unless it ends in another way.
        """
        if self._prompt.wire.state not in BUSY:
            return False
        self._prompt.wire.interrupt()
        return True

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

    # Starting anew

    def can(self, kind: Reset) -> bool:
        """Whether the board has the switch that a kind of reset needs."""
        rung = {Reset.LINE: Rung.HARD, Reset.POWER: Rung.POWER}.get(kind, Rung.PROMPT)
        return self._switches.has(rung)

    async def soft_reset(self, timeout: float = ATTACH_TIMEOUT) -> None:
        """Start the interpreter anew: boot.py runs, main.py does not, variables and imports are gone.

        Raises DeadlineError when boot.py takes longer than ``timeout`` seconds: it is then interrupted.
        """
        deadline = Deadline.after(timeout)
        await self._taking_turns(lambda: self._resetter.raw_soft(deadline), deadline)

    async def reset(self, kind: Reset = Reset.RAW_SOFT, timeout: float = RESET_TIMEOUT) -> ResetReport:
        """Start the board anew, wait until the same board is back at its raw prompt, and tell what ran meanwhile.

        Kinds that run main.py give it half a second before it is interrupted; ``boot`` leaves it alone. Raises DeadlineError,
        BoardSwappedError, UsageError where the board lacks what ``kind`` needs, DeviceError where it refuses, LinkLostError.
        """
        deadline = Deadline.after(timeout)
        # A hung board can be reset from outside without having been attached to.
        report = await self._turns.take(lambda: self._resetter.reset(kind, deadline), deadline)
        self._listening = False
        return report

    async def boot(self, kind: Reset = Reset.SOFT, timeout: float = RESET_TIMEOUT) -> None:
        """Start the board anew and leave it alone: main.py runs, and the board is only listened to until ``attach``.

        Returns at its first sign of life; ``expect`` finds what is printed from then on. Raises what ``reset`` does.
        """
        self._expecter.skip()
        deadline = Deadline.after(timeout)
        await self._turns.take(lambda: self._resetter.boot(kind, deadline), deadline)
        self._listening = True

    async def catch(self, timeout: float = RESET_TIMEOUT) -> None:
        """Stop the board in the moments after it starts, before its main.py takes over, and attach.

        It is reset from outside where it has a switch for that; else somebody has to press its button meanwhile. For a board whose main.py
        switches Ctrl-C off or resets it again and again. Raises RawReplError.
        """
        deadline = Deadline.after(timeout)
        await self._turns.take(lambda: self._resetter.catch(deadline), deadline)
        self._listening = False

    async def bootloader(self, timeout: float = EXEC_TIMEOUT) -> None:
        """Start the boot loader of the chip, which waits for new firmware; the link may go, and nothing answers until the next reset.

        Raises DeviceError where the board has no such function.
        """
        deadline = Deadline.after(timeout)
        await self._taking_turns(lambda: self._resetter.bootloader(deadline), deadline)
        self._listening = True

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

    async def _execute(self, job: Job, priority: int) -> Execution:
        return await self._taking_turns(lambda: self._perform(job), job.deadline, priority)

    async def _perform(self, job: Job) -> Execution:
        return job.conclude(await self._performer.perform(job), self.url)

    async def _taking_turns(
        self, work: Callable[[], Awaitable[_T]], deadline: Deadline, priority: int = 0
    ) -> _T:
        self._check_attached()
        return await self._turns.take(work, deadline, priority)

    def _check_attached(self) -> None:
        if not self._opened:
            raise LinkClosedError(
                "the board is not attached", board=self.url, hint="use `async with`, or call attach first"
            )
        if asyncio.get_running_loop() is not self._loop:
            raise UsageError("the board was opened on another event loop", board=self.url)
        if self._listening:
            raise UsageError(
                "the board is only being listened to; a program would interrupt what runs there",
                board=self.url,
                hint="call attach first",
            )

    def _why_silent(self) -> str | None:
        return None if self._prompt.wire.lost is None else self._prompt.wire.lost.message
