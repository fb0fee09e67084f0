"""How a class of the async API becomes one without ``await``: a line for each of its methods and properties.

::

    coroutine method                    waits(Original.method)
    coroutine method, returns a Kind    brings(Kind, Original.method)
    method that does not wait           asks(Original.method)
    the same, returns a Kind            gives(Kind, Original.method)
    async generator                     iterates(Original.method)
    async context manager of a Kind     enters(Kind, Original.method)
    property or attribute               Fact[its type]()
    the same, holds a Kind              Part(Kind)

A Kind is itself a twin. The types come from the async methods by way of ParamSpec, so signatures are the same by construction; a test sees
to it that no public name is left out. A method that takes a function of the user's, or has ``**options``, is written out.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from types import TracebackType
from typing import Any, Concatenate, Generic, Never, ParamSpec, Protocol, Self, TypeVar, cast, overload

from devsession.sync.loop_thread import LoopThread, current

_O = TypeVar("_O")
_O_co = TypeVar("_O_co", covariant=True)
_C_co = TypeVar("_C_co", bound=AbstractAsyncContextManager[Any, Any], covariant=True)
_F = TypeVar("_F", bound=Callable[..., Any])
_P = ParamSpec("_P")
_R = TypeVar("_R")
_TwinT = TypeVar("_TwinT", bound="Adopting")


class Adopting(Protocol):
    """A class of twins."""

    @classmethod
    def of(cls, original: Any, loop: LoopThread) -> Self:
        """Return the twin of ``original``, which lives on ``loop``."""


class Twin(Generic[_O_co]):
    """Something of the async API, seen from other threads; ``original`` is touched on the loop of devsession.sync only.

    Twins are made when they are asked for, and are equal when their originals are the same.
    """

    def __init__(self, original: _O_co, loop: LoopThread | None = None) -> None:
        self._original = original
        self._loop = loop or current()
        self._loop.look_after(original)

    @classmethod
    def of(cls, original: Any, loop: LoopThread | None = None) -> Self:
        """Return the twin of ``original``, which lives on ``loop``; for those whose constructor takes what the original's does."""
        twin = cls.__new__(cls)
        Twin.__init__(twin, original, loop)
        return twin

    def __repr__(self) -> str:
        return repr(self._original)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Twin) and other._original is self._original

    def __hash__(self) -> int:
        return hash(id(self._original))


class Block(Twin[_C_co]):
    """A twin for ``with``, of what is made for ``async with``."""

    def __enter__(self) -> Self:
        self._loop.run(self._original.__aenter__)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.run(lambda: self._original.__aexit__(kind, error, trace))


def waits(
    method: Callable[Concatenate[_O, _P], Coroutine[Any, Any, _R]],
) -> Callable[Concatenate[Twin[_O], _P], _R]:
    """Return the twin of a coroutine function whose first argument has a twin: it waits and returns the result."""

    @functools.wraps(method)
    def waiting(twin: Twin[_O], /, *args: _P.args, **kwargs: _P.kwargs) -> _R:
        return twin._loop.run(lambda: method(twin._original, *args, **kwargs))

    return waiting


def asks(method: Callable[Concatenate[_O, _P], _R]) -> Callable[Concatenate[Twin[_O], _P], _R]:
    """Return the twin of a method that does not wait; it may be called in the loop's thread, too."""

    @functools.wraps(method)
    def asking(twin: Twin[_O], /, *args: _P.args, **kwargs: _P.kwargs) -> _R:
        return twin._loop.ask(lambda: method(twin._original, *args, **kwargs))

    return asking


def gives(
    kind: type[_TwinT], method: Callable[Concatenate[_O, _P], Any]
) -> Callable[Concatenate[Twin[_O], _P], _TwinT]:
    """Return the twin of a method that does not wait, and returns something that has the twin ``kind``."""

    @functools.wraps(method)
    def giving(twin: Twin[_O], /, *args: _P.args, **kwargs: _P.kwargs) -> _TwinT:
        return kind.of(twin._loop.ask(lambda: method(twin._original, *args, **kwargs)), twin._loop)

    return giving


def brings(
    kind: type[_TwinT], method: Callable[Concatenate[_O, _P], Coroutine[Any, Any, Any]]
) -> Callable[Concatenate[Twin[_O], _P], _TwinT]:
    """Return the twin of a coroutine method whose result has the twin ``kind``."""

    @functools.wraps(method)
    def bringing(twin: Twin[_O], /, *args: _P.args, **kwargs: _P.kwargs) -> _TwinT:
        return kind.of(twin._loop.run(lambda: method(twin._original, *args, **kwargs)), twin._loop)

    return bringing


def enters(
    kind: type[_TwinT], method: Callable[Concatenate[_O, _P], AbstractAsyncContextManager[Any]]
) -> Callable[Concatenate[Twin[_O], _P], AbstractContextManager[_TwinT]]:
    """Return the twin of a method for ``async with``, whose block is given something that has the twin ``kind``."""

    @functools.wraps(method)
    def entering(twin: Twin[_O], /, *args: _P.args, **kwargs: _P.kwargs) -> AbstractContextManager[_TwinT]:
        return _Entered(kind, lambda: method(twin._original, *args, **kwargs), twin._loop)

    return returning(entering, method, "AsyncGenerator", "AbstractContextManager")


class _Entered(AbstractContextManager[_TwinT]):
    """An async context manager, entered and left from another thread."""

    def __init__(
        self, kind: type[_TwinT], make: Callable[[], AbstractAsyncContextManager[Any]], loop: LoopThread
    ) -> None:
        self._kind = kind
        self._block = loop.ask(make)
        self._loop = loop

    def __enter__(self) -> _TwinT:
        return self._kind.of(self._loop.run(self._block.__aenter__), self._loop)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        return self._loop.run(lambda: self._block.__aexit__(kind, error, trace))


def iterates(
    method: Callable[Concatenate[_O, _P], AsyncGenerator[_R]],
) -> Callable[Concatenate[Twin[_O], _P], Generator[_R, None, None]]:
    """Return the twin of an async generator function: leaving its loop early, or ``close()``, closes the async generator."""

    @functools.wraps(method)
    def iterating(twin: Twin[_O], /, *args: _P.args, **kwargs: _P.kwargs) -> Generator[_R, None, None]:
        return twin._loop.iterate(lambda: method(twin._original, *args, **kwargs))

    return returning(iterating, method, "AsyncGenerator", "Generator")


def returning(function: _F, method: Callable[..., Any], before: str, after: str) -> _F:
    """Return ``function`` with the signature of ``method``, but for what it says it returns."""
    signature = inspect.signature(method)
    returned = str(signature.return_annotation).replace(before, after)
    function.__signature__ = signature.replace(return_annotation=returned)  # type: ignore[attr-defined]
    return function


class Fact(Generic[_R]):
    """A property of the same name as the original's, of the type given in brackets."""

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    @overload
    def __get__(self, twin: None, owner: type) -> Self: ...
    @overload
    def __get__(self, twin: Twin[Any], owner: type) -> _R: ...
    def __get__(self, twin: Twin[Any] | None, owner: type) -> _R | Self:
        if twin is None:
            return self
        return cast("_R", twin._loop.ask(lambda: getattr(twin._original, self._name)))

    def __set__(self, twin: Twin[Any], value: Never) -> None:
        raise AttributeError(f"{self._name} of {twin!r} cannot be set")


class Part(Fact[_TwinT]):
    """A property whose value has the twin ``kind``."""

    def __init__(self, kind: type[_TwinT]) -> None:
        self._kind = kind

    @overload
    def __get__(self, twin: None, owner: type) -> Self: ...
    @overload
    def __get__(self, twin: Twin[Any], owner: type) -> _TwinT: ...
    def __get__(self, twin: Twin[Any] | None, owner: type) -> _TwinT | Self:
        if twin is None:
            return self
        return self._kind.of(super().__get__(twin, owner), twin._loop)
