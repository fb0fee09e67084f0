"""Functions of the host that run on a board, without ``await``: a call returns what the function does, or iterates over what it yields."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Generator, Iterator
from typing import Any, Generic, ParamSpec, Protocol, Self, TypeVar, cast, overload

from devsession.board.connection import EXEC_TIMEOUT
from devsession.methods.method import Method
from devsession.session import deployed, executor, generators, threads
from devsession.session.threads import ThreadFunction
from devsession.sync.board import Running
from devsession.sync.loop_thread import LoopThread
from devsession.sync.twin import Fact, Part, Twin, waits

_P = ParamSpec("_P")
_R = TypeVar("_R")
_T = TypeVar("_T")


class Deployed(Twin[deployed.Deployed]):
    """A method of a board or of a session; ``method`` is what is known of it on the host."""

    method = Fact[Method]()
    is_deployed = Fact[bool]()
    deploy = waits(deployed.Deployed.deploy)
    evict = waits(deployed.Deployed.evict)

    def options(self, **changed: Any) -> Self:
        """Return the same method with other options: ``read.options(timeout=60)(8)``."""
        return self.of(self._loop.ask(lambda: self._original.options(**changed)), self._loop)


class DeployedFunction(Deployed, Generic[_P, _R]):
    """A method that returns a value: its call runs it on the board, once."""

    def __call__(self, *args: _P.args, **kwargs: _P.kwargs) -> _R:
        """Run the method on the board and return what it returns; raises as the async one."""
        function = cast("deployed.DeployedFunction[_P, _R]", self._original)
        return self._loop.run(lambda: function(*args, **kwargs))


class DeployedGenerator(Deployed, Generic[_P, _T]):
    """A method that yields values: iterating over its call runs it on the board, batch by batch."""

    def __call__(self, *args: _P.args, **kwargs: _P.kwargs) -> Generator[_T, None, None]:
        """Return the values that the method will yield; nothing runs before the first is asked for. Leaving early ends it there."""
        function = cast("generators.DeployedGenerator[_P, _T]", self._original)
        return self._loop.iterate(lambda: function(*args, **kwargs))


class BoardThread(Twin[threads.BoardThread]):
    """A thread that was started on a board; ``name`` is its number there."""

    name = Fact[int]()
    is_running = waits(threads.BoardThread.is_running)
    stop = waits(threads.BoardThread.stop)
    join = waits(threads.BoardThread.join)


class DeployedThread(Deployed, Generic[_P]):
    """A function of a session that runs in a thread of the board; its first argument there is a function that says whether to stop."""

    def __call__(self, *args: _P.args, **kwargs: _P.kwargs) -> BoardThread:
        """Start the thread and return it; it is told to stop, and waited for, when the session ends. Raises as for methods."""
        function = cast("threads.DeployedThread[_P]", self._original)
        return BoardThread.of(self._loop.run(lambda: function(*args, **kwargs)), self._loop)


_KINDS: dict[type, type[Deployed]] = {
    deployed.DeployedFunction: DeployedFunction,
    generators.DeployedGenerator: DeployedGenerator,
    threads.DeployedThread: DeployedThread,
}


def _twin(original: deployed.Deployed, loop: LoopThread) -> Deployed:
    return _KINDS[type(original)].of(original, loop)


class Decorator(Protocol):
    """Makes functions of the host methods, with options that were given before."""

    @overload
    def __call__(self, function: Callable[_P, Iterator[_T]], /) -> DeployedGenerator[_P, _T]: ...  # type: ignore[overload-overlap] # as below
    @overload
    def __call__(self, function: Callable[_P, Coroutine[Any, Any, _R]], /) -> DeployedFunction[_P, _R]: ...
    @overload
    def __call__(self, function: Callable[_P, _R], /) -> DeployedFunction[_P, _R]: ...


class Methods(Twin[executor.Methods]):
    """Makes functions of the host methods of a board or of a session: a decorator, with or without options."""

    @property
    def made(self) -> tuple[Deployed, ...]:
        """The methods that were made here, in their order."""
        return tuple(_twin(one, self._loop) for one in self._loop.ask(lambda: self._original.made))

    @overload
    def __call__(  # type: ignore[overload-overlap] # the more special one comes first
        self, function: Callable[_P, Iterator[_T]], *, timeout: float | None = ..., priority: int = ...
    ) -> DeployedGenerator[_P, _T]: ...
    @overload
    def __call__(
        self,
        function: Callable[_P, Coroutine[Any, Any, _R]],
        *,
        timeout: float | None = ...,
        priority: int = ...,
    ) -> DeployedFunction[_P, _R]: ...
    @overload
    def __call__(
        self, function: Callable[_P, _R], *, timeout: float | None = ..., priority: int = ...
    ) -> DeployedFunction[_P, _R]: ...
    @overload
    def __call__(
        self, function: None = None, *, timeout: float | None = ..., priority: int = ...
    ) -> Decorator: ...

    def __call__(
        self, function: Any = None, *, timeout: float | None = EXEC_TIMEOUT, priority: int = 0
    ) -> Any:
        """Return ``function`` as a method, or with options alone a decorator that does; as the async one."""
        if function is None:
            return lambda given: self(given, timeout=timeout, priority=priority)
        made = self._loop.ask(lambda: self._original(function, timeout=timeout, priority=priority))
        return _twin(made, self._loop)


class Threads(Twin[executor.Threads]):
    """Makes functions of the host threads of a session's board: a decorator."""

    @property
    def made(self) -> tuple[Deployed, ...]:
        """The threads that were made here, in their order."""
        return tuple(_twin(one, self._loop) for one in self._loop.ask(lambda: self._original.made))

    def __call__(self, function: ThreadFunction[_P]) -> DeployedThread[_P]:
        """Return ``function`` as a thread: its call starts it on the board, and the session's end stops it; as the async one."""
        return DeployedThread.of(self._loop.ask(lambda: self._original(function)), self._loop)


class Executor(Twin[executor.Executor]):
    """What a session has on its board: ``method`` and ``thread`` make functions of the host run there."""

    method = Part(Methods)
    thread = Part(Threads)

    @property
    def running(self) -> tuple[Running, ...]:
        """The programs that ``DeviceSession.start`` has started and that have not ended, in their order."""
        return tuple(Running.of(one, self._loop) for one in self._loop.ask(lambda: self._original.running))

    @property
    def methods(self) -> tuple[Deployed, ...]:
        """The methods of the session, in the order in which they were made."""
        return self.method.made

    @property
    def threads(self) -> tuple[Deployed, ...]:
        """The functions of the session that run in threads."""
        return self.thread.made

    def is_deployed(self, method: Deployed | str) -> bool:
        """Whether a method, given by itself or by name, was seen on the board in its present life; costs no turn."""
        given = method if isinstance(method, str) else method._original
        return self._loop.ask(lambda: self._original.is_deployed(given))

    def deploy(self, *methods: Deployed) -> None:
        """Send methods now, all of the session's unless some are given, so that their first calls need not."""
        self._loop.run(lambda: self._original.deploy(*(method._original for method in methods)))
