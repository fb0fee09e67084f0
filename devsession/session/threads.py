"""Threads on a board that end with the session that started them."""

from __future__ import annotations

import asyncio
import functools
import secrets
from collections.abc import Callable
from typing import Any, Concatenate, Generic, ParamSpec

from devsession.board.deadline import Deadline
from devsession.errors import DeadlineError, UsageError
from devsession.methods.method import Kind, Method
from devsession.protocol.records import NONCE_BITS
from devsession.session import homes
from devsession.session.deployed import Deployed, written

_P = ParamSpec("_P")

# How often a thread is asked whether it has ended: seconds. It cannot tell by itself without printing.
POLL = 0.02
# How long a thread may take to see that it is to stop: less than a clean-up may take.
STOP_TIMEOUT = 4.0


class BoardThread:
    """A thread that was started on a board; ``name`` is its number there."""

    def __init__(self, name: int, owner: DeployedThread[Any]) -> None:
        self.name = name
        self._owner = owner
        self._let_go = owner.hold(self.stop)

    def __repr__(self) -> str:
        return f"<BoardThread {self._owner.method.name}>"

    async def is_running(self) -> bool:
        """Return whether it has not ended."""
        return bool(await self._owner.ask(f"(lambda s:s is not None and s[1])({self._state})"))

    async def stop(self, timeout: float = STOP_TIMEOUT) -> None:
        """Tell it to stop and wait until it has; what it raised is raised as UsageError.

        Raises DeadlineError when it has not stopped within ``timeout`` seconds: it runs on, and may be told again.
        """
        await self._owner.ask(f"(lambda s:s and s.update({{0:True}}))({self._state})")
        await self.join(timeout)

    async def join(self, timeout: float | None = None) -> None:
        """Wait until it has ended; raises as ``stop``. When cancelled it runs on."""
        deadline = Deadline.after(timeout)
        while await self.is_running():
            if deadline.remaining == 0:
                raise DeadlineError(
                    f"the thread {self._owner.method.name} did not end within {deadline.timeout:g} s",
                    timeout=deadline.timeout or 0.0,
                    phase="thread",
                    hint="does it call the function that it gets as its first argument, and end when that says so?",
                )
            await asyncio.sleep(POLL)
        self._let_go()
        raised = await self._owner.ask(f"(lambda s:s and s[2])({homes.TABLE}.pop({self.name},None))")
        if raised:
            raise UsageError(f"the thread {self._owner.method.name} raised {raised}", phase="thread")

    @property
    def _state(self) -> str:
        return f"{homes.TABLE}.get({self.name})"


class DeployedThread(Deployed, Generic[_P]):
    """A function of a session that runs in a thread of the board; its first argument there is a function that says whether to stop."""

    async def __call__(self, *args: _P.args, **kwargs: _P.kwargs) -> BoardThread:
        """Start the thread and return it; it is told to stop, and waited for, when the session ends. Raises as for methods."""
        if kwargs:
            raise UsageError("a thread takes its arguments by their places", phase="argument")
        self._user.use()
        bound = self.method.bind((None, *args), {})
        begin = Deployed(_begin(), self._user.board_home, self._user, self._options)
        await self._home.ensure(self.method)
        name = secrets.randbits(NONCE_BITS - 1) | 1 << NONCE_BITS
        text = written(bound, *self._user.widths()).removeprefix("None").removeprefix(",")
        given = f"{homes.TABLE},{name},{self.called},({text}{',' if text else ''})"
        await begin.invoke(given, bound)
        return BoardThread(name, self)

    def hold(self, cleanup: Callable[[], Any]) -> Callable[[], None]:
        """Have ``cleanup`` awaited at the session's end; returns what takes it back."""
        return self._user.hold(cleanup, "thread")

    async def ask(self, expression: str) -> Any:
        """Return the value of an expression about a thread."""
        return (await self._user.board.ask(expression)).value


def check_kind(method: Method) -> None:
    """Raise UsageError for what cannot be a thread."""
    if method.kind is not Kind.PLAIN:
        raise UsageError(
            f"{method.name} cannot be a thread: it is a generator or a coroutine", phase="thread"
        )


@functools.cache
def _begin() -> Method:
    from firmware_helpers.threads import begin

    return Method.of(begin)


ThreadFunction = Callable[Concatenate[Callable[[], bool], _P], Any]
