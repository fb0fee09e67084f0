"""Getting a board back whose main.py keeps everybody out."""

from __future__ import annotations

from dataclasses import dataclass

from devsession.board.board import Board
from devsession.board.connection import ATTACH_TIMEOUT
from devsession.board.deadline import Deadline
from devsession.errors import RawReplError

# What runs at start, by the names it may have.
_STARTS = ("main.py", "code.py")
_SUFFIX = ".off"
# The part of the time in which the board is asked as it is, before it is to start anew.
_KNOCKING = 0.25


@dataclass(frozen=True, slots=True)
class Rescue:
    """What a rescue did: ``renamed`` maps old names on the board to new ones; ``caught`` whether the board had to be caught at start-up."""

    renamed: dict[str, str]
    caught: bool


async def rescue(board: Board, timeout: float = 30.0) -> Rescue:
    """Rename main.py (and CircuitPython's code.py) so that the board starts without it, catching the board at start-up if need be.

    ``board`` is listened to or attached, and is attached afterwards. It all takes ``timeout`` seconds at most; in all but the first of them
    a board without a reset line is waited for: press its button. Raises RawReplError when it cannot be caught, DeviceError when the file
    cannot be renamed, DeadlineError.
    """
    deadline = Deadline.after(timeout)
    caught = False
    try:
        await board.attach(min(timeout * _KNOCKING, ATTACH_TIMEOUT / 2))
    except RawReplError:
        await board.catch(deadline.within(timeout))
        caught = True
    renamed = {}
    there = await board.eval("__import__('os').listdir()", timeout=deadline.remaining)
    for name in _STARTS:
        if name in there:
            new = name + _SUFFIX
            while new in there:
                new += "_"
            await board.eval(f"__import__('os').rename({name!r},{new!r})", timeout=deadline.remaining)
            renamed[name] = new
    return Rescue(renamed, caught)
