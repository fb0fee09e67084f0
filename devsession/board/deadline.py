"""One deadline, passed down: the caller's limit, not a sum of smaller ones."""

from __future__ import annotations

import time
from dataclasses import dataclass

from devsession.errors import UsageError


@dataclass(frozen=True, slots=True)
class Deadline:
    """A moment on the monotonic clock, made from ``timeout`` seconds; ``None`` for no limit."""

    timeout: float | None
    at: float | None

    @classmethod
    def after(cls, timeout: float | None) -> Deadline:
        """Return the deadline ``timeout`` seconds from now; raises UsageError for what is no time."""
        if timeout is not None and not (isinstance(timeout, int | float) and timeout >= 0):
            raise UsageError(f"{timeout!r} is no time in seconds", hint="None means no limit")
        return cls(timeout, None if timeout is None else time.monotonic() + timeout)

    def within(self, limit: float) -> float:
        """Return the seconds left, at most ``limit``."""
        remaining = self.remaining
        return limit if remaining is None else min(limit, remaining)

    @property
    def remaining(self) -> float | None:
        """Seconds left, never below 0; ``None`` for no limit."""
        return None if self.at is None else max(0.0, self.at - time.monotonic())
