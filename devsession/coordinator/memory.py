"""Watching how much memory the output of all sessions takes, and giving some back."""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import Callable, Iterable

from devsession.board.log import log
from devsession.coordinator.session import CoordinatedSession
from devsession.coordinator.states import ENDED, CoordinatedState
from devsession.errors import DevsessionError

# How much output of a session that was cut stays, in bytes.
STAYS = 64 * 1024
_AT_REST = ENDED | {CoordinatedState.HIBERNATED}


class Memory:
    """Sees to it that the buffers of ``sessions`` hold no more than ``bound`` bytes together, as far as sessions are at rest."""

    def __init__(self, bound: int, sessions: Callable[[], Iterable[CoordinatedSession]]) -> None:
        self._bound = bound
        self._sessions = sessions
        self._task: asyncio.Task[None] | None = None
        # Those that could not be hibernated are left alone.
        self._refused: weakref.WeakSet[CoordinatedSession] = weakref.WeakSet()

    @property
    def used(self) -> int:
        """How many bytes of output are kept."""
        return sum(len(session.buffer) for session in self._sessions())

    def grown(self) -> None:
        """Look whether it has become too much."""
        if self.used > self._bound and self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._give_back())

    async def close(self) -> None:
        """Do no more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def _give_back(self) -> None:
        try:
            for rested in self._sessions():
                if rested.state in _AT_REST:
                    rested.buffer.trim(STAYS)
            while self.used > self._bound and (session := self._longest_idle()) is not None:
                try:
                    await session.hibernate()
                except DevsessionError as error:
                    log.event("not hibernated", session=session.name, why=error.message)
                    self._refused.add(session)
                else:
                    session.buffer.trim(STAYS)
        finally:
            self._task = None

    def _longest_idle(self) -> CoordinatedSession | None:
        idle = [
            session
            for session in self._sessions()
            if session.state is CoordinatedState.ACTIVE and session not in self._refused
        ]
        return min(idle, key=lambda session: session.since, default=None)
