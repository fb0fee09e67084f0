"""The functions of the async API, without ``await``."""

from __future__ import annotations

import functools
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator
from typing import Any, Concatenate, ParamSpec, TypeVar, cast

from devsession import links
from devsession.board import board as asynchronous
from devsession.board import clock
from devsession.board import rescue as rescuing
from devsession.doctor import diagnose as doctor
from devsession.sync.board import Board
from devsession.sync.loop_thread import current
from devsession.sync.twin import returning
from devsession.transport import watch

_P = ParamSpec("_P")
_R = TypeVar("_R")


def _to_board(function: Callable[_P, asynchronous.Board]) -> Callable[_P, Board]:
    """Return the twin of a function that returns a board."""

    @functools.wraps(function)
    def connecting(*args: _P.args, **kwargs: _P.kwargs) -> Board:
        return Board.of(function(*args, **kwargs))

    return connecting


connect = _to_board(links.connect)


def of_board(
    function: Callable[Concatenate[asynchronous.Board, _P], Coroutine[Any, Any, _R]],
) -> Callable[Concatenate[Board, _P], _R]:
    """Return the twin of a coroutine function whose first argument is a board."""

    @functools.wraps(function)
    def waiting(board: Board, *args: _P.args, **kwargs: _P.kwargs) -> _R:
        return board._loop.run(lambda: function(board._original, *args, **kwargs))

    # Boards may be given by name, too, which this type does not say.
    return cast("Callable[Concatenate[Board, _P], _R]", waiting)


rescue = of_board(rescuing.rescue)
read_clock = of_board(clock.read_clock)
set_clock = of_board(clock.set_clock)


def _from_now(function: Callable[_P, AsyncGenerator[_R]]) -> Callable[_P, Generator[_R, None, None]]:
    """Return the twin of an async generator function; leaving its loop early, ``close()`` and Ctrl-C close what it opened."""

    @functools.wraps(function)
    def iterating(*args: _P.args, **kwargs: _P.kwargs) -> Generator[_R, None, None]:
        return current().iterate(lambda: function(*args, **kwargs))

    return returning(iterating, function, "AsyncGenerator", "Generator")


watch_ports = _from_now(watch.watch_ports)
diagnose = _from_now(doctor.diagnose)
