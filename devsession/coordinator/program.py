"""A program that a session was sent, how sessions end by themselves, and who is told what they do."""

from __future__ import annotations

import asyncio
import enum
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from devsession.board.execution import Execution
from devsession.coordinator.states import CoordinatedState
from devsession.errors import SessionEndedError


class SessionKind(enum.Enum):
    """How a session ends by itself."""

    INTERACTIVE = "interactive"  # it does not: an exception is shown, and the next program runs
    SCRIPT = "script"  # with its first program, as that does
    TEST = "test"  # with the first program that fails


@dataclass(slots=True)
class Program:
    """A program that was sent; ``done`` has what came of it."""

    source: str | Path
    done: asyncio.Future[Execution] = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )

    def __post_init__(self) -> None:
        # Who only sends does not ask what came of it.
        self.done.add_done_callback(lambda done: done.cancelled() or done.exception())

    def stopped(self, why: str) -> None:
        """Have those who wait for it told that it was stopped, or never begun."""
        if not self.done.done():
            self.done.set_exception(SessionEndedError(why))


class Watcher(Protocol):
    """Who is told what sessions do."""

    def changed(self, session: Any, before: CoordinatedState) -> None:
        """Learn that the state of a session is another."""

    def printed(self, session: Any) -> None:
        """Learn that a session printed something."""
