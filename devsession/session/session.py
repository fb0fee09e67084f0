"""One user's part of a board: a namespace there, values here, and what is given back at the end."""

from __future__ import annotations

import asyncio
import datetime as dt
import time
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar

from devsession.board.board import Board
from devsession.board.log import log
from devsession.errors import DevsessionError, LinkError, SessionEndedError
from devsession.session.cleanup import CLEANUP_TIMEOUT, Held, Resource, ResourceState, tell_failures
from devsession.session.device import DeviceContext
from devsession.session.executor import Executor
from devsession.session.facts import Facts
from devsession.session.files.device_files import DeviceFiles
from devsession.session.files.metadata import FileMetadata
from devsession.session.files.paths import AnyPath
from devsession.session.homes import BoardHome
from devsession.session.parts import Parts
from devsession.session.preparation import Preparation
from devsession.session.profile_report import ProfileReport
from devsession.session.programs import Programs, SessionPhase
from devsession.session.references import Ref
from devsession.session.session_home import SessionHome
from devsession.session.shared import SharedVariables
from devsession.session.state import SessionState

_T = TypeVar("_T")

if TYPE_CHECKING:
    from devsession.session.files.mounts import Mount
    from devsession.session.profile import SessionProfile


@dataclass(frozen=True, slots=True)
class Commons:
    """What the sessions of a board have in common: the board, its methods, what is known of its files, variables, what else is known."""

    board: Board
    home: BoardHome
    files: FileMetadata
    variables: SharedVariables
    facts: Facts


class DeviceSession(Programs):
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
        super().__init__(commons.board, name, namespace)
        self.id = f"{name}-{namespace:x}"
        self.created_at = dt.datetime.now(dt.UTC)
        self.state = SessionState()
        self.given_back: int | None = None
        self.mounts: list[Mount] = []
        self.board_home = commons.home
        self.widths = commons.facts.widths
        self._commons = commons
        self._tell_end = ended
        self._begun = time.monotonic()
        self._lasted: float | None = None
        self._handles = 0
        self._ending: asyncio.Task[None] | None = None
        self.device = DeviceContext(self, commons.facts)
        self.part = Parts(self)
        self.files = DeviceFiles(self, commons.files, commons.facts)
        self._preparation = Preparation(self, commons.variables, profile)
        self._home = SessionHome(self.board, commons.home, namespace, self._preparation.allowed)
        self.executor = Executor(self._home, self, self._started)
        self.method, self.thread = self.executor.method, self.executor.thread

    def __repr__(self) -> str:
        return f"<DeviceSession {self.id} {self.phase.value}>"

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
        self.check()
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
            tell_failures(failures, error, f"cleaning up session {self.name}")

    # What is given back

    async def ref(self, expression: str) -> Ref:
        """Return a handle on an object of the board: its attributes, items and calls run there, one turn each.

        The object lives until the session ends, or ``await ref.release()``. Raises what ``eval`` does.
        """
        return await Ref.make(self, self.checked(expression))

    async def mount(self, local: str | Path, remote: AnyPath = "/remote", *, writable: bool = False) -> Mount:
        """Have the board see the directory ``local`` of this side at ``remote``, until the session ends or ``await mount.release()``.

        A session of a pool that is given back ends it too: the next holder of the board gets nothing of it, nor does the agent later.

        Programs, of whatever session, open, list and import what is in it; ``remote`` is one of the places where imports are looked for.
        They may change it only when it is ``writable``; nothing outside of it is reached, by links neither. What is asked while no program
        of devsession's runs, or from another thread, is an OSError (19, 16). A program that uses it must not read standard input itself.
        After a reset of the board it is gone, until ``mount`` is called again, or a manager that reconnects does so.

        Raises UsageError for what is no directory, CapabilityError where the board has no file systems in Python or too little heap, and
        what ``exec`` does.
        """
        from devsession.session.files.mounts import Mount, checked_place, shown

        self.use()
        return await Mount.make(self, self._commons, shown(local, writable=writable), checked_place(remote))

    async def register(self, resource: Resource) -> Held:
        """Initialise ``resource`` and have it cleaned up at the end; raises what its ``initialise`` does, and then holds nothing."""
        self.check()
        ready = resource.initialise()
        if ready is not None:
            await ready
        return self._stack.push(resource.cleanup, kind=resource.type, name=resource.id)

    def background(self, work: Coroutine[Any, Any, _T]) -> asyncio.Task[_T]:
        """Run a coroutine of this side as a task of the session; what has not ended by the session's end is cancelled and waited for.

        What it raises then is among what the session's end raises; what it raised before is for those who await the task.
        """
        try:
            self.check()
        except SessionEndedError:
            work.close()
            raise
        task = asyncio.get_running_loop().create_task(work)
        self._stack.push(lambda: _finish(task), kind="background task")
        return task

    def push_cleanup(self, function: Callable[[], Any]) -> Held:
        """Have ``function``, plain or async, called at the end, before what was registered earlier is cleaned up."""
        self.check()
        return self._stack.push(function)

    def push_on_board(self, kind: str, code: str) -> Held:
        """Have ``code`` run on the board at the end, unless the board has started anew by then."""
        self.check()
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
            while not self._ending.done():
                # Cancelled again: what was begun is given back all the same.
                with suppress(asyncio.CancelledError):
                    await asyncio.wait([self._ending])
            raise

    # For the contexts, the manager and pools

    def suspend(self, refusal: Callable[[], DevsessionError]) -> None:
        """Refuse every use from now on with the error that ``refusal`` returns, until ``resume``; what runs is not stopped by that.

        What the board sees of this side it sees no more: its mounts answer nothing, whoever asks, and ``unmount`` releases them there.
        """
        super().suspend(refusal)
        for mount in self.mounts:
            mount.withdraw()

    async def unmount(self) -> None:
        """Release what is mounted, whatever goes wrong with that; it is told to the log."""
        for mount in tuple(self.mounts):
            try:
                await mount.release()
            except DevsessionError as error:
                log.event("not unmounted", session=self.id, remote=mount.remote, why=str(error))
        self.mounts.clear()

    @property
    def url(self) -> str:
        """The board's URL."""
        return self.board.url

    async def ready(self) -> None:
        """Apply the profile, if that has not been done since the board started."""
        await self._preparation.ready()

    async def before_call(self) -> None:
        """Bring what the session's programs are to find, for a method that is about to run."""
        if self.phase is SessionPhase.ACTIVE:
            await self._preparation.all()
            await self.board.equip(self._namespace)

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
        await self.board.equip(self._namespace)

    def board_started_anew(self) -> None:
        """Know that the namespace and all that was on the board is gone."""
        self._used = False
        self._home.forget()
        self._stack.board_started_anew()
        self._preparation.board_started_anew()

    async def _run_at_end(self, code: str) -> None:
        await self.board.clean_up(code, namespace=self._namespace, timeout=CLEANUP_TIMEOUT)

    async def _end(self) -> None:
        self.phase = SessionPhase.ENDING
        try:
            if self._namespace:
                ended = SessionEndedError(f"session {self.name} has ended", board=self.board.url)
                await self.board.stop(self._namespace, ended)
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
            self.given_back = await self.board.drop(self._namespace, self._home.keys)
        except LinkError:
            # The board is gone, and the namespace with it.
            return []
        except DevsessionError as error:
            return [error]
        return []


async def _finish(task: asyncio.Task[Any]) -> None:
    if task.done():
        return
    task.cancel()
    await asyncio.wait([task])
    if not task.cancelled() and (error := task.exception()) is not None:
        raise error


__all__ = ["DeviceSession", "ResourceState", "SessionPhase"]
