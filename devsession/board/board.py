"""A board: one interpreter behind one wire, and what can be asked of it."""

from __future__ import annotations

import asyncio
import codecs
from collections.abc import AsyncGenerator, Callable, Coroutine
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from devsession.board.deadline import Deadline
from devsession.board.execution import Execution, OutputTail
from devsession.board.job import Job
from devsession.board.log import log
from devsession.board.owner import Owner
from devsession.board.running import Running
from devsession.board.turnstile import Turnstile
from devsession.errors import DeadlineError, LinkClosedError, LinkError, UsageError
from devsession.protocol import source as sources
from devsession.protocol.source import Mode
from devsession.protocol.states import BUSY
from devsession.transport.base import CLOSE_TIMEOUT, Transport

# Defaults of DESIGN 4, in seconds; every one can be given with the call.
ATTACH_TIMEOUT = 10.0
EXEC_TIMEOUT = 10.0
# How long leaving the raw REPL may take: a prompt answers in milliseconds, and a board that does not is closed all the same.
DETACH_LIMIT = 1.0
# What a program without a file is called in tracebacks.
NAMELESS = "<string>"

_T = TypeVar("_T")


class Board:
    """The communicator: attaches to a board over a transport, and is the only owner of its wire.

    Calls from several tasks take turns, by ``priority`` (the higher first) and then in order. Every call has a deadline and may be
    cancelled: the program on the board is then interrupted, and the board is usable for the next call.

    Use it in ``async with``: entering opens the link and attaches (the board is interrupted, not reset), leaving detaches and closes.
    """

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._owner = Owner(transport)
        self._turns = Turnstile()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._opened = False

    def __repr__(self) -> str:
        return f"<Board {self.url} {self._owner.wire.state.value}>"

    @property
    def url(self) -> str:
        """How the board was named."""
        return self._transport.url

    @property
    def identity(self) -> str:
        """What locks and caches of this board are keyed by."""
        return self._transport.identity

    @property
    def epoch(self) -> int:
        """How often the interpreter was seen to start anew on this connection."""
        return self._owner.epoch

    @property
    def background(self) -> OutputTail:
        """What the board printed outside any program: threads, timers, boot.py."""
        return self._owner.background

    async def __aenter__(self) -> Self:
        try:
            await self.attach()
        except BaseException:
            self._transport.abort()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def attach(self, timeout: float = ATTACH_TIMEOUT) -> None:
        """Open the link if need be and enter the raw REPL; what runs on the board is interrupted, nothing is reset.

        Raises PortNotFoundError, PortBusyError, PortPermissionError, RawReplError (says what answered instead), DeadlineError. When
        cancelled the link stays open, if it was.
        """
        deadline = Deadline.after(timeout)
        if not self._opened:
            with log.phase("open", board=self.url):
                await self._open(deadline)
        await self._taking_turns(deadline, self._owner.enter)

    async def exec(
        self, source: str, *, timeout: float | None = EXEC_TIMEOUT, priority: int = 0, name: str = NAMELESS
    ) -> Execution:
        """Run ``source`` in ``__main__`` and return what came of it; a single expression also gives its ``value``.

        ``timeout`` in seconds, ``None`` for no limit; ``name`` is what tracebacks call the program. Raises DeviceError when the program
        raises, DeadlineError, DeviceResetError, UncertainExecutionError, LinkLostError, RecoveryError. When cancelled the program is
        interrupted.
        """
        execution = await self._execute(self._job(source, timeout, name), priority)
        if execution.error is not None:
            raise execution.error
        return execution

    async def eval(self, expression: str, *, timeout: float | None = EXEC_TIMEOUT, priority: int = 0) -> Any:
        """Return the value of an expression in ``__main__``: numbers, strings, bytes, and containers of them, exact.

        Raises UsageError for what is no expression, UnrepresentableValueError, and what ``exec`` raises.
        """
        expression = sources.normalise(expression).strip()
        if not sources.is_expression(expression):
            raise UsageError("this is not a single expression", phase="eval", hint="use exec for statements")
        execution = await self._execute(
            Job(expression, Mode.EVAL, NAMELESS, Deadline.after(timeout)), priority
        )
        if execution.error is not None:
            raise execution.error
        return execution.value

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
        return await self._execute(self._program(program, args, timeout), priority)

    def start(
        self,
        program: str | Path,
        *,
        args: tuple[str, ...] = (),
        timeout: float | None = None,
        priority: int = 0,
    ) -> Running:
        """Start a program as ``run`` does, and return at once: its output and its end are to be had from the Running returned."""
        job = self._program(program, args, timeout)
        job.feed, job.more = OutputTail(), asyncio.Event()
        return Running(job, self._spawn(self._conduct(job, priority)))

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
        if self._owner.wire.state not in BUSY:
            return False
        self._owner.wire.interrupt()
        return True

    async def soft_reset(self, timeout: float = ATTACH_TIMEOUT) -> None:
        """Start the interpreter anew: boot.py runs, main.py does not, variables and imports are gone.

        Raises DeadlineError when boot.py takes longer than ``timeout`` seconds: it is then interrupted.
        """
        await self._taking_turns(Deadline.after(timeout), self._owner.soft_reset)

    async def detach(self, timeout: float = DETACH_LIMIT) -> None:
        """Leave the raw REPL, so that the next user finds the friendly prompt; the link stays open, ``attach`` comes back."""
        await self._taking_turns(Deadline.after(timeout), self._owner.leave)

    async def close(self, timeout: float = CLOSE_TIMEOUT) -> None:
        """Interrupt what runs, detach, and close the link; always ends, and the link is always closed."""
        try:
            for task in self._tasks:
                task.cancel()
            if self._tasks:
                await asyncio.wait(self._tasks)
            if self._opened:
                await self.detach()
        except (LinkError, DeadlineError) as error:
            # The link is closed below, whatever state the board is in.
            log.event("detach failed", board=self.url, error=type(error).__name__, said=error.message)
        finally:
            with log.phase("close", board=self.url):
                await self._owner.wire.close(timeout)

    # How it is done

    async def _open(self, deadline: Deadline) -> None:
        try:
            async with asyncio.timeout(deadline.remaining):
                await self._owner.wire.open()
        except TimeoutError:
            raise DeadlineError(
                f"the link did not open within {deadline.timeout:g} s",
                timeout=deadline.timeout or 0.0,
                board=self.url,
                phase="open",
            ) from None
        self._opened = True

    def _job(self, source: str, timeout: float | None, name: str) -> Job:
        source = sources.normalise(source)
        expression = len(source) <= sources.EXPRESSION_LIMIT and sources.is_expression(source)
        return Job(
            source.strip() if expression else source,
            Mode.EVAL if expression else Mode.EXEC,
            name,
            Deadline.after(timeout),
        )

    def _program(self, program: str | Path, args: tuple[str, ...], timeout: float | None) -> Job:
        name, text = (str(program), _read(program)) if isinstance(program, Path) else (NAMELESS, program)
        job = Job(sources.normalise(text), Mode.EXEC, name, Deadline.after(timeout))
        if args:
            job.prelude = sources.arguments((name, *args))
        return job

    async def _execute(self, job: Job, priority: int) -> Execution:
        return await self._shielded(self._conduct(job, priority))

    async def _conduct(self, job: Job, priority: int) -> Execution:
        await self._turn(priority, job.deadline)
        try:
            finished = await self._owner.perform(job)
        finally:
            self._turns.release()
        return job.conclude(finished, self.url)

    async def _taking_turns(
        self, deadline: Deadline, action: Callable[[Deadline], Coroutine[Any, Any, None]]
    ) -> None:
        async def act() -> None:
            await self._turn(0, deadline)
            try:
                await action(deadline)
            finally:
                self._turns.release()

        await self._shielded(act())

    async def _turn(self, priority: int, deadline: Deadline) -> None:
        if not self._opened:
            raise LinkClosedError(
                "the board is not attached", board=self.url, hint="use `async with`, or call attach first"
            )
        try:
            async with asyncio.timeout(deadline.remaining):
                await self._turns.acquire(priority)
        except TimeoutError:
            raise DeadlineError(
                f"another program held the board for all of {deadline.timeout:g} s",
                timeout=deadline.timeout or 0.0,
                board=self.url,
                phase="queue",
            ) from None

    def _spawn(self, work: Coroutine[Any, Any, _T]) -> asyncio.Task[_T]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _shielded(self, work: Coroutine[Any, Any, _T]) -> _T:
        """Do ``work`` in a task of its own: a caller who is cancelled waits until the board has been brought back."""
        task = self._spawn(work)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            current = asyncio.current_task()
            if task.cancelled() and not (current and current.cancelling()):
                raise LinkClosedError("the board was closed meanwhile", board=self.url) from None
            task.cancel()
            await asyncio.wait([task])
            if not task.cancelled() and (error := task.exception()):
                log.event("cancelled", board=self.url, error=type(error).__name__, said=str(error))
            raise


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(
            f"{path} is not UTF-8 text: {error.reason} at byte {error.start}", phase="read"
        ) from error
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}", phase="read") from error
