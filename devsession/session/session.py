"""One user's part of a board: a namespace there, values here, and what is given back at the end."""

from __future__ import annotations

import asyncio
import datetime as dt
import enum
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from devsession.board.board import Board
from devsession.board.connection import EXEC_TIMEOUT
from devsession.board.execution import Execution
from devsession.board.expect import Expected, Patterns
from devsession.board.running import Running
from devsession.errors import DevsessionError, LinkError, SessionEndedError
from devsession.session.cleanup import CleanupStack, Held, Resource, ResourceState
from devsession.session.device import DeviceContext, checked_name
from devsession.session.events import EVENTS_KEPT, Events, EventSources
from devsession.session.executor import Executor
from devsession.session.files import DeviceFiles
from devsession.session.homes import BoardHome
from devsession.session.metadata import FileMetadata
from devsession.session.parts import Parts
from devsession.session.preparation import Preparation
from devsession.session.profile_report import ProfileReport
from devsession.session.references import Ref
from devsession.session.session_home import SessionHome
from devsession.session.shared import SharedVariables
from devsession.session.state import SessionState

if TYPE_CHECKING:
    from devsession.session.profile import SessionProfile


class SessionPhase(enum.Enum):
    """Where a session stands."""

    ACTIVE = "active"
    ENDING = "ending"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class Commons:
    """What the sessions of a board have in common: the board, its methods, what is known of its files, variables, the width of numbers."""

    board: Board
    home: BoardHome
    files: FileMetadata
    variables: SharedVariables
    widths: Callable[[], tuple[int, int | None]]


class DeviceSession:
    """A session on a board; made by a DeviceSessionManager, and ended by it or by leaving ``async with``.

    Programs of a session run in a dict of its own on the board, born with ``__name__ == "__main__"``: two sessions that use one name do not
    meet. Modules, pins and files are the board's, and shared. ``state`` keeps values on the host, ``device`` reaches variables of the
    session on the board, ``part`` makes pins, timers and files there that are given back at the end, ``files`` reads and writes files.
    ``method`` and ``thread`` make functions of the host run there, and see the session's names; ``executor`` knows them.

    At the end everything registered is cleaned up, the last first, then the namespace is dropped: ``given_back`` tells how many bytes of
    the board's heap that was.
    """

    def __init__(
        self,
        name: str,
        namespace: int,
        commons: Commons,
        ended: Callable[[DeviceSession], None],
        profile: SessionProfile | None = None,
    ) -> None:
        self.name = name
        self.id = f"{name}-{namespace:x}"
        self.created_at = dt.datetime.now(dt.UTC)
        self.state = SessionState()
        self.given_back: int | None = None
        self.phase = SessionPhase.ACTIVE
        self.board = self._board = commons.board
        self.board_home = commons.home
        self.widths = commons.widths
        self._namespace = namespace
        self._tell_end = ended
        self._begun = time.monotonic()
        self._lasted: float | None = None
        self._used = False
        self._stack = CleanupStack()
        self._handles = 0
        self._ending: asyncio.Task[None] | None = None
        self.device = DeviceContext(self)
        self.part = Parts(self)
        self.files = DeviceFiles(self, commons.files)
        self._home = SessionHome(self._board, commons.home, namespace)
        self.executor = Executor(self._home, self)
        self.method, self.thread = self.executor.method, self.executor.thread
        self._preparation = Preparation(self, commons.variables, profile)
        self._events = EventSources(self._board, namespace)
        self._watched: set[asyncio.Task[None]] = set()

    def __repr__(self) -> str:
        return f"<DeviceSession {self.id} {self.phase.value}>"

    @property
    def namespace(self) -> int:
        """The number of this session's dict on the board; 0 is ``__main__``."""
        return self._namespace

    @property
    def duration(self) -> float:
        """How long the session has lasted, or did last, in seconds."""
        return time.monotonic() - self._begun if self._lasted is None else self._lasted

    @property
    def resources(self) -> tuple[Held, ...]:
        """What is to be cleaned up at the end, in the order in which it came."""
        return self._stack.held

    @property
    def profile_report(self) -> ProfileReport | None:
        """What was applied of the session's profile and what failed, the last time; ``None`` before, and without a profile."""
        return self._preparation.report

    async def __aenter__(self) -> Self:
        self._check()
        try:
            await self.prepare()
        except BaseException as error:
            # Nobody leaves a block that was never entered.
            try:
                await self.end()
            except ExceptionGroup as failures:
                error.add_note(f"and ending session {self.name} failed: {failures.exceptions}")
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            await self.end()
        except ExceptionGroup as failures:
            # What went wrong in the block is what the caller wants to know; the clean-up's failures go with it.
            if error is None:
                raise
            error.add_note(
                f"and cleaning up session {self.name} failed: {[str(e) for e in failures.exceptions]}"
            )

    # Programs

    async def exec(
        self, source: str, *, timeout: float | None = EXEC_TIMEOUT, priority: int = 0
    ) -> Execution:
        """Run ``source`` in this session's namespace; as ``Board.exec``. Raises SessionEndedError too."""
        self._use()
        source, push = await self._preparation.before(source)
        with self._preparation.sending(push):
            return await self._board.exec(
                source, timeout=timeout, priority=priority, namespace=self._namespace
            )

    async def eval(self, expression: str, *, timeout: float | None = EXEC_TIMEOUT, priority: int = 0) -> Any:
        """Return the value of an expression in this session's namespace; as ``Board.eval``."""
        self._use()
        expression, push = await self._preparation.before_value(expression)
        with self._preparation.sending(push):
            return await self._board.eval(
                expression, timeout=timeout, priority=priority, namespace=self._namespace
            )

    async def run(
        self,
        program: str | Path,
        *,
        args: tuple[str, ...] = (),
        timeout: float | None = None,
        priority: int = 0,
    ) -> Execution:
        """Run a program to its end in this session's namespace; as ``Board.run``, and never raises for the program."""
        self._use()
        program, push = await self._preparation.before_program(program)
        with self._preparation.sending(push):
            execution = await self._board.run(
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
    ) -> Running:
        """Start a program in this session's namespace, and return at once; as ``Board.start``. The session's end stops it."""
        self._use()
        for before in self._preparation.before_start(program):
            # Those who wait for the board take turns: it runs before what is started next.
            self._watch(self._board.start(before, priority=priority, namespace=self._namespace))
        running = self._board.start(
            program, args=args, timeout=timeout, priority=priority, namespace=self._namespace
        )
        self._stack.push(running.stop, kind="program")
        return running

    async def stream(
        self,
        program: str | Path,
        *,
        args: tuple[str, ...] = (),
        timeout: float | None = None,
        priority: int = 0,
    ) -> AsyncGenerator[str, None]:
        """Run a program in this session's namespace and yield what it prints; as ``Board.stream``."""
        self._use()
        program, push = await self._preparation.before_program(program)
        printed = self._board.stream(
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
        self._check()
        await self._preparation.all()

    def use_shared(self, *names: str) -> None:
        """Have shared variables of the manager in the namespace from the next program on, and whenever they change; costs no turn."""
        self._check()
        self._preparation.use(*map(checked_name, names))

    async def expect(self, patterns: Patterns, timeout: float | None = EXEC_TIMEOUT) -> Expected:
        """Wait until the board prints what matches; as ``Board.expect``, over everything the board prints."""
        self._check()
        return await self._board.expect(patterns, timeout)

    def events(self, limit: int = EVENTS_KEPT) -> Events:
        """Return the events that come from now on: what the session's programs, threads and callbacks send by themselves, at any time.

        On the board it is ``devsession_helper.emit(value)`` that sends one: the name is there for the next program of the session (no file
        is written), and modules may ``import devsession_helper`` where the board has ``sys.modules``; what they send reaches all sessions.
        Values are as exact as those of ``eval``; one whose text is longer than 999 characters is a ValueError there. ``emit`` allocates
        memory, so callbacks of interrupts have to be soft ones (``hard=False``), or go by way of ``micropython.schedule``.

        ``limit`` is how many wait for a slow reader before the oldest are dropped, and counted. Several iterators all get everything, and
        end with the session. After a reset of the board the session's next program finds the name again.
        """
        self._use()
        return self._events.new(limit)

    async def ref(self, expression: str) -> Ref:
        """Return a handle on an object of the board: its attributes, items and calls run there, one turn each.

        The object lives until the session ends, or ``await ref.release()``.
        """
        return await Ref.make(self, expression)

    # What is given back

    async def register(self, resource: Resource) -> Held:
        """Initialise ``resource`` and have it cleaned up at the end; raises what its ``initialise`` does, and then holds nothing."""
        self._check()
        ready = resource.initialise()
        if ready is not None:
            await ready
        return self._stack.push(resource.cleanup, kind=resource.type, name=resource.id)

    def push_cleanup(self, function: Callable[[], Any]) -> Held:
        """Have ``function``, plain or async, called at the end, before what was registered earlier is cleaned up."""
        self._check()
        return self._stack.push(function)

    def push_on_board(self, kind: str, code: str) -> Held:
        """Have ``code`` run on the board at the end, unless the board has started anew by then."""
        self._check()
        return self._stack.push(lambda: self._run_at_end(code), kind=kind, on_board=True)

    async def release(self, held: Held) -> None:
        """Clean up one thing now, out of its turn; raises what its clean-up does."""
        await self._stack.release(held)

    async def end(self) -> None:
        """End the session: clean up everything, the last first, and drop the namespace; ending it again does nothing.

        Raises an ExceptionGroup of what failed. When cancelled it goes on to its end first: what was begun is given back.
        """
        if self.phase is SessionPhase.ENDED:
            return
        if self._ending is None:
            self._ending = asyncio.get_running_loop().create_task(self._end())
        try:
            await asyncio.shield(self._ending)
        except asyncio.CancelledError:
            await asyncio.wait([self._ending])
            raise

    # For the contexts and the manager

    @property
    def url(self) -> str:
        """The board's URL."""
        return self._board.url

    def check(self) -> None:
        """Raise SessionEndedError when the session has ended."""
        self._check()

    async def perform(self, code: str, *, evaluate: bool = True, timeout: float | None = EXEC_TIMEOUT) -> Any:
        """Run code of devsession's own in the namespace, an expression unless told otherwise; return the value of one."""
        self._use()
        if evaluate:
            return await self._board.eval(code, timeout=timeout, namespace=self._namespace)
        await self._board.exec(code, timeout=timeout, namespace=self._namespace)
        return None

    async def ready(self) -> None:
        """Apply the profile, if that has not been done since the board started."""
        await self._preparation.ready()

    async def exec_quietly(self, source: str) -> None:
        """As ``exec``, for what leaves files alone."""
        self._use()
        source, push = await self._preparation.before(source)
        with self._preparation.sending(push), self.files.looking():
            await self._board.exec(source, namespace=self._namespace)

    async def eval_quietly(self, expression: str) -> Any:
        """As ``eval``, for what leaves files alone."""
        self._use()
        expression, push = await self._preparation.before_value(expression)
        with self._preparation.sending(push), self.files.looking():
            return await self._board.eval(expression, namespace=self._namespace)

    def use(self) -> None:
        """Raise SessionEndedError when the session has ended; else there is something to give back on the board."""
        self._use()

    async def before_call(self) -> None:
        """Bring what the session's programs are to find, for a method that is about to run."""
        if self.phase is SessionPhase.ACTIVE:
            await self._preparation.all()
            await self._board.equip(self._namespace)

    def hold(self, cleanup: Callable[[], Awaitable[None]], kind: str) -> Callable[[], None]:
        """Have ``cleanup`` awaited at the end, unless the board has started anew by then; returns what takes it back."""
        held = self._stack.push(cleanup, kind=kind, on_board=True)
        return lambda: self._stack.discard(held)

    def next_handle(self) -> int:
        """Return a number for an object of this session on the board."""
        self._handles += 1
        return self._handles

    async def restore(self) -> None:
        """Bring back what went when the board started anew: profile, methods, pins and timers; no program is repeated."""
        if self._stack.has_gone or self._home.has_gone:
            await self._preparation.all()
            await self._home.restore()
            await self._stack.restore()
        await self._board.equip(self._namespace)

    def board_started_anew(self) -> None:
        """Know that the namespace and all that was on the board is gone."""
        self._used = False
        self._home.forget()
        self._stack.board_started_anew()
        self._preparation.board_started_anew()

    def _use(self) -> None:
        self._check()
        self._used = True

    def _check(self) -> None:
        if self.phase is not SessionPhase.ACTIVE:
            raise SessionEndedError(f"session {self.name} has ended", board=self._board.url)

    def _watch(self, running: Running) -> None:
        """See a program of our own to its end; what it fails with, the next one tells."""

        async def see() -> None:
            with suppress(DevsessionError):
                await running.result()

        task = asyncio.get_running_loop().create_task(see())
        self._watched.add(task)
        task.add_done_callback(self._watched.discard)

    async def _run_at_end(self, code: str) -> None:
        await self._board.exec(code, namespace=self._namespace)

    async def _end(self) -> None:
        self.phase = SessionPhase.ENDING
        try:
            failures = await self._stack.unwind()
            failures += await self._drop()
        finally:
            self.phase = SessionPhase.ENDED
            self._events.end()
            self._lasted = time.monotonic() - self._begun
            self._tell_end(self)
        if failures:
            raise ExceptionGroup(f"session {self.name} could not clean up everything", failures)

    async def _drop(self) -> list[Exception]:
        if not self._used or not (self._namespace or self._home.keys):
            return []
        try:
            self.given_back = await self._board.drop(self._namespace, self._home.keys)
        except LinkError:
            # The board is gone, and the namespace with it.
            return []
        except DevsessionError as error:
            return [error]
        return []


__all__ = ["DeviceSession", "ResourceState", "SessionPhase"]
