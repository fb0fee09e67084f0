"""The coordinator: many named sessions on a few boards, one of them in the foreground."""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from devsession.coordinator.boards import Pool, Seat, boards_of
from devsession.coordinator.calls import Calls
from devsession.coordinator.limits import SessionLimits, made_up_name
from devsession.coordinator.memory import Memory
from devsession.coordinator.program import SessionKind
from devsession.coordinator.roster import Roster
from devsession.coordinator.session import CoordinatedSession
from devsession.coordinator.states import CoordinatedState, SessionEvent, SessionEventKind
from devsession.errors import SessionError, UsageError
from devsession.session.cleanup import tell_failures
from devsession.session.manager import DeviceSessionManager

if TYPE_CHECKING:
    from devsession.coordinator.hibernation import Hibernation
    from devsession.session.profile import SessionProfile

# How long the end of a session is waited for, in seconds: milliseconds, unless another session has just taken its board.
CLOSE_PATIENCE = 1.0


class MultiSessionCoordinator(Roster):
    """Many named sessions at once, for ``async with``: what is sent goes to the one in the foreground, the others run on.

    ``boards`` is a URL, several, a dict of URLs or DeviceSessionManagers by name, a DeviceSessionManager, or a pool. Boards are opened when
    a session first wants them; those that were opened here are closed at the end. ``limits`` says how much is allowed. ``changes`` tells
    listeners, plain or async, of every SessionEvent.

    Programs of a session find an ``input`` that shows in the session's state, with its prompt, that a line is waited for; a program that
    reads ``sys.stdin`` itself does not show. ``pause_point()`` is where a program lets itself be paused; it costs a turn.

    ``store`` is a file in which names, states, the last output and hibernated values are kept. A coordinator that is entered with it lists
    the sessions of an earlier one, to be resumed or closed: at a regular end they were hibernated; after a crash those on boards that went
    on are paused, and those on private simulated boards failed, as lost.
    """

    def __init__(
        self,
        boards: str | DeviceSessionManager | Pool | Mapping[str, Any] | Iterable[str],
        *,
        limits: SessionLimits | None = None,
        store: str | Path | None = None,
    ) -> None:
        super().__init__(limits or SessionLimits())
        self._boards = boards_of(boards)
        self._calls = Calls(self.limits.calls)
        # Those that give back what they have on their boards, or could not.
        self._leaving: set[asyncio.Task[None]] = set()
        self._memory = Memory(self.limits.memory, self.list)
        self._path = Path(store) if store is not None else None
        self._closed = False

    def __repr__(self) -> str:
        return f"<MultiSessionCoordinator {len(self._sessions)} sessions>"

    async def __aenter__(self) -> Self:
        # What asks a board what it is: the first session is not to wait for its import.
        importlib.import_module("devsession.session.capability_cache")
        if self._path is not None and self._keeper is None:
            from devsession.coordinator.keeper import Keeper, state_of

            self._keeper = Keeper(self._path)
            for record, hibernation in self._keeper.records():
                session = CoordinatedSession(
                    record.name, SessionKind.INTERACTIVE, self.limits, self._calls, self
                )
                session.was(record, *state_of(record, hibernation), hibernation)
                self._sessions[session.name] = session
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            await self.end()
        except ExceptionGroup as failures:
            tell_failures(failures, error, "ending the sessions")

    @property
    def boards(self) -> tuple[str, ...]:
        """What the boards are called; nothing where a pool has them."""
        return self._boards.names()

    # Coming and going

    async def create(
        self,
        name: str | None = None,
        kind: SessionKind | str = SessionKind.INTERACTIVE,
        *,
        board: str | None = None,
        program: str | Path | None = None,
        profile: SessionProfile | None = None,
    ) -> CoordinatedSession:
        """Make a session and return it; the first one is in the foreground.

        Arguments: ``name`` of 1 to 20 letters, digits, ``-`` and ``_`` (made up from the board and the program where none is given);
        ``kind``: an ``"interactive"`` session lasts until it is closed, a ``"script"`` ends with its first program, a ``"test"`` with the
        first that fails; ``board`` by its name (default: the one with the fewest sessions); ``program``, a file of this host or text, is
        sent at once; ``profile`` is what the session begins with.

        Raises SessionError over the limit of sessions, SessionExistsError, UnknownNameError for a board, UsageError, and what opening the
        board does. When cancelled there is no session.
        """
        kind = _kind(kind)
        self._check_open()
        self._check_room()
        if name is None:
            task = program.stem if isinstance(program, Path) else kind.value
            name = made_up_name(
                (board or next(iter(self.boards), ""), task), {*self._sessions, *self._coming}
            )
        self._check_free(name)
        session = CoordinatedSession(name, kind, self.limits, self._calls, self)
        await self._seat(session, board, profile)
        self._sessions[name] = session
        self._keep(session)
        self.changes(SessionEvent(SessionEventKind.CREATED, name))
        if self._foreground is None:
            self._show(session)
        if program is not None:
            session.send(program)
        return session

    async def close(self, name: str | None = None) -> None:
        """End a session, stop its program, and list it no more; without a name it is the one in the foreground.

        What it has on a board that another session uses is given back when that is done, and waited for here for a second at most. Raises
        UnknownNameError, and an ExceptionGroup of what could not be cleaned up; it is closed all the same.
        """
        session = self.get(name)
        del self._sessions[session.name]
        session.finish()
        if self._keeper is not None:
            self._keeper.forget(session)
        if self._foreground is session:
            self._show(None)
        self.changes(SessionEvent(SessionEventKind.CLOSED, session.name))
        if not session.is_behind_another:
            leaving = session.let_go()
            await asyncio.wait([leaving], timeout=CLOSE_PATIENCE)
            if leaving.done():
                self._leaving.discard(leaving)
                leaving.result()

    async def end(self) -> None:
        """End all sessions, and close the boards that were opened here; what runs is stopped. With a store sessions are hibernated before.

        Raises an ExceptionGroup of what could not be cleaned up.
        """
        self._closed = True
        await self._memory.close()
        retired: list[BaseException | None] = []
        if self._keeper is None:
            for session in self.list():
                session.finish()
        else:
            retired = await asyncio.gather(*(one.retire() for one in self.list()), return_exceptions=True)
        left = await asyncio.gather(*self._leaving, return_exceptions=True)
        closed = await asyncio.gather(self._boards.close(), return_exceptions=True)
        if self._keeper is not None:
            self._keeper.close()
            self._keeper = None
        await self.changes.settle()
        failures = [error for error in (*retired, *left, *closed) if isinstance(error, Exception)]
        if failures:
            raise ExceptionGroup("not everything could be cleaned up", failures)

    async def hibernate(self, name: str | None = None) -> Hibernation:
        """Bring a session's variables and the sources of its methods to the host, end it on its board, and return what was carried.

        The result's ``left`` says what could not be carried, and why. One turn a variable. Raises SessionError while something of the
        session runs, and what ``DeviceSession.eval`` does: it is then as it was before.
        """
        return await self.get(name).hibernate()

    async def resume(self, name: str | None = None, *, board: str | None = None) -> dict[str, str]:
        """Let a session that was paused go on, or have one that was hibernated on a board again: on its own, or on ``board``.

        Returns what could not be had there, and why, by name. One that an earlier program left on its board finds its names there again,
        where that has not been reset. Raises SessionEndedError, SessionError for a board of another kind, UnknownNameError, and what
        opening the board does: the session is then as it was before.
        """
        session = self.get(name)
        session.check_lasts()
        if session.session is None and session.state in {
            CoordinatedState.HIBERNATED,
            CoordinatedState.PAUSED,
        }:
            return await self._back(session, board)
        if board is not None:
            raise UsageError(f"session {session.name} is on {session.board}", hint="hibernate it first")
        session.go_on()
        return {}

    # For the sessions

    def changed(self, session: CoordinatedSession, before: CoordinatedState) -> None:
        """Tell that the state of a session is another."""
        self.changes(SessionEvent(SessionEventKind.STATE, session.name, before, session.state))
        self._keep(session)
        if session.has_ended:
            leaving = session.let_go()
            self._leaving.add(leaving)
            leaving.add_done_callback(self._left)

    def printed(self, session: CoordinatedSession) -> None:
        """Know that a session printed something."""
        self._memory.grown()
        self._keep(session)

    # How it is done

    def _left(self, leaving: asyncio.Task[None]) -> None:
        if leaving.cancelled() or leaving.exception() is None:
            self._leaving.discard(leaving)

    async def _seat(
        self, session: CoordinatedSession, board: str | None, profile: SessionProfile | None
    ) -> None:
        """Find a place for a new session, whose name is taken meanwhile."""
        self._coming.add(session.name)
        try:
            session.sit(await self._taken(board, profile))
        finally:
            self._coming.discard(session.name)
        session.profile = profile

    async def _taken(
        self,
        board: str | None,
        profile: SessionProfile | None,
        namespace: int | None = None,
    ) -> Seat:
        seat = await self._boards.take(board, profile, namespace)
        if self._closed:
            await seat.leave()
            self._check_open()
        return seat

    async def _back(self, session: CoordinatedSession, board: str | None) -> dict[str, str]:
        """Have a session on a board again."""
        is_asleep = session.state is CoordinatedState.HIBERNATED
        with session.moving():
            if is_asleep:
                wanted = board or (session.board if session.board in self.boards else None)
                seat = await self._taken(wanted, session.profile)
            else:
                seat = await self._taken(session.board, None, session.namespace)
            try:
                return await (session.wake(seat) if is_asleep else session.find(seat))
            except BaseException:
                await seat.leave()
                raise

    def _check_open(self) -> None:
        if self._closed:
            raise SessionError("the coordinator is closed", hint="make a new one")


def _kind(kind: SessionKind | str) -> SessionKind:
    try:
        return SessionKind(kind)
    except ValueError:
        kinds = ", ".join(repr(one.value) for one in SessionKind)
        raise UsageError(f"{kind!r} is no kind of session", hint=f"one of {kinds}", phase="session") from None
