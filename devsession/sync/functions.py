"""The functions of the async API, without ``await``."""

from __future__ import annotations

import datetime as dt
import functools
from collections.abc import Callable, Generator
from typing import ParamSpec

from devsession import links
from devsession.board import board as asynchronous
from devsession.board import clock
from devsession.board import rescue as rescuing
from devsession.doctor import diagnose as doctor
from devsession.doctor.finding import Finding
from devsession.sync.board import Board
from devsession.sync.loop_thread import current
from devsession.sync.twin import waits
from devsession.transport import watch

_P = ParamSpec("_P")


def _silent(_: str) -> None:
    """Tell nobody."""


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


def read_clock(board: Board) -> dt.datetime:
    """Return what the board's clock shows, to the second and without a time zone; raises DeviceError where it has none."""
    return waits(clock.read_clock)(board)


def set_clock(board: Board, when: dt.datetime) -> None:
    """Set the board's clock to the calendar fields of ``when``, whatever its time zone; raises DeviceError where it has none."""
    waits(clock.set_clock)(board, when)


def watch_ports() -> Generator[watch.PortEvent, None, None]:
    """Yield the ports attached now as PortAdded, then each arrival and departure as it happens, for ever.

    As the async one; ends by leaving the loop, by ``close()``, or by Ctrl-C, and nothing is left open.
    """
    return current().iterate(watch.watch_ports)


def diagnose(url: str | None, progress: Callable[[str], None] = _silent) -> Generator[Finding, None, None]:
    """Examine a board, its port and this computer, and yield what is found, each as soon as it is known.

    As the async one; ``progress`` is called in the thread of the loop. Leaving early, or Ctrl-C, closes the link.
    """
    return current().iterate(lambda: doctor.diagnose(url, progress))
