"""What a session or a manager has running on a board: methods and threads."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterator, Mapping
from typing import Any, ParamSpec, Protocol, TypeVar, overload

from devsession.board.connection import EXEC_TIMEOUT
from devsession.board.running import Running
from devsession.errors import UsageError
from devsession.methods.method import Kind, Method
from devsession.session.deployed import (
    Deployed,
    DeployedFunction,
    Options,
    User,
)
from devsession.session.generators import DeployedGenerator
from devsession.session.homes import Home
from devsession.session.threads import DeployedThread, ThreadFunction, check_kind

_P = ParamSpec("_P")
_R = TypeVar("_R")
_T = TypeVar("_T")


class Decorator(Protocol):
    """Makes functions of the host methods, with options that were given before."""

    @overload
    def __call__(self, function: Callable[_P, Iterator[_T]], /) -> DeployedGenerator[_P, _T]: ...  # type: ignore[overload-overlap] # as below
    @overload
    def __call__(self, function: Callable[_P, Coroutine[Any, Any, _R]], /) -> DeployedFunction[_P, _R]: ...
    @overload
    def __call__(self, function: Callable[_P, _R], /) -> DeployedFunction[_P, _R]: ...


class Methods:
    """Makes functions of the host methods of a board or of a session: a decorator, with or without options."""

    def __init__(self, home: Home, user: User) -> None:
        self._home = home
        self._user = user
        self._made: dict[Method, Deployed] = {}

    @property
    def made(self) -> tuple[Deployed, ...]:
        """The methods that were made here, in their order."""
        return tuple(self._made.values())

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
        """Return ``function`` as a method, or with options alone a decorator that does; nothing is sent before it is called.

        Arguments: ``timeout`` of each call in seconds (default 10, None: no limit), ``priority`` among those who wait for the board.

        Raises UsageError, which says why, for a function that cannot run on a board.
        """
        options = Options(timeout, priority)
        return (
            self._made_of(function, options) if function is not None else lambda f: self._made_of(f, options)
        )

    def _made_of(self, function: Any, options: Options) -> Deployed:
        method = Method.of(function)
        kind = DeployedGenerator if method.kind is Kind.GENERATOR else DeployedFunction
        return self._keep(kind(method, self._home, self._user, options))

    def _keep(self, deployed: Deployed) -> Deployed:
        self._made[deployed.method] = deployed
        return deployed


class Threads(Methods):
    """Makes functions of the host threads of a session's board: a decorator."""

    def __call__(  # type: ignore[override] # a thread is no method: its first argument is not given by the caller
        self, function: ThreadFunction[_P]
    ) -> DeployedThread[_P]:
        """Return ``function`` as a thread: awaiting its call starts it on the board, and the session's end stops it.

        Its first parameter is a function that says whether it is to stop; the arguments of the call follow. Raises UsageError.
        """
        method = Method.of(function)
        check_kind(method)
        thread: DeployedThread[_P] = DeployedThread(method, self._home, self._user, Options())
        self._keep(thread)
        return thread


class Executor:
    """What a session has on its board: ``method`` and ``thread`` make functions of the host run there."""

    def __init__(self, home: Home, user: User, started: Mapping[str, Running]) -> None:
        self.method = Methods(home, user)
        self.thread = Threads(home, user)
        self._started = started

    @property
    def running(self) -> tuple[Running, ...]:
        """The programs that ``DeviceSession.start`` has started and that have not ended, in their order."""
        return tuple(self._started.values())

    @property
    def methods(self) -> tuple[Deployed, ...]:
        """The methods of the session, in the order in which they were made."""
        return self.method.made

    @property
    def threads(self) -> tuple[Deployed, ...]:
        """The functions of the session that run in threads."""
        return self.thread.made

    def is_deployed(self, method: Deployed | str) -> bool:
        """Whether a method, given by itself or by name, was seen on the board in its present life; costs no turn.

        Raises UsageError for a name that no method of the session has.
        """
        if isinstance(method, Deployed):
            return method.is_deployed
        for made in reversed((*self.methods, *self.threads)):
            if made.method.name == method:
                return made.is_deployed
        raise UsageError(f"the session has no method {method}", phase="session")

    async def deploy(self, *methods: Deployed) -> None:
        """Send methods now, all of the session's unless some are given, so that their first calls need not."""
        for method in methods or self.methods:
            await method.deploy()
