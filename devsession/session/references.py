"""Handles on objects of a board."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import TYPE_CHECKING, Any, Never

from devsession.errors import DeviceError, DeviceResetError, UsageError
from devsession.session.cleanup import Held, ResourceState

if TYPE_CHECKING:
    from devsession.session.session import DeviceSession

# The objects of a session are in its namespace under a number, which no program can take for a name of its own.
_TABLE = 0


class Path:
    """A way from an object of the board: attributes, items and calls, none of which has run yet.

    ``await`` it for its value; calling it runs there. One turn each. It is neither assigned to nor iterated over.
    """

    # Python would ask for one item after the other, without end: to ask runs nothing, so nothing fails.
    __iter__ = None
    __contains__ = None

    _session: DeviceSession
    _expression: str
    _held: Held

    def __init__(self, session: DeviceSession, expression: str, held: Held) -> None:
        vars(self).update(_session=session, _expression=expression, _held=held)

    def __repr__(self) -> str:
        return f"<on the board: {self._expression}>"

    def __getattr__(self, name: str) -> Path:
        if name.startswith("__"):
            raise AttributeError(name)
        return Path(self._session, f"{self._expression}.{name}", self._held)

    def __getitem__(self, key: Any) -> Path:
        return Path(self._session, f"{self._expression}[{written(key)}]", self._held)

    def __setattr__(self, name: str, value: Any) -> Never:
        raise _unchanged(f"the attribute {name}", "set")

    def __delattr__(self, name: str) -> Never:
        raise _unchanged(f"the attribute {name}", "deleted")

    def __setitem__(self, key: Any, value: Any) -> Never:
        raise _unchanged("an item", "set")

    def __delitem__(self, key: Any) -> Never:
        raise _unchanged("an item", "deleted")

    def __call__(self, *args: Any, **kwargs: Any) -> Path:
        """Return the call, which runs when it is awaited."""
        given = [written(arg) for arg in args] + [
            f"{name}={written(value)}" for name, value in kwargs.items()
        ]
        return Path(self._session, f"{self._expression}({','.join(given)})", self._held)

    def __await__(self) -> Generator[Any, None, Any]:
        return self._session.eval_own(expression_of(self)).__await__()


class Ref(Path):
    """A handle on an object of the board, released with its session."""

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
        kept = f"globals()[{_TABLE}][{number}]"

        async def make() -> None:
            await session.exec_own(f"globals().setdefault({_TABLE},{{}})[{number}]={expression}")

        # Held before it is made: should that be cancelled, nobody knows whether it is there.
        code = f"{cleanup.format(kept)};" if cleanup else ""
        held = session.push_on_board(kind, f"if {number} in globals().get({_TABLE},()):{code}del {kept}")
        try:
            await make()
        except DeviceError:
            await session.release(held)
            raise
        held.make_again = make if again else None
        return cls(session, kept, held)

    async def release(self) -> None:
        """Let go of the object now; using the handle afterwards raises UsageError."""
        if self._held in self._session.resources:
            await self._session.release(self._held)


def expression_of(path: Path) -> str:
    """Return what a handle is called in its session's namespace; raises DeviceResetError or UsageError when it is not there any more."""
    state = path._held.state  # noqa: SLF001 - every public name of a handle is one of its object
    if state is ResourceState.GONE:
        raise DeviceResetError(
            "the board started anew, and the object of this handle went with that",
            board=path._session.url,  # noqa: SLF001 - as above
            phase="reference",
            hint="make a new handle",
        )
    if state is not ResourceState.ACTIVE:
        path._session.check()  # noqa: SLF001 - as above
        raise UsageError("this handle was released", phase="reference", hint="make a new one")
    return path._expression  # noqa: SLF001 - as above


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


def _unchanged(what: str, how: str) -> UsageError:
    return UsageError(
        f"{what} of a handle cannot be {how} here: that takes a turn of the board",
        phase="reference",
        hint="name the object on the board and use exec, or give the handle to a method: def put(it, value): it.x = value",
    )
