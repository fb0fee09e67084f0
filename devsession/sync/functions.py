"""The functions of the async API, without ``await``."""

from __future__ import annotations

import datetime as dt
import functools
from collections.abc import AsyncGenerator, Callable, Generator
from typing import ParamSpec, TypeVar

from devsession import links
from devsession.board import board as asynchronous
from devsession.board import clock
from devsession.board import rescue as rescuing
from devsession.board.connection import EXEC_TIMEOUT
from devsession.doctor import diagnose as doctor
from devsession.session import probe as probing
from devsession.session.capabilities import DeviceCapabilities
from devsession.sync.board import Board
from devsession.sync.loop_thread import current
from devsession.sync.twin import returning, waits
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


def rescue(board: Board, timeout: float = 30.0) -> rescuing.Rescue:
    """Rename main.py (and CircuitPython's code.py) so that the board starts without it, catching the board at start-up if need be.

    As the async one: a board without a reset line is waited for, press its button within ``timeout`` seconds. Raises RawReplError,
    DeviceError.
    """
    return waits(rescuing.rescue)(board, timeout)


def probe(board: Board, *, timeout: float = EXEC_TIMEOUT) -> DeviceCapabilities:
    """Ask a board for everything that is to be known of it, and leave it as it was.

    As the async one: one exec, or two on a small heap, ``timeout`` in seconds for each. Raises what ``Board.exec`` does.
    """
    return waits(probing.probe)(board, timeout=timeout)


def read_clock(board: Board) -> dt.datetime:
    """Return what the board's clock shows, to the second and without a time zone; raises DeviceError where it has none."""
    return waits(clock.read_clock)(board)


def set_clock(board: Board, when: dt.datetime) -> None:
    """Set the board's clock to the calendar fields of ``when``, whatever its time zone; raises DeviceError where it has none."""
    waits(clock.set_clock)(board, when)


def _from_now(function: Callable[_P, AsyncGenerator[_R]]) -> Callable[_P, Generator[_R, None, None]]:
    """Return the twin of an async generator function; leaving its loop early, ``close()`` and Ctrl-C close what it opened."""

    @functools.wraps(function)
    def iterating(*args: _P.args, **kwargs: _P.kwargs) -> Generator[_R, None, None]:
        return current().iterate(lambda: function(*args, **kwargs))

    return returning(iterating, function, "AsyncGenerator", "Generator")


watch_ports = _from_now(watch.watch_ports)
diagnose = _from_now(doctor.diagnose)
