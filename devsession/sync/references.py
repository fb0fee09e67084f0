"""Handles on objects of a board, without ``await``: calls run at once, everything else when ``value_of`` asks for it."""

from __future__ import annotations

from typing import Any, Self

from devsession.session import references
from devsession.sync.loop_thread import LoopThread


class Path(references.Path):
    """A way from an object of the board: attributes and items, none of which has run yet.

    Calling it runs there and returns the value, one turn; ``value_of`` returns the value of an attribute or an item. It is neither
    assigned to nor iterated over.
    """

    _loop: LoopThread

    def __init__(self, original: references.Path, loop: LoopThread) -> None:
        super().__init__(original._session, original._expression, original._held)
        vars(self).update(_loop=loop)

    def __getattr__(self, name: str) -> Path:
        return Path(super().__getattr__(name), self._loop)

    def __getitem__(self, key: Any) -> Path:
        return Path(super().__getitem__(key), self._loop)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Make the call on the board and return its value."""
        return value_of(Path(super().__call__(*args, **kwargs), self._loop))


class Ref(Path):
    """A handle on an object of the board, released with its session."""

    _original: references.Ref

    def __init__(self, original: references.Ref, loop: LoopThread) -> None:
        super().__init__(original, loop)
        vars(self).update(_original=original)

    @classmethod
    def of(cls, original: Any, loop: LoopThread) -> Self:
        """Return the twin of ``original``, which lives on ``loop``."""
        return cls(original, loop)

    def release(self) -> None:
        """Let go of the object now; using the handle afterwards raises UsageError."""
        self._loop.run(self._original.release)


def value_of(path: Path) -> Any:
    """Return the value of an attribute or an item of a handle: what ``await`` does in the async API, in one turn.

    Raises what ``DeviceSession.eval`` does.
    """

    async def value() -> Any:
        return await path

    return path._loop.run(value)
