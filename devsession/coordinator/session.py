"""One of many named sessions: its place on a board, its sleep on the host, its end."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from devsession.board.execution import Execution
from devsession.coordinator.boards import Seat
from devsession.coordinator.calls import Calls
from devsession.coordinator.hibernation import Hibernation, bring, put_back
from devsession.coordinator.limits import SessionLimits
from devsession.coordinator.program import SessionKind, Watcher
from devsession.coordinator.states import CoordinatedState
from devsession.coordinator.work import Work
from devsession.errors import DevsessionError, SessionError
from devsession.session.homes import TABLE

if TYPE_CHECKING:
    from devsession.coordinator.store import Record
    from devsession.session.profile import SessionProfile
    from devsession.session.session import DeviceSession

# What is told where a board has no namespace any more that an earlier program left there.
NOT_THERE = "the board was started anew meanwhile: its names are gone"
# How long a question between two programs may take, in seconds: its answer is one of milliseconds.
ASK_TIMEOUT = 2.0
# How long another question of these is waited for, in seconds; what takes longer is a program.
ASK_PATIENCE = 0.2
_AT_REST = frozenset({CoordinatedState.ACTIVE, CoordinatedState.PAUSED})


class CoordinatedSession(Work):
    """A named session of a MultiSessionCoordinator, which makes it.

    ``state`` says what it does, ``since`` when that began, ``created`` when it was made (``time.time()``); ``prompt`` is what its program
    asks for while it waits for input, ``reason`` why it failed. ``buffer`` keeps what it printed, ``last`` what came of its last program.
    ``doing`` is how the program that runs begins, ``waiting`` counts those behind it; ``free_heap`` is what ``measure`` found last.
    ``session`` is its DeviceSession on ``board``, ``None`` where it has none: after its end, and while it is hibernated, when
    ``hibernation`` says what was carried and what was left. What the board prints while none of its programs runs is taken for that of the
    session whose program ran last.
    """

    def __init__(
        self, name: str, kind: SessionKind, limits: SessionLimits, calls: Calls, watcher: Watcher
    ) -> None:
        super().__init__(name, kind, limits, calls, watcher)
        self.id = secrets.token_hex(8)
        self.created = self.since
        self.hibernation: Hibernation | None = None
        self.profile: SessionProfile | None = None
        self.is_private = False
        # Also of a session that a program before this one left on its board.
        self.namespace: int | None = None
        self._going: asyncio.Task[None] | None = None
        self._is_moving = False

    def __repr__(self) -> str:
        return f"<CoordinatedSession {self.name} on {self.board}: {self.state.value}>"

    @property
    def session(self) -> DeviceSession | None:
        """The session on the board."""
        return self._seat.session if self._seat is not None else None

    @property
    def is_behind_another(self) -> bool:
        """Whether another session has the board."""
        return self._running is None and self._seat is not None and self._seat.turn.locked()

    async def ask(self, expression: str) -> Execution | None:
        """Run an expression beside the session's programs, and return what came of it; ``None`` unless session and board are at rest.

        It takes no part in the session's output, limits and states. Raises DevsessionError for what is not the expression's fault.
        """
        seat = self._seat
        if seat is None or self.state not in _AT_REST:
            return None
        try:
            async with asyncio.timeout(ASK_PATIENCE):
                await seat.turn.acquire()
        except TimeoutError:
            return None
        try:
            async with seat.session.start(expression, value=True, timeout=ASK_TIMEOUT) as running:
                return await running.result()
        finally:
            seat.turn.release()

    async def measure(self) -> int | None:
        """Find out how many bytes of heap are free on the board, and return ``free_heap``; as ``ask``."""
        asked = await self.ask("__import__('gc').mem_free()")
        if asked is not None and isinstance(asked.result, int):
            self.free_heap = asked.result
        return self.free_heap

    # For the coordinator

    def sit(self, seat: Seat) -> None:
        """Be on a board from now on; raises SessionEndedError."""
        self.check_lasts()
        self._seat = seat
        self.board, self.is_private = seat.board, seat.is_private
        self.namespace = seat.session.namespace
        seat.lost, seat.printed = self.lose, self.buffer.append
        seat.session.answer(self._asked)

    async def hibernate(self) -> Hibernation:
        """Bring what it has to the host, end it on its board, and return what was carried and what was left.

        Raises SessionError while something of it runs, and what reading its variables does: it is as it was then.
        """
        with self.moving():
            seat = self._seat
            if self.state not in _AT_REST or seat is None or self._worker is not None:
                raise SessionError(
                    f"session {self.name} is {self.state.value}: only one at rest is hibernated",
                    board=self.board,
                )
            carried = await self._brought(seat)
        self.hibernation, self._is_paused = carried, False
        self._go(CoordinatedState.HIBERNATED)
        await self._leave()
        return carried

    async def _brought(self, seat: Seat) -> Hibernation:
        was_paused, self._is_paused = self._is_paused, True
        self._go(CoordinatedState.PAUSED)
        try:
            async with seat.turn:
                carried = await bring(seat.session)
            self.check_lasts()
        except BaseException:
            if not was_paused and not self.has_ended:
                super().go_on()
            raise
        return carried

    @contextmanager
    def moving(self) -> Iterator[None]:
        """Be on the way between a board and the host; raises SessionError where it is already."""
        if self._is_moving:
            raise SessionError(f"session {self.name} is on its way between its board and the host")
        self._is_moving = True
        try:
            yield
        finally:
            self._is_moving = False

    def go_on(self) -> None:
        """Let go on what was paused; raises SessionEndedError, SessionError while it is on its way to the host."""
        with self.moving():
            super().go_on()

    async def wake(self, seat: Seat) -> dict[str, str]:
        """Have on a board what was carried, and return why of what could not be had there; raises SessionError for one of another kind."""
        assert self.hibernation is not None
        failed = await put_back(seat.session, self.hibernation)
        self.sit(seat)
        self.hibernation = None
        self._go(CoordinatedState.ACTIVE)
        self._work()
        return failed

    async def find(self, seat: Seat) -> dict[str, str]:
        """Go on where an earlier program left it, and return what is not there any more."""
        is_there = (await seat.session.board.ask(f"{self.namespace} in {TABLE}")).value
        self.sit(seat)
        self.reason = ""
        super().go_on()
        return {} if is_there else {"namespace": NOT_THERE}

    async def retire(self) -> None:
        """Stop what runs, and be hibernated, for the end of the coordinator; what cannot be is failed."""
        if self.has_ended or self._seat is None:
            return
        self._is_paused = True
        await self._stop()
        if self.state is not CoordinatedState.PAUSED:
            self._go(CoordinatedState.PAUSED)
        try:
            await self.hibernate()
        except DevsessionError as error:
            self.lose(error.message)

    def was(
        self, record: Record, state: CoordinatedState, reason: str, hibernation: Hibernation | None
    ) -> None:
        """Be what an earlier program kept of a session."""
        self.id, self.name, self.kind = record.id, record.name, SessionKind(record.kind)
        self.board, self.is_private, self.namespace = record.board, record.is_private, record.namespace
        self.created, self.since = record.created, record.since
        self.state, self.reason, self.hibernation = state, reason, hibernation
        self._is_paused = state is CoordinatedState.PAUSED
        self.buffer.begin(record.tail, record.printed)

    def finish(self) -> None:
        """Be completed, whatever runs."""
        if not self.has_ended:
            self._go(CoordinatedState.COMPLETED)

    def let_go(self) -> asyncio.Task[None]:
        """Return the task that stops what runs of a session that has ended, and gives back its place; the same each time."""
        if self._going is None:
            self._going = asyncio.get_running_loop().create_task(self._leave())
            # Who waits for it is told; where nobody does, there is nobody to tell.
            self._going.add_done_callback(lambda done: done.cancelled() or done.exception())
        return self._going

    async def _leave(self) -> None:
        if self.has_ended:
            self._drop_queue()
        await self._stop()
        seat, self._seat = self._seat, None
        if seat is not None:
            # However long the program of another session takes.
            async with seat.turn:
                await seat.leave()
