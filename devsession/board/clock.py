"""The real-time clock of a board, as calendar fields: ports count seconds from different years, and subseconds in different units."""

from __future__ import annotations

import datetime as dt

from devsession.board.board import Board
from devsession.errors import DeviceError

# MicroPython: year, month, day, weekday, hours, minutes, seconds, subseconds. CircuitPython: a struct_time.
_MICROPYTHON = "__import__('machine').RTC().datetime({})"
_READ_CIRCUITPYTHON = "tuple(__import__('rtc').RTC().datetime)"
_SET_CIRCUITPYTHON = "setattr(__import__('rtc').RTC(),'datetime',__import__('time').struct_time({}))"


async def read_clock(board: Board) -> dt.datetime:
    """Return what the board's clock shows, to the second and without a time zone; raises DeviceError where it has none."""
    try:
        year, month, day, _, hour, minute, second, *_ = await board.eval(_MICROPYTHON.format(""))
    except DeviceError as error:
        if not await _is_circuitpython(board):
            raise error from None
        year, month, day, hour, minute, second, *_ = await board.eval(_READ_CIRCUITPYTHON)
    return dt.datetime(year, month, day, hour, minute, second)  # noqa: DTZ001 - boards know no time zone


async def set_clock(board: Board, when: dt.datetime) -> None:
    """Set the board's clock to the calendar fields of ``when``, whatever its time zone; raises DeviceError where it has none."""
    fields = (
        when.year,
        when.month,
        when.day,
        when.weekday(),
        when.hour,
        when.minute,
        when.second,
        0,
    )
    try:
        await board.eval(_MICROPYTHON.format(fields))
    except DeviceError as error:
        if not await _is_circuitpython(board):
            raise error from None
        await board.eval(_SET_CIRCUITPYTHON.format((*when.timetuple()[:8], -1)))


async def _is_circuitpython(board: Board) -> bool:
    name = await board.eval("__import__('sys').implementation[0]")
    return bool(name == "circuitpython")
