"""Getting a board back whose main.py keeps everybody out."""

from __future__ import annotations

from dataclasses import dataclass

from devsession.board.board import Board
from devsession.board.connection import ATTACH_TIMEOUT
from devsession.errors import RawReplError

# What runs at start, by the names it may have.
_STARTS = ("main.py", "code.py")
_SUFFIX = ".off"


@dataclass(frozen=True, slots=True)
class Rescue:
    """What a rescue did: ``renamed`` maps old names on the board to new ones; ``caught`` whether the board had to be caught at start-up."""

    renamed: dict[str, str]
    caught: bool


async def rescue(board: Board, timeout: float = 30.0) -> Rescue:
    """Rename main.py (and CircuitPython's code.py) so that the board starts without it, catching the board at start-up if need be.

    ``board`` is listened to or attached, and is attached afterwards. For ``timeout`` seconds a board without a reset line is waited for:
    press its button. Raises RawReplError when it cannot be caught, DeviceError when the file cannot be renamed.
    """
    caught = False
    try:
        await board.attach(min(timeout, ATTACH_TIMEOUT / 2))
    except RawReplError:
        await board.catch(timeout)
        caught = True
    renamed = {}
    there = await board.eval("__import__('os').listdir()")
    for name in _STARTS:
        if name in there:
            new = name + _SUFFIX
            while new in there:
                new += "_"
            await board.eval(f"__import__('os').rename({name!r},{new!r})")
            renamed[name] = new
    return Rescue(renamed, caught)
