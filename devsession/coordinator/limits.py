"""How much a coordinator allows, and which names its sessions may have."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable
from dataclasses import dataclass, fields

from devsession.board.output import OUTPUT_KEPT
from devsession.errors import SessionError, UsageError

_NAME = re.compile(r"[A-Za-z0-9_-]{1,20}")
LONGEST_NAME = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionLimits:
    """How much a coordinator allows.

    ``sessions`` that have not ended; ``calls``, programs under way at once, without those that wait for input; ``queue``, programs of
    one session that wait; ``rate``, programs and lines a second for one session, as many at once; ``buffer``, bytes of output kept of a
    session; ``memory``, bytes of all buffers together: over that what ended is cut to its last output, then those that have been idle for
    longest are hibernated. Raises UsageError for what is no number above 0.
    """

    sessions: int = 10
    calls: int = 5
    queue: int = 100
    rate: float = 100.0
    buffer: int = OUTPUT_KEPT
    memory: int = 125_000_000

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if not isinstance(value, int | float) or isinstance(value, bool) or value <= 0:
                raise UsageError(f"the limit {field.name} is a number above 0, not {value!r}")


class Rate:
    """Counts what one session is sent: ``limit`` a second, and as many at once after a while of silence."""

    def __init__(self, limit: float) -> None:
        self._limit = limit
        self._left = max(1.0, limit)
        self._at = time.monotonic()

    def take(self, session: str) -> None:
        """Count one; raises SessionError when it is too many."""
        now = time.monotonic()
        self._left = min(max(1.0, self._limit), self._left + (now - self._at) * self._limit)
        self._at = now
        if self._left < 1:
            raise SessionError(
                f"session {session} was sent more than {self._limit:g} programs and lines a second",
                hint="send longer programs, or give SessionLimits(rate=...)",
            )
        self._left -= 1


def checked_name(name: str) -> str:
    """Return the name of a coordinated session; raises UsageError for what is none."""
    if not (isinstance(name, str) and _NAME.fullmatch(name)):
        shown = repr(name)[: LONGEST_NAME + 20]
        raise UsageError(
            f"{shown} is no name of a session", hint="1 to 20 letters, digits, '-' and '_'", phase="session"
        )
    return name


def made_up_name(parts: Iterable[str], taken: Iterable[str]) -> str:
    """Return a name made of a board's and a task's that is not taken yet."""
    plain = "-".join(filter(None, (re.sub(r"[^A-Za-z0-9_]+", "-", part).strip("-") for part in parts)))
    plain, used, number = plain[:LONGEST_NAME].strip("-") or "session", set(taken), 1
    name = plain
    while name in used:
        number += 1
        ending = f"-{number}"
        name = plain[: LONGEST_NAME - len(ending)] + ending
    return name
