"""Threads on a board that end with the session that started them."""

from __future__ import annotations

import asyncio
import functools
import secrets
from collections.abc import Callable
from typing import Any, Concatenate, Generic, ParamSpec

from devsession.board.deadline import Deadline
from devsession.board.programs import NAMELESS
from devsession.errors import DeadlineError, DeviceError, UsageError
from devsession.methods.method import Kind, Method
from devsession.protocol.records import NONCE_BITS
from devsession.protocol.source import bytes_literal
from devsession.session import homes
from devsession.session.deployed import ATTEMPTS, CALL, Deployed, written
from devsession.session.locating import located

_P = ParamSpec("_P")

# How often a thread is asked whether it has ended: seconds. It cannot tell by itself without printing.
POLL = 0.02
# How long a thread may take to see that it is to stop: less than a clean-up may take.
STOP_TIMEOUT = 4.0
# The functions before the thread's own in a traceback of what it raised.
_RAISING = CALL | {"<lambda>", "<genexpr>", "run"}


class BoardThread:
    """A thread that was started on a board; ``name`` is its number there."""

    def __init__(self, name: int, owner: DeployedThread[Any]) -> None:
        self.name = name
        self._owner = owner
        self.let_go = owner.hold(self.stop)

    def __repr__(self) -> str:
        return f"<BoardThread {self._owner.method.name}>"

    async def is_running(self) -> bool:
        """Return whether it has not ended; it has, too, when the board started anew."""
        return bool(await self._owner.ask(f"(lambda s:s and s[1])({self._state})"))

    async def stop(self, timeout: float = STOP_TIMEOUT) -> None:
        """Tell it to stop and wait until it has; raises what it raised, a DeviceError whose frames name this host's files.

        Raises DeadlineError when it has not stopped within ``timeout`` seconds: it runs on, and may be told again.
        """
        await self._owner.ask(f"(lambda s:s and s.update({{0:True}}))({self._state})")
        await self.join(timeout)

    async def join(self, timeout: float | None = None) -> None:
        """Wait until it has ended, for up to ``timeout`` seconds (default None: without limit); raises as ``stop``.

        When cancelled the thread runs on.
        """
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
        self.let_go()
        await self._owner.raise_what_it_did(f"{homes.TABLE}.pop({self.name},None)")

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
        text = written(bound, *self._user.widths()).removeprefix("None").removeprefix(",")
        begin = Deployed(_begin(), self._user.board_home, self._user, self._options)
        for _ in range(ATTEMPTS):
            await self._home.ensure(self.method)
            # Known before it runs: when this call is cancelled, it may have begun.
            thread = BoardThread(secrets.randbits(NONCE_BITS - 1) | 1 << NONCE_BITS, self)
            given = f"{homes.TABLE},{thread.name},{bytes_literal(self.key)},({text}{',' if text else ''})"
            try:
                async with self._home.calling(self.method):
                    begun = await begin.invoke(given, bound, (self.method, CALL | {_begin().name}))
            except DeviceError:
                thread.let_go()
                raise
            if begun:
                return thread
            thread.let_go()
            self._home.missed(self.method)
        raise self.lost()

    async def raise_what_it_did(self, state: str) -> None:
        """Raise the exception in the state of a thread, if there is one."""
        # A generator raises what it is told to, which no other expression does.
        raising = f"(lambda s:s and s[2]and(n for n in()).throw(s[2]))({state})"
        try:
            await self.ask(raising)
        except DeviceError as error:
            raise located(error, self.method, NAMELESS, _RAISING) from None

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
    from firmware_helpers.threads import begin_thread

    return Method.of(begin_thread)


ThreadFunction = Callable[Concatenate[Callable[[], bool], _P], Any]
