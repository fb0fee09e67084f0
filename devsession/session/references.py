"""Handles on objects of a board."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import TYPE_CHECKING, Any

from devsession.errors import UsageError
from devsession.session.cleanup import Held

if TYPE_CHECKING:
    from devsession.session.session import DeviceSession

# The objects of a session are in its namespace under a number, which no program can take for a name of its own.
_TABLE = 0


class Path:
    """A way from an object of the board: attributes, items and calls, none of which has run yet.

    ``await`` it for its value; calling it runs there. One turn each.
    """

    def __init__(self, session: DeviceSession, expression: str) -> None:
        self._session = session
        self._expression = expression

    def __repr__(self) -> str:
        return f"<on the board: {self._expression}>"

    def __getattr__(self, name: str) -> Path:
        if name.startswith("__"):
            raise AttributeError(name)
        return Path(self._session, f"{self._expression}.{name}")

    def __getitem__(self, key: Any) -> Path:
        return Path(self._session, f"{self._expression}[{written(key)}]")

    def __call__(self, *args: Any, **kwargs: Any) -> Path:
        """Return the call, which runs when it is awaited."""
        given = [written(arg) for arg in args] + [
            f"{name}={written(value)}" for name, value in kwargs.items()
        ]
        return Path(self._session, f"{self._expression}({','.join(given)})")

    def __await__(self) -> Generator[Any, None, Any]:
        return self._session.eval(self._expression).__await__()


class Ref(Path):
    """A handle on an object of the board, released with its session."""

    def __init__(self, session: DeviceSession, number: int) -> None:
        super().__init__(session, f"globals()[{_TABLE}][{number}]")
        self._number = number
        self._held: Held | None = None

    @classmethod
    async def make(
        cls,
        session: DeviceSession,
        expression: str,
        cleanup: str = "",
        *,
        kind: str = "reference",
        again: bool = False,
    ) -> Ref:
        """Evaluate ``expression`` on the board and keep the object there; ``cleanup`` is code for its end, ``{}`` stands for it.

        ``kind`` is what resources of this kind are called; with ``again`` it may be made again when the board started anew.
        """
        number = session.next_handle()

        async def make() -> None:
            await session.exec(f"globals().setdefault({_TABLE},{{}})[{number}]={expression.strip()}")

        await make()
        ref = cls(session, number)
        code = f"{cleanup.format(ref._expression)}\n" if cleanup else ""
        ref._held = session.push_on_board(kind, f"{code}del {ref._expression}")
        ref._held.make_again = make if again else None
        return ref

    async def release(self) -> None:
        """Let go of the object now."""
        if self._held is not None:
            held, self._held = self._held, None
            await self._session.release(held)


def expression_of(path: Path) -> str:
    """Return what a handle is called in its session's namespace."""
    return path._expression  # noqa: SLF001 - every public name of a handle is one of its object


def session_of(paths: Sequence[Path]) -> DeviceSession:
    """Return the session of handles; raises UsageError when they are of several."""
    session = paths[0]._session  # noqa: SLF001 - as above
    if any(path._session is not session for path in paths):  # noqa: SLF001 - as above
        raise UsageError("handles of different sessions in one call", phase="argument")
    return session


def written(value: Any) -> str:
    """Return an argument as the board reads it; another handle stands for its object."""
    if isinstance(value, Path):
        return expression_of(value)
    from devsession.methods.arguments import encode

    if callable(value):
        raise UsageError(f"{value!r} is no value that a board can be given", phase="argument")
    return encode(value)
