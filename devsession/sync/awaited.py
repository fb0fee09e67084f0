"""The way back: objects that live on the loop of devsession.sync, for ``await`` on another event loop.

A board that outlives the loop of one test, or of one ``asyncio.run``, cannot live on it. It lives on the loop of devsession.sync, and this
is how it is used from others.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import enum
import functools
import inspect
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from types import TracebackType
from typing import Any, Self, TypeVar

from devsession.errors import UsageError
from devsession.session.shared import SharedVariables
from devsession.session.state import SessionState
from devsession.sync.call import Call
from devsession.sync.loop_thread import LoopThread
from devsession.sync.references import Path
from devsession.sync.twin import Twin

_T = TypeVar("_T")
# What twins hand out as it is, too: it may be used from any thread.
_DATA = (enum.Enum, BaseException, SessionState, SharedVariables, tuple)
_WAITING = ("__aenter__", "__aiter__", "__await__")


def awaited(twin: Any) -> Any:
    """Return the object of the async API that ``twin`` is the twin of, to be used from any asyncio loop; anything else as it is.

    Calls, properties, ``async with`` and ``async for`` are those of ``devsession``; so is cancelling. Lists, tuples and dicts of twins are
    returned with what they hold changed. Functions that are handed in are called on the loop of devsession.sync.
    """
    if isinstance(twin, Twin):
        return Awaited(twin._original, twin._loop)
    if isinstance(twin, dict):
        return {key: awaited(each) for key, each in twin.items()}
    if type(twin) in {list, tuple}:
        return type(twin)(awaited(each) for each in twin)
    return twin


async def cross(loop: LoopThread, work: Callable[[], Awaitable[_T]]) -> _T:
    """Await what ``work`` returns on ``loop``, from another one; when cancelled it is cancelled there, and its end waited for.

    Raises what the work does, and UsageError where no asyncio loop runs.
    """
    try:
        home = asyncio.get_running_loop()
    except RuntimeError as error:
        raise UsageError("boards are awaited on asyncio only", hint="use devsession.sync here") from error
    ended = asyncio.Event()
    call = Call(work)

    def tell(_: object) -> None:
        # The loop that waited may have been closed by then.
        with contextlib.suppress(RuntimeError):
            home.call_soon_threadsafe(ended.set)

    def begin() -> None:
        call.begin()
        assert call._task is not None
        call._task.add_done_callback(tell)

    loop._hand_over(begin)
    try:
        await ended.wait()
    except asyncio.CancelledError:
        loop._hand_over(call.give_up)
        await ended.wait()
        raise
    return call.result()


class Awaited:
    """An object of the async API that lives on another loop; see ``awaited``."""

    def __init__(self, original: Any, loop: LoopThread) -> None:
        self._original = original
        self._loop = loop

    def __repr__(self) -> str:
        return repr(self._original)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Awaited) and other._original is self._original

    def __hash__(self) -> int:
        return hash(id(self._original))

    def __getattr__(self, name: str) -> Any:
        # Of a handle every name is one of the board's, unless it begins so.
        if name.startswith("__"):
            raise AttributeError(name)
        return self._seen(self._loop.ask(lambda: getattr(self._original, name)))

    def __getitem__(self, key: Any) -> Any:
        return self._seen(self._loop.ask(lambda: self._original[key]))

    def __bytes__(self) -> bytes:
        return self._loop.ask(lambda: bytes(self._original))

    def __len__(self) -> int:
        return self._loop.ask(lambda: len(self._original))

    def __bool__(self) -> bool:
        return True

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call a method of the board, or what a handle leads to; what comes is to be awaited or iterated over as there."""
        return self._called(self._original, args, kwargs)

    def __await__(self) -> Generator[Any, None, Any]:
        async def value() -> Any:
            return self._seen(await cross(self._loop, lambda: _value(self._original)))

        return value().__await__()

    async def __aenter__(self) -> Any:
        entered = await cross(self._loop, self._original.__aenter__)
        return self if entered is self._original else self._seen(entered)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        done: bool | None = await cross(self._loop, lambda: self._original.__aexit__(kind, error, trace))
        return done

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Any:
        return self._seen(await cross(self._loop, self._original.__anext__))

    async def aclose(self) -> None:
        """Leave an async generator early."""
        await cross(self._loop, self._original.aclose)

    def _seen(self, value: Any) -> Any:
        """Return a value as this side sees it: data as it is, what waits or has methods that do behind this class."""
        if inspect.isroutine(value):
            return functools.partial(self._called_with, value)
        return Awaited(value, self._loop) if _waits(value) else value

    def _called_with(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        return self._called(function, args, kwargs)

    def _called(self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        args = tuple(_given(each) for each in args)
        kwargs = {name: _given(each) for name, each in kwargs.items()}
        if inspect.iscoroutinefunction(function):
            return self._brought(lambda: function(*args, **kwargs))
        return self._seen(self._loop.ask(lambda: function(*args, **kwargs)))

    async def _brought(self, work: Callable[[], Awaitable[Any]]) -> Any:
        return self._seen(await cross(self._loop, work))


async def _value(original: Awaitable[_T]) -> _T:
    return await original


def _given(value: Any) -> Any:
    if isinstance(value, Awaited | Twin | Path) and "_original" in vars(value):
        return value._original
    return value


def _waits(value: Any) -> bool:
    if isinstance(value, AsyncGenerator) or inspect.isawaitable(value):
        return True
    return not isinstance(value, type) and _lives_there(type(value).__mro__)


@functools.cache
def _lives_there(kinds: tuple[type, ...]) -> bool:
    """Whether objects of a class belong to their loop: those for ``async with`` or ``async for``, and ours, unless they are data."""
    kind = kinds[0]
    if any(hasattr(kind, name) for name in _WAITING):
        return True
    # The last is how pydantic's models are known without importing it.
    data = dataclasses.is_dataclass(kind) or issubclass(kind, _DATA) or hasattr(kind, "model_fields")
    return kind.__module__.startswith("devsession.") and not data
