"""The sessions of a coordinator by their names: which there are, which is in the foreground, and what they are sent."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

from devsession.board.execution import Execution
from devsession.coordinator.limits import SessionLimits, checked_name
from devsession.coordinator.session import CoordinatedSession
from devsession.coordinator.states import CoordinatedState, SessionEvent, SessionEventKind
from devsession.errors import SessionError, SessionExistsError, UnknownNameError
from devsession.session.listeners import Listeners

if TYPE_CHECKING:
    from devsession.coordinator.keeper import Keeper


class Roster:
    """Named sessions, one of them in the foreground; a MultiSessionCoordinator is this with boards."""

    def __init__(self, limits: SessionLimits) -> None:
        self.limits = limits
        self.changes: Listeners[SessionEvent] = Listeners()
        self._sessions: dict[str, CoordinatedSession] = {}
        self._foreground: CoordinatedSession | None = None
        # The names of those that are being made.
        self._coming: set[str] = set()
        self._keeper: Keeper | None = None

    @property
    def foreground(self) -> CoordinatedSession | None:
        """The session that what is sent goes to; ``None`` where there is none."""
        return self._foreground

    def list(self, *, waiting: bool = False) -> list[CoordinatedSession]:
        """Return the sessions in the order in which they were made; with ``waiting`` those that wait for input."""
        return [
            session
            for session in self._sessions.values()
            if not waiting or session.state is CoordinatedState.WAITING
        ]

    def get(self, name: str | None = None) -> CoordinatedSession:
        """Return the session of that name, without one the session in the foreground; raises UnknownNameError."""
        if name is None:
            if self._foreground is None:
                raise UnknownNameError("no session is in the foreground", hint="switch to one, or name it")
            return self._foreground
        found = self._sessions.get(name)
        if found is None:
            raise UnknownNameError(
                f"there is no session {name!r}", hint=f"there are {', '.join(self._sessions) or 'none'}"
            )
        return found

    def switch(self, name: str) -> CoordinatedSession:
        """Bring a session to the foreground and return it: its ``buffer`` replays what it printed. Raises UnknownNameError."""
        session = self.get(name)
        self._show(session)
        return session

    def background(self) -> None:
        """Leave no session in the foreground."""
        self._show(None)

    def rename(self, name: str, new: str) -> None:
        """Give a session another name; raises UnknownNameError, SessionExistsError, UsageError."""
        session = self.get(name)
        if new == session.name:
            return
        self._check_free(new)
        # Its place in the order stays.
        self._sessions = {new if one is session else known: one for known, one in self._sessions.items()}
        before, session.name = session.name, new
        self._keep(session)
        self.changes(SessionEvent(SessionEventKind.RENAMED, new, before, new))

    # Input

    async def send(self, text: str | Path, name: str | None = None, *, wait: bool = True) -> None:
        """Send a program to a session, to the one in the foreground without a name; while that waits for input it is the line typed.

        A single expression shows its value, as at a prompt; a Path is a file of this host. Returns when the session takes the next
        program, waits for input, is paused, or has ended; without ``wait`` at once. However that is cut short, the program runs on.
        Raises SessionError for too much of it, SessionEndedError, UnknownNameError, LinkLostError.
        """
        session = self.get(name)
        session.send(text)
        if wait:
            await session.settled()

    async def run(self, source: str | Path, name: str | None = None) -> Execution:
        """Run a program in a session, behind those that were sent before, and return what came of it, without its output.

        Raises what ``send`` and ``DeviceSession.run`` do. When cancelled the program runs on.
        """
        return await asyncio.shield(self.get(name).submit(source))

    def send_bytes(self, data: bytes, name: str | None = None) -> None:
        """Write bytes to the program that a session runs, control bytes too; raises UsageError when it runs none."""
        self.get(name).send_bytes(data)

    def interrupt(self, name: str | None = None) -> bool:
        """Send Ctrl-C to the program that a session runs, drop those that wait, and return whether there was one."""
        return self.get(name).interrupt()

    def pause(self, name: str | None = None) -> None:
        """Hold back what a session was sent and has not begun; its program stops at the next ``pause_point()`` it calls, if it does.

        Until it is resumed its board stays taken where a program of it stands at such a point. Raises SessionEndedError.
        """
        self.get(name).pause()

    # How it is done

    def _keep(self, session: CoordinatedSession) -> None:
        if self._keeper is not None and session.name in self._sessions:
            self._keeper.changed(session)

    def _show(self, session: CoordinatedSession | None) -> None:
        before, self._foreground = self._foreground, session
        if before is not session:
            names = [one.name if one is not None else None for one in (before, session)]
            self.changes(SessionEvent(SessionEventKind.FOREGROUND, names[1] or "", *names))

    def _check_room(self) -> None:
        lasting = sum(not session.has_ended for session in self._sessions.values()) + len(self._coming)
        if lasting >= self.limits.sessions:
            raise SessionError(
                f"there are {lasting} sessions already", hint="close one, or give SessionLimits(sessions=...)"
            )

    def _check_free(self, name: str) -> None:
        if checked_name(name) in self._sessions or name in self._coming:
            raise SessionExistsError(f"there is a session {name} already")
