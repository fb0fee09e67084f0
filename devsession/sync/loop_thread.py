"""The thread whose event loop does the work of the sync twin: begun on first use, ended with the interpreter."""

from __future__ import annotations

import asyncio
import atexit
import os
import threading
import weakref
from collections.abc import Awaitable, Callable, Coroutine, Generator
from typing import Any, Protocol, TypeVar, runtime_checkable

from devsession.board.log import log
from devsession.errors import UsageError
from devsession.sync.call import Call

# How long the end of the interpreter waits for programs to be interrupted and links to be closed, in seconds.
END_LIMIT = 5.0

_T = TypeVar("_T")
_T_co = TypeVar("_T_co", covariant=True)


class Items(Protocol[_T_co]):
    """What is iterated over and can be left early: an async generator, or what behaves as one."""

    def __anext__(self) -> Awaitable[_T_co]:
        """Return the next item."""

    def aclose(self) -> Awaitable[None]:
        """Let go of what it holds."""


@runtime_checkable
class Closable(Protocol):
    """Something that is to be closed at the end."""

    def close(self) -> Coroutine[Any, Any, None]:
        """Close it; closing again does nothing."""


class LoopThread:
    """A thread with an event loop, and the way to have work done there from any other thread."""

    def __init__(self) -> None:
        self._closables: weakref.WeakValueDictionary[int, Closable] = weakref.WeakValueDictionary()
        self._pid = os.getpid()
        self._ending = False
        self._started = threading.Event()
        self._thread = threading.Thread(target=self._main, name="devsession-sync", daemon=True)

    def start(self) -> None:
        """Start the thread, and wait until its loop runs."""
        self._thread.start()
        self._started.wait()

    @property
    def is_alive(self) -> bool:
        """Whether its loop runs."""
        return self._thread.is_alive()

    @property
    def is_usable(self) -> bool:
        """Whether work can be given to it from this thread."""
        return self._refusal() is None

    def run(self, work: Callable[[], Awaitable[_T]]) -> _T:
        """Await what ``work`` returns on the loop, and return what comes of it, or raise it.

        KeyboardInterrupt and whatever else a signal handler raises here cancels the work, waits for its end, and is raised then; a second
        one does not wait. Raises UsageError in the loop's own thread, in a forked child, and after the end.
        """
        if why := self._refusal():
            raise UsageError(why)
        call = Call(work)
        try:
            self._hand_over(call.begin)
            call.wait(self._thread)
        finally:
            if not call.has_ended and self.is_usable:
                self._hand_over(call.give_up)
                call.wait(self._thread)
        return call.result()

    def ask(self, question: Callable[[], _T]) -> _T:
        """Return what a function that does not wait returns on the loop; in the loop's own thread too."""
        if threading.current_thread() is self._thread:
            return question()

        async def answer() -> _T:
            return question()

        return self.run(answer)

    def iterate(self, begin: Callable[[], Items[_T]]) -> Generator[_T, None, None]:
        """Return what yields what the async iterator does that ``begin`` returns; closing one closes the other."""
        return self._pull(self.ask(begin))

    def _pull(self, items: Items[_T]) -> Generator[_T, None, None]:
        try:
            while True:
                try:
                    item = self.run(items.__anext__)
                except StopAsyncIteration:
                    return
                yield item
        finally:
            # Garbage is also collected in the loop's thread, and after its end: asyncio closes what is dropped there.
            if self.is_usable:
                self.run(lambda: _close(items))

    def look_after(self, original: object) -> None:
        """Close ``original`` at the end, if it can be closed and still exists."""
        if isinstance(original, Closable):
            self._closables.setdefault(id(original), original)

    def end(self) -> None:
        """Close what is open, which interrupts what is under way, and end the thread; what does not end in time is left behind."""
        if self.is_usable:
            self._hand_over(self._ended.set)
        self._thread.join(END_LIMIT)

    # In the loop's thread

    def _main(self) -> None:
        try:
            with asyncio.Runner() as runner:
                runner.run(self._live())
        finally:
            # Also where no loop could be made: nobody waits for it then.
            self._started.set()

    async def _live(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._ended = asyncio.Event()
        self._started.set()
        try:
            await self._ended.wait()
        finally:
            await self._close_all()
            self._ending = True

    async def _close_all(self) -> None:
        # The last made is the first closed: a manager before its board.
        for closable in reversed(list(self._closables.values())):
            for failure in filter(None, await asyncio.gather(closable.close(), return_exceptions=True)):
                log.event("not closed at the end", what=repr(closable), error=repr(failure))

    def _hand_over(self, step: Callable[[], None]) -> None:
        try:
            self._loop.call_soon_threadsafe(step)
        except RuntimeError as error:  # how asyncio says that the loop is closed
            raise UsageError(_ENDED) from error

    def _refusal(self) -> str | None:
        if self._pid != os.getpid():
            return "this board was opened before a fork, and stays with the parent process; connect anew here"
        if threading.current_thread() is self._thread:
            return (
                "a listener or hook called devsession.sync in the thread of its loop, which would wait for itself; "
                "use another thread, or the async API there"
            )
        return _ENDED if self._ending or not self._thread.is_alive() else None


async def _close(items: Items[Any]) -> None:
    # One that still runs was cancelled, and nobody wanted to wait for it: it closes itself.
    if not getattr(items, "ag_running", False):
        await items.aclose()


_ENDED = "the loop of devsession.sync has ended, and what was opened with it is closed; connect anew"


class _Current:
    """The loop thread of this process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._thread: LoopThread | None = None
        # A loop of the parent process: its descriptors are shared with it, so it must not be closed here as garbage.
        self._inherited: list[LoopThread] = []

    def get(self) -> LoopThread:
        """Return it, started if need be."""
        with self._lock:
            if self._thread is None or not self._thread.is_alive:
                thread = LoopThread()
                thread.start()
                self._thread = thread
            return self._thread

    def end(self) -> None:
        """End it, if there is one; the next use starts another."""
        with self._lock:
            thread, self._thread = self._thread, None
        if thread is not None:
            thread.end()

    def forked(self) -> None:
        """Begin anew in a child process, where no other thread came along."""
        self._lock = threading.Lock()
        if self._thread is not None:
            self._inherited.append(self._thread)
            self._thread = None


_current = _Current()
atexit.register(_current.end)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_current.forked)

current = _current.get
end = _current.end
