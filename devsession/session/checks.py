"""What callers give to sessions and their manager, looked at before anything comes of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from devsession.errors import UsageError

_F = TypeVar("_F", bound=Callable[..., object])

# Names of sessions go into messages, listings and logs.
LONGEST_NAME = 100


def checked_session_name(name: str) -> str:
    """Return the name of a session; raises UsageError for what is none."""
    if not (isinstance(name, str) and 1 <= len(name) <= LONGEST_NAME and name.isprintable()):
        shown = repr(name)[: LONGEST_NAME + 2]
        raise UsageError(
            f"a session's name has 1 to {LONGEST_NAME} printable characters, unlike {shown}", phase="session"
        )
    return name


def checked_operation(operation: _F) -> _F:
    """Return a function that is to be called with a session; raises UsageError for what is none."""
    if not callable(operation):
        raise UsageError(
            f"what is executed in a session is a function of it, not {operation!r}",
            phase="session",
            hint="the session's name comes behind it: execute_in_session(operation, name)",
        )
    return operation
