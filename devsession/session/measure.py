"""How fast a board and its link are, and whether Ctrl-C stops a program: measured when asked for, as it takes a while."""

from __future__ import annotations

import statistics
from collections.abc import Awaitable, Callable
from time import perf_counter

from devsession.board.board import Board
from devsession.board.connection import EXEC_TIMEOUT
from devsession.errors import DeadlineError, DeviceError
from devsession.session.capabilities import Performance

_ROUND_TRIPS = 9
# Work is made longer until it takes this many seconds, which hide the spread of round trips.
_ENOUGH = 0.05
# A source takes this share of the free heap at most: it is held several times while it is compiled.
_SHARE = 20
_LARGEST_SOURCE = 8 * 1024
_SMALLEST_SOURCE = 256
_FIRST_TURNS = 1000
_LOOP = "exec('def f(n):\\n for x in range(n):pass\\nf({})',{{}})"
# The loop that is to be interrupted: when that happens, and when it ends by itself where it does not; seconds.
_INTERRUPTED_AFTER = 0.1
_ENDS_AFTER = 1.0
_WENT_ON = b"went on"
_LINE = 256
_FIRST_LINES = 4
# Nothing is compiled on the way: a small board has little stack.
_PRINT = 'any(print("{}",end="")for x in range({}))'


async def measure(board: Board, *, timeout: float = EXEC_TIMEOUT) -> Performance:
    """Measure a board and its link, which takes a second or, on a slow serial line, some; nothing is left on the board.

    A loop of a second is interrupted by Ctrl-C, to see whether that is possible. ``timeout`` in seconds for each of about 30 execs.
    Raises what ``Board.exec`` raises. When cancelled the program is interrupted.
    """

    async def taken(expression: str) -> float:
        began = perf_counter()
        await board.evaluate(expression, timeout=timeout)
        whole = perf_counter() - began
        # Some of it is always its own.
        return max(whole - round_trip, whole / 10)

    async def uploads(number: int) -> float:
        return sum([await taken(source) for _ in range(number)])

    round_trip = 0.0
    round_trip = statistics.median([await taken("0") for _ in range(_ROUND_TRIPS)])
    size = await _source_size(board, timeout)
    source, line = f"0 #{'.' * size}", "." * _LINE
    loop = await _rate(lambda turns: taken(_LOOP.format(turns)), _FIRST_TURNS)
    return Performance(
        round_trip=round_trip,
        upload=size * await _rate(uploads, 1),
        download=_LINE * await _rate(lambda lines: taken(_PRINT.format(line, lines)), _FIRST_LINES),
        loop=loop,
        interruptible=await _is_interruptible(board, int(loop * _ENDS_AFTER)),
    )


async def _is_interruptible(board: Board, turns: int) -> bool:
    """Whether Ctrl-C stops a loop; it has that many turns, so that a board that is deaf then is no worse off."""
    try:
        await board.exec(f"{_LOOP.format(turns)}\nprint({_WENT_ON.decode()!r})", timeout=_INTERRUPTED_AFTER)
    except DeadlineError as error:
        return _WENT_ON not in error.output
    # It was over sooner than measured.
    return True


async def _rate(work: Callable[[int], Awaitable[float]], number: int) -> float:
    """Return how much ``work`` gets done a second; it takes how much to do, and returns how many seconds that took."""
    while (taken := await work(number)) < _ENOUGH:
        number *= 2 if taken > _ENOUGH / 4 else 8
    return number / taken


async def _source_size(board: Board, timeout: float) -> int:
    free = "(__import__('gc').collect(),__import__('gc').mem_free())[1]"
    try:
        room = int(await board.eval(free, timeout=timeout)) // _SHARE
    except DeviceError:
        return _SMALLEST_SOURCE
    return max(_SMALLEST_SOURCE, min(_LARGEST_SOURCE, room))
