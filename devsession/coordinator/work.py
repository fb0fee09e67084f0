"""What one session was sent, and how it is run: one program after the other, with its input."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from pathlib import Path

from devsession.board.execution import Execution, Opaque
from devsession.board.messages import Question
from devsession.board.running import Running
from devsession.coordinator.boards import Seat
from devsession.coordinator.buffer import OutputBuffer
from devsession.coordinator.calls import Calls
from devsession.coordinator.limits import Rate, SessionLimits
from devsession.coordinator.program import Program, SessionKind, Watcher
from devsession.coordinator.states import ENDED, CoordinatedState, check
from devsession.errors import DevsessionError, LinkError, SessionEndedError, SessionError, UsageError
from devsession.transport.waiters import Waiters

# How much of a program is told while it runs, in characters.
SHOWN = 60


class Work:
    """The programs of a session, in the order in which they were sent; a CoordinatedSession is this with a life of its own."""

    def __init__(
        self, name: str, kind: SessionKind, limits: SessionLimits, calls: Calls, watcher: Watcher
    ) -> None:
        self.name = name
        self.kind = kind
        self.state = CoordinatedState.ACTIVE
        self.since = time.time()
        self.board = ""
        self.reason = ""
        self.prompt: str | None = None
        self.last: Execution | None = None
        self.buffer = OutputBuffer(limits.buffer, lambda _: watcher.printed(self))
        self._limits = limits
        self._calls = calls
        self._rate = Rate(limits.rate)
        self._watcher = watcher
        self._seat: Seat | None = None
        self._queue: deque[Program] = deque()
        self._worker: asyncio.Task[None] | None = None
        self._running: Running | None = None
        self._question: Question | None = None
        self._is_paused = False
        self.doing = ""
        self.free_heap: int | None = None
        self._changed = Waiters()

    @property
    def has_ended(self) -> bool:
        """Whether it was completed, or failed."""
        return self.state in ENDED

    @property
    def waiting(self) -> int:
        """How many programs wait to be run."""
        return len(self._queue)

    # What it is sent

    def send(self, text: str | Path) -> None:
        """Have a program run behind those that were sent before; while the session waits for input a text is the line typed.

        Returns at once. Raises SessionError when there is too much of it, SessionEndedError, LinkLostError.
        """
        if self._question is not None and self._question.prompt is not None:
            self._check_sent()
            self._type(text)
        else:
            self.submit(text)

    def submit(self, source: str | Path) -> asyncio.Future[Execution]:
        """Have a program run behind those that were sent before, and return the future of what comes of it; raises as ``send``."""
        self._check_sent()
        if self.state is CoordinatedState.HIBERNATED:
            raise SessionError(f"session {self.name} is hibernated", hint="resume it first")
        if len(self._queue) >= self._limits.queue:
            raise SessionError(
                f"{len(self._queue)} programs wait in session {self.name} already", board=self.board
            )
        program = Program(source)
        self._queue.append(program)
        self._work()
        return program.done

    def send_bytes(self, data: bytes) -> None:
        """Write bytes to the program that runs, as they are; raises UsageError when none does, LinkLostError."""
        self._check_sent()
        if self._running is None:
            raise UsageError(f"no program of session {self.name} runs", phase="write")
        self._running.write(data, raw=True)
        if self._question is not None and data.endswith((b"\n", b"\r")):
            self._goes_on()

    def interrupt(self) -> bool:
        """Send Ctrl-C to the program that runs, and drop those that wait; return whether there was one."""
        self._drop_queue()
        return self._running is not None and self._running.interrupt()

    async def settled(self) -> None:
        """Wait until the session does nothing by itself: it takes the next program, waits for input, is paused, or has ended."""
        while self.state is CoordinatedState.PROCESSING:
            await self._changed.wait()

    async def reached(self, *states: CoordinatedState) -> CoordinatedState:
        """Wait until the session is in one of these states, and return which; raises SessionEndedError when it ends in another."""
        while self.state not in states:
            if self.has_ended:
                raise SessionEndedError(
                    f"session {self.name} has ended: {self.state.value}", board=self.board
                )
            await self._changed.wait()
        return self.state

    def pause(self) -> None:
        """Hold back what waits to be run; a program that runs goes on to its end, or to its next ``pause_point()``.

        A line that is asked for can be typed when the session was resumed. Raises SessionEndedError, SessionError while it is hibernated.
        """
        self.check_lasts()
        if self.state is CoordinatedState.HIBERNATED:
            raise SessionError(f"session {self.name} is hibernated: nothing of it runs")
        self._is_paused = True
        if self.state is not CoordinatedState.PROCESSING or self._running is None:
            self._go(CoordinatedState.PAUSED)

    def go_on(self) -> None:
        """Let go on what was paused; raises SessionEndedError."""
        self.check_lasts()
        self._is_paused = False
        if self.state is not CoordinatedState.PAUSED:
            return
        if self._question is None:
            self._go(CoordinatedState.ACTIVE if self._worker is None else CoordinatedState.PROCESSING)
            self._work()
        elif self._question.prompt is None:
            self._answer(b"")
        else:
            self._go(CoordinatedState.WAITING)

    # How it is done

    def _drop_queue(self) -> None:
        while self._queue:
            self._queue.popleft().stopped(f"session {self.name} was told to stop before this program began")

    def check_lasts(self) -> None:
        """Raise SessionEndedError when it has ended."""
        if self.has_ended:
            raise SessionEndedError(
                f"session {self.name} has ended: {self.reason or self.state.value}", board=self.board
            )

    def _check_sent(self) -> None:
        self.check_lasts()
        self._rate.take(self.name)

    def _type(self, line: str | Path) -> None:
        if not isinstance(line, str) or "\n" in line.rstrip("\r\n"):
            raise UsageError(
                "the program asks for one line", phase="write", hint=f"it asked: {self.prompt!r}"
            )
        if self.state is CoordinatedState.PAUSED:
            raise SessionError(f"session {self.name} is paused", hint="resume it first")
        try:
            self._answer(line.rstrip("\r\n").encode())
        except UnicodeEncodeError as error:
            raise UsageError(
                f"the line holds a character that has no UTF-8 form: {line[error.start]!a}"
            ) from error

    def _answer(self, line: bytes) -> None:
        question = self._question
        assert question is not None
        assert self._running is not None
        self._running.write(line + question.line_end)
        if question.prompt is not None and not question.echoes:
            self.buffer.append(line + b"\n")
        self._goes_on()

    def _goes_on(self) -> None:
        self._question = self.prompt = None
        self._calls.go_on()
        self._go(CoordinatedState.PROCESSING)

    def _asked(self, question: Question) -> None:
        if self._running is None:
            # A program of somebody else in this namespace, who has to answer it himself.
            return
        if question.prompt is None and not self._is_paused:
            # Not here: the wire is in the middle of telling what it was told.
            asyncio.get_running_loop().call_soon(self._let_go_on, self._running, question)
            return
        if self._question is None:
            self._calls.end()
        self._question, self.prompt = question, question.prompt
        self._go(CoordinatedState.PAUSED if self._is_paused else CoordinatedState.WAITING)

    def _let_go_on(self, running: Running, question: Question) -> None:
        try:
            running.write(question.line_end)
        except (UsageError, LinkError):
            # It ended meanwhile; its result says how.
            return

    def _work(self) -> None:
        if self._worker is None and self._queue and not self._is_paused:
            self._go(CoordinatedState.PROCESSING)
            self._worker = asyncio.get_running_loop().create_task(self._run_all())

    async def _run_all(self) -> None:
        while self._queue and not self._is_paused and not self.has_ended:
            await self._run_next()
        self._worker = None
        if not self.has_ended:
            self._go(CoordinatedState.PAUSED if self._is_paused else CoordinatedState.ACTIVE)

    async def _run_next(self) -> None:
        assert self._seat is not None
        async with self._seat.turn:
            await self._calls.begin()
            self._seat.begins()
            try:
                if self._queue and not self._is_paused:
                    await self._run(self._seat, self._queue.popleft())
            finally:
                self._is_over()

    def _is_over(self) -> None:
        self._running = None
        self.doing = ""
        if self._question is None:
            self._calls.end()
        self._question = self.prompt = None
        if self.state is CoordinatedState.WAITING:
            self._go(CoordinatedState.PROCESSING)

    async def _run(self, seat: Seat, program: Program) -> None:
        self.doing = _beginning(program.source)
        try:
            await seat.session.prepare()
            self._running = seat.session.start(program.source, value=True, into=self.buffer)
            async with self._running:
                execution = await self._running.result()
        except DevsessionError as error:
            self._failed(program, error)
        except asyncio.CancelledError:
            program.stopped(f"session {self.name} was stopped")
            raise
        else:
            self._ended(program, execution)

    def _ended(self, program: Program, execution: Execution) -> None:
        self.last = execution
        if execution.error is not None:
            self._show(execution.error.traceback or execution.error.message)
        elif execution.result is not None:
            result = execution.result
            self._show(result.text if isinstance(result, Opaque) else repr(result))
        if execution.exit_message is not None:
            self._show(execution.exit_message)
        if not program.done.done():
            program.done.set_result(execution)
        if not self.has_ended and (
            self.kind is SessionKind.SCRIPT or (self.kind is SessionKind.TEST and execution.exit_code)
        ):
            self._finish(execution)

    def _failed(self, program: Program, error: DevsessionError) -> None:
        self._show(str(error))
        if not program.done.done():
            program.done.set_exception(error)
        if isinstance(error, LinkError):
            self.lose(error.message)
        elif self.kind is not SessionKind.INTERACTIVE and not self.has_ended:
            self.reason = error.message
            self._go(CoordinatedState.FAILED)

    def _show(self, text: str) -> None:
        self.buffer.append(text.rstrip("\n").encode("utf-8", "backslashreplace") + b"\n")

    def _finish(self, execution: Execution) -> None:
        if execution.exit_code:
            error = execution.error
            self.reason = (
                error.message if error else execution.exit_message or f"exit code {execution.exit_code}"
            )
        self._go(CoordinatedState.FAILED if execution.exit_code else CoordinatedState.COMPLETED)

    async def _stop(self) -> None:
        worker, self._worker = self._worker, None
        if worker is not None:
            worker.cancel()
            await asyncio.wait([worker])

    def lose(self, why: str) -> None:
        """Know that the board is lost."""
        if not self.has_ended:
            self.reason = f"lost: {why}"
            self._go(CoordinatedState.FAILED)

    def _go(self, after: CoordinatedState) -> None:
        before = self.state
        if after is before:
            return
        check(before, after)
        self.state, self.since = after, time.time()
        self._changed.wake()
        self._watcher.changed(self, before)


def _beginning(source: str | Path) -> str:
    """Return how a program begins, as a line: what is told of it."""
    text = source.name if isinstance(source, Path) else source.strip().partition("\n")[0]
    return text if len(text) <= SHOWN else text[: SHOWN - 1] + "…"
