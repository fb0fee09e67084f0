"""Methods: Python functions of the host that run on a board, called as they are written."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, Protocol, Self, TypeVar

from devsession.board.board import Board
from devsession.board.connection import EXEC_TIMEOUT
from devsession.board.deadline import Deadline
from devsession.board.programs import NAMELESS
from devsession.board.turns import checked_priority
from devsession.errors import DeviceError, DeviceResetError, MethodMissingError, UsageError
from devsession.methods.arguments import encode
from devsession.methods.method import Method
from devsession.protocol.source import bytes_literal
from devsession.session import homes
from devsession.session.homes import BoardHome, Home
from devsession.session.locating import located
from devsession.session.references import Path, expression_of, session_of

if TYPE_CHECKING:
    from devsession.session.session import DeviceSession

# How often a method is sent for one call: the board may forget it just then.
ATTEMPTS = 2
# The functions that stand before the method's in a traceback of its call.
CALL = frozenset({"<module>"})
# The method that a call is about, and the functions before it.
Within = tuple[Method, frozenset[str]]

_P = ParamSpec("_P")
_R = TypeVar("_R")


class User(Protocol):
    """Who calls methods: a session, or the manager."""

    board: Board
    board_home: BoardHome

    def use(self) -> None:
        """Raise SessionEndedError when that is over."""

    async def before_call(self) -> None:
        """Bring what a method is to find on the board."""

    def hold(self, cleanup: Callable[[], Awaitable[None]], kind: str) -> Callable[[], None]:
        """Have ``cleanup`` awaited at the end, unless the board has started anew by then; returns what takes it back."""

    def widths(self) -> tuple[int, int | None]:
        """Return how many bits the board's floats and integers have, as ``encode`` takes them."""


@dataclass(frozen=True, slots=True)
class Options:
    """How a method is called: ``timeout`` in seconds (None: no limit), ``priority`` among those who wait for the board.

    Raises UsageError for what is neither.
    """

    timeout: float | None = EXEC_TIMEOUT
    priority: int = 0

    def __post_init__(self) -> None:
        Deadline.after(self.timeout)
        checked_priority(self.priority)


class Deployed:
    """A method of a board or of a session; ``method`` is what is known of it on the host."""

    def __init__(self, method: Method, home: Home, user: User, options: Options) -> None:
        home.add(method)
        self.method = method
        self._home = home
        self._user = user
        self._options = options
        for name in ("__name__", "__qualname__", "__doc__", "__module__"):
            setattr(self, name, getattr(method.function, name))

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.method.name} on {self._user.board.url}>"

    @property
    def is_deployed(self) -> bool:
        """Whether it was seen on the board in the board's present life."""
        return self._home.is_known(self.method)

    async def deploy(self) -> None:
        """Send it now, unless it is there, so that the first call need not; raises what the first call would."""
        self._user.use()
        await self._home.ensure(self.method)

    async def evict(self) -> int:
        """Have the board forget it, and return how many bytes of the heap that gave back; the next call sends it again."""
        self._user.use()
        return await self._home.evict(self.method)

    def options(self, **changed: Any) -> Self:
        """Return the same method with other options: ``read.options(timeout=60)(8)``; raises UsageError for what is no time or priority."""
        return type(self)(self.method, self._home, self._user, replace(self._options, **changed))

    async def invoke(self, text: str, bound: inspect.BoundArguments, within: Within | None = None) -> Any:
        """Call it with ``text`` for its arguments, deploying it where it is not on the board, and return its value.

        Where it runs another method, ``within`` says which, for tracebacks.
        """
        await self._user.before_call()
        refs = [value for value in (*bound.args, *bound.kwargs.values()) if isinstance(value, Path)]
        method, ours = within or (self.method, CALL)
        try:
            if refs:
                return await self._invoke_for(self._session_of(refs), text)
            try:
                return await self._invoke(text, method.name)
            except MethodMissingError:
                self._home.missed(self.method)
                await self._home.deploy(self.method)
                return await self._invoke(text, method.name)
        except DeviceError as error:
            raise located(error, method, NAMELESS if refs else method.name, ours) from error.__cause__

    async def _invoke(self, text: str, name: str) -> Any:
        async with self._home.calling(self.method):
            execution = await self._user.board.call(
                self._home.key(self.method),
                text,
                timeout=self._options.timeout,
                priority=self._options.priority,
                name=name,
            )
        self._home.found(self.method)
        if execution.exit_code:
            raise self._exited(execution.exit_message or str(execution.exit_code))
        return execution.value

    async def _invoke_for(self, session: DeviceSession, text: str) -> Any:
        # A handle means something in its session's namespace only.
        for _ in range(ATTEMPTS):
            await self._home.ensure(self.method)
            async with self._home.calling(self.method):
                found = await session.eval_own(
                    f"[{self.called}({text})]if {bytes_literal(self.key)} in {homes.TABLE} else 0",
                    timeout=self._options.timeout,
                    priority=self._options.priority,
                )
            if found is None:
                raise self._exited("")
            if found:
                return found[0]
            self._home.missed(self.method)
        raise self.lost()

    def _session_of(self, refs: list[Path]) -> DeviceSession:
        session = session_of(refs)
        if session.board is not self._user.board:
            raise UsageError("a handle of another board", board=self._user.board.url, phase="argument")
        return session

    def _exited(self, code: str) -> DeviceError:
        return DeviceError(
            "SystemExit", code, board=self._user.board.url, hint="sys.exit ends programs; a method returns"
        )

    def lost(self) -> DeviceResetError:
        """Return the error for what went from the board while it was used there."""
        return DeviceResetError(
            f"{self.method.name} is no longer on the board: it started anew, or was made to forget it",
            board=self._user.board.url,
            phase="call",
        )

    @property
    def key(self) -> bytes:
        """Its key in the table of methods on the board."""
        return self._home.key(self.method).encode()

    @property
    def called(self) -> str:
        """What it is called on the board, in any namespace there."""
        return f"{homes.TABLE}[{bytes_literal(self.key)}]"

    def _bind(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> inspect.BoundArguments:
        self._user.use()
        return self.method.bind(args, kwargs)


class DeployedFunction(Deployed, Generic[_P, _R]):
    """A method that returns a value: awaiting its call runs it on the board, once."""

    def __call__(self, *args: _P.args, **kwargs: _P.kwargs) -> Coroutine[Any, Any, _R]:
        """Run the method on the board and return what it returns; one turn, two more where it is not there yet.

        Raises TypeError and UsageError for arguments that it does not take or that cannot be sent, before a byte is; DeviceError, whose
        frames name this host's files; and what else ``DeviceSession.exec`` raises.
        """
        bound = self._bind(args, kwargs)
        return self.invoke(written(bound, *self._user.widths()), bound)


def written(bound: inspect.BoundArguments, float_bits: int, int_bits: int | None) -> str:
    """Return arguments as source text; raises UsageError for what cannot be sent."""
    names = list(bound.signature.parameters)

    def text(name: str, value: Any) -> str:
        if isinstance(value, Path):
            return expression_of(value)
        return encode(value, float_bits, int_bits, name=f"argument {name!r}")

    positional = [text(names[min(place, len(names) - 1)], value) for place, value in enumerate(bound.args)]
    return ",".join(positional + [f"{name}={text(name, value)}" for name, value in bound.kwargs.items()])
