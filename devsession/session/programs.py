"""What runs in one session's namespace on a board."""

from __future__ import annotations

import asyncio
import enum
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractContextManager, nullcontext, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from devsession.board.board import Board
from devsession.board.connection import EXEC_TIMEOUT
from devsession.board.execution import Execution, OutputTail
from devsession.board.expect import Expected, Patterns
from devsession.board.messages import Question
from devsession.board.programs import expression_job
from devsession.board.running import Running
from devsession.board.turns import checked_priority
from devsession.errors import DevsessionError, SessionEndedError
from devsession.session.cleanup import CleanupStack, Held
from devsession.session.device import checked_name
from devsession.session.events import EVENTS_KEPT, Events, EventSources

if TYPE_CHECKING:
    from devsession.session.files.device_files import DeviceFiles
    from devsession.session.preparation import Preparation


_NOTHING = nullcontext()


class SessionPhase(enum.Enum):
    """Where a session stands."""

    ACTIVE = "active"
    ENDING = "ending"
    ENDED = "ended"


class Programs:
    """The programs of a session, each in its namespace, with what has to be there before them; a DeviceSession is this with an end."""

    files: DeviceFiles
    _preparation: Preparation

    def __init__(self, board: Board, name: str, namespace: int) -> None:
        self.board = board
        self.name = name
        self.phase = SessionPhase.ACTIVE
        self._namespace = namespace
        self._used = False
        self._stack = CleanupStack()
        self._events = EventSources(board, namespace)
        self._started: dict[str, Running] = {}
        self._watched: set[asyncio.Task[None]] = set()
        self._refusal: Callable[[], DevsessionError] | None = None

    @property
    def namespace(self) -> int:
        """The number of this session's dict on the board; 0 is ``__main__``."""
        return self._namespace

    async def exec(
        self, source: str, *, timeout: float | None = EXEC_TIMEOUT, priority: int = 0
    ) -> Execution:
        """Run ``source`` in this session's namespace; as ``Board.exec``. Raises SessionEndedError too."""
        self.use(priority)
        self._preparation.check(source)
        return await self.exec_own(source, timeout=timeout, priority=priority)

    async def eval(self, expression: str, *, timeout: float | None = EXEC_TIMEOUT, priority: int = 0) -> Any:
        """Return the value of an expression in this session's namespace; as ``Board.eval``."""
        self.use(priority)
        self._preparation.check(expression)
        return await self.eval_own(expression, timeout=timeout, priority=priority)

    async def run(
        self,
        program: str | Path,
        *,
        args: tuple[str, ...] = (),
        timeout: float | None = None,
        priority: int = 0,
    ) -> Execution:
        """Run a program to its end in this session's namespace; as ``Board.run``, and never raises for the program."""
        self.use(priority)
        program, push = await self._preparation.before_program(program)
        with self._preparation.sending(push):
            execution = await self.board.run(
                program, args=args, timeout=timeout, priority=priority, namespace=self._namespace
            )
        if execution.error is not None:
            self._preparation.doubt(push)
        return execution

    def start(
        self,
        program: str | Path,
        *,
        args: tuple[str, ...] = (),
        timeout: float | None = None,
        priority: int = 0,
        value: bool = False,
        into: OutputTail | None = None,
    ) -> Running:
        """Start a program in this session's namespace, and return at once; as ``Board.start``. The session's end stops it."""
        self.use(priority)
        for before in self._preparation.before_start(program):
            # Those who wait for the board take turns: it runs before what is started next.
            self._watch(self.board.start(before, priority=priority, namespace=self._namespace))
        running = self.board.start(
            program,
            args=args,
            timeout=timeout,
            priority=priority,
            namespace=self._namespace,
            value=value,
            into=into,
        )
        held = self._stack.push(running.stop, kind="program")
        self._started[held.id] = running
        running.when_over(lambda: self._is_over(held))
        return running

    def _is_over(self, held: Held) -> None:
        self._stack.discard(held)
        del self._started[held.id]

    async def stream(
        self,
        program: str | Path,
        *,
        args: tuple[str, ...] = (),
        timeout: float | None = None,
        priority: int = 0,
    ) -> AsyncGenerator[str, None]:
        """Run a program in this session's namespace and yield what it prints; as ``Board.stream``."""
        self.use(priority)
        program, push = await self._preparation.before_program(program)
        printed = self.board.stream(
            program, args=args, timeout=timeout, priority=priority, namespace=self._namespace
        )
        try:
            with self._preparation.sending(push):
                async for text in printed:
                    yield text
        finally:
            await printed.aclose()

    async def prepare(self) -> None:
        """Apply the profile, if that has not been done since the board started, and send shared variables that have changed.

        Entering the session does that, and every program before it runs; no turn where there is nothing to do. Raises ProfileError, which
        has the report; what failed is tried again with the next use.
        """
        self.check()
        await self._preparation.all()

    def use_shared(self, *names: str) -> None:
        """Have shared variables of the manager in the namespace from the next program on, and whenever they change; costs no turn."""
        self.check()
        self._preparation.use(*map(checked_name, names))

    async def expect(self, patterns: Patterns, timeout: float | None = EXEC_TIMEOUT) -> Expected:
        """Wait until the board prints what matches; as ``Board.expect``, over everything the board prints."""
        self.check()
        return await self.board.expect(patterns, timeout)

    def events(self, limit: int = EVENTS_KEPT) -> Events:
        """Return the events that come from now on: what the session's programs, threads and callbacks send by themselves, at any time.

        On the board it is ``devsession_helper.emit(value)`` that sends one: the name is there for the next program of the session (no file
        is written), and modules may ``import devsession_helper`` where the board has ``sys.modules``; what they send reaches all sessions.
        Values are as exact as those of ``eval``; one whose text is longer than 999 characters is a ValueError there. ``emit`` allocates
        memory, so callbacks of interrupts have to be soft ones (``hard=False``), or go by way of ``micropython.schedule``.

        ``limit`` is how many wait for a slow reader before the oldest are dropped, and counted. Several iterators all get everything, and
        end with the session. After a reset of the board the session's next program finds the name again.
        """
        self.use()
        return self._events.new(limit)

    # For the contexts

    def answer(self, asked: Callable[[Question], None]) -> None:
        """Have ``asked`` called when a program of the session asks for a line, with ``input`` or at a pause point; it is written to it."""
        self.check()
        self.board.messages.answer(self._namespace, asked)

    @property
    def asks(self) -> bool:
        """Whether somebody answers the session's programs."""
        return self.board.messages.asks(self._namespace)

    async def perform(self, code: str, *, evaluate: bool = True, timeout: float | None = EXEC_TIMEOUT) -> Any:
        """Run code of devsession's own in the namespace, an expression unless told otherwise; return the value of one."""
        self.use()
        if evaluate:
            return await self.board.eval(code, timeout=timeout, namespace=self._namespace)
        await self.board.exec(code, timeout=timeout, namespace=self._namespace)
        return None

    def checked(self, expression: str) -> str:
        """Return an expression of the user's for code of devsession's own; raises UsageError for what is none, or imports too much."""
        found = expression_job(expression, timeout=None).source
        self._preparation.check(found)
        return found

    async def exec_own(
        self,
        source: str,
        *,
        timeout: float | None = EXEC_TIMEOUT,
        priority: int = 0,
        within: AbstractContextManager[object] = _NOTHING,
    ) -> Execution:
        """As ``exec``, for code of devsession's own: whatever its profile allows, it imports what it needs.

        It is sent ``within`` a context, in which what has to be there before it is not.
        """
        self.use()
        source, push = await self._preparation.before(source)
        with self._preparation.sending(push), within:
            return await self.board.exec(
                source, timeout=timeout, priority=priority, namespace=self._namespace
            )

    async def eval_own(
        self,
        expression: str,
        *,
        timeout: float | None = EXEC_TIMEOUT,
        priority: int = 0,
        within: AbstractContextManager[object] = _NOTHING,
    ) -> Any:
        """As ``eval``, for code of devsession's own, and as ``exec_own``."""
        self.use()
        expression, push = await self._preparation.before_value(expression)
        with self._preparation.sending(push), within:
            return await self.board.eval(
                expression, timeout=timeout, priority=priority, namespace=self._namespace
            )

    async def exec_quietly(self, source: str) -> None:
        """As ``exec_own``, for what leaves files alone."""
        await self.exec_own(source, within=self.files.looking())

    async def eval_quietly(self, expression: str) -> Any:
        """As ``eval_own``, for what leaves files alone."""
        return await self.eval_own(expression, within=self.files.looking())

    def use(self, priority: int = 0) -> None:
        """Know that there is something to give back on the board; raises SessionEndedError, and UsageError for what is no priority."""
        self.check()
        checked_priority(priority)
        self._used = True

    def suspend(self, refusal: Callable[[], DevsessionError]) -> None:
        """Refuse every use from now on with the error that ``refusal`` returns, until ``resume``; what runs is not stopped by that."""
        self._refusal = refusal

    def resume(self) -> None:
        """Let the session be used again."""
        self._refusal = None

    def check(self) -> None:
        """Raise SessionEndedError when the session has ended, and what it was suspended with while it is."""
        if self._refusal is not None:
            raise self._refusal()
        if self.phase is not SessionPhase.ACTIVE:
            raise SessionEndedError(f"session {self.name} has ended", board=self.board.url)

    def _watch(self, running: Running) -> None:
        """See a program of our own to its end; what it fails with, the next one tells."""

        async def see() -> None:
            with suppress(DevsessionError):
                await running.result()

        task = asyncio.get_running_loop().create_task(see())
        self._watched.add(task)
        task.add_done_callback(self._watched.discard)
