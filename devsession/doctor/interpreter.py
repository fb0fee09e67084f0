"""Checks of a board that answers: its firmware, its heap, its clock, and how fast the link to it is."""

from __future__ import annotations

import datetime as dt
import statistics
import time
from collections.abc import Awaitable, Callable

from devsession.board.board import Board
from devsession.board.clock import read_clock
from devsession.doctor.finding import Finding, Level
from devsession.doctor.firmware import judge
from devsession.errors import DeadlineError, DeviceError, ProtocolError
from devsession.protocol import paste
from devsession.transport.base import BARE_UART, Transport
from devsession.transport.recording import Direction, RecordedTransport

# How often the round trip is measured: its median is not moved by a few hiccups, and takes a second at 50 ms each.
ROUND_TRIPS = 21
# Beyond this, in seconds, something is in the way: USB answers in 1 to 2 ms, a UART at 115200 baud in 20.
SLOW_ROUND_TRIP = 0.06
# Bytes sent and printed to measure the rates: what fits the smallest board, and what takes less than a second on a UART.
UPLOAD = 1024
# The fastest of so many counts: what this computer does meanwhile is no fault of the link.
UPLOADS = 3
DOWNLOAD_LINES, DOWNLOAD_LINE = 64, 127
# Below this, in bytes a second, something is wrong: 115200 baud give 11,520.
SLOW_RATE = 4000
# A heap with less free than this, in bytes, runs only small programs.
LITTLE_HEAP = 8192
# A clock may differ so much, in seconds, before it is told.
CLOCK_TOLERANCE = 60
# Together with the helper, which the first exec brings, longer than the first windows of raw-paste: the board has to grant more.
_PASTED = ("None", "#" * 600 + "\n")
# How long a raw-paste may take: about a second on a UART.
_PASTE_TIMEOUT = 5.0

_FIRMWARE = (
    "(lambda s:(s.implementation[0],tuple(s.implementation[1])[:3],s.platform,getattr(s.implementation,'_machine','')))"
    "(__import__('sys'))"
)
_HEAP = "(lambda g:(g.collect(),g.mem_free(),g.mem_free()+g.mem_alloc()))(__import__('gc'))[1:]"


async def check_firmware(board: Board) -> Finding:
    """Tell which interpreter runs, and what its version is known for."""
    name, version, platform, machine = await board.eval(_FIRMWARE)
    return judge(name, tuple(version), platform, machine)


async def check_heap(board: Board) -> Finding:
    """Tell how much of the heap is free."""
    free, size = await board.eval(_HEAP)
    seen = f"{free:,} of {size:,} bytes are free"
    if free < LITTLE_HEAP:
        cure = "devsession reset drops what earlier programs left; import less in boot.py"
        return Finding("heap", Level.WARNING, seen, cure)
    return Finding("heap", Level.OK, seen)


async def check_clock(board: Board) -> Finding:
    """Compare the board's clock with this computer's, which is right in its own time zone or in UTC."""
    there = (await read_clock(board)).replace(tzinfo=dt.UTC)
    utc = dt.datetime.now(dt.UTC)
    local = utc.astimezone().replace(tzinfo=dt.UTC)
    off = min(abs(there - utc), abs(there - local)).total_seconds()
    if off <= CLOCK_TOLERANCE:
        return Finding("clock", Level.OK, f"it is right: {there:%Y-%m-%d %H:%M:%S}")
    cure = "devsession rtc --set, if your programs or the times of files need it"
    return Finding("clock", Level.NOTE, f"it shows {there:%Y-%m-%d %H:%M:%S}", cure)


async def check_round_trip(board: Board) -> Finding:
    """Measure how long the smallest exec takes."""
    trip = await _round_trip(board)
    seen = f"{trip * 1000:.1f} ms, the median of {ROUND_TRIPS} execs"
    if trip > SLOW_ROUND_TRIP:
        cure = "no USB hub in between; a slow FTDI driver: /sys/bus/usb-serial/devices/ttyUSB*/latency_timer to 1"
        return Finding("round trip", Level.WARNING, seen, cure)
    return Finding("round trip", Level.OK, seen)


async def check_upload(board: Board) -> Finding:
    """Measure how fast programs reach the board."""
    literal = '"' + "x" * UPLOAD + '"and None'
    return _rated("upload", UPLOAD, min([await _duration(board, literal) for _ in range(UPLOADS)]))


async def check_download(board: Board) -> Finding:
    """Measure how fast output comes back."""
    begun = time.perf_counter()
    execution = await board.exec(f"for _ in range({DOWNLOAD_LINES}): print('x' * {DOWNLOAD_LINE})")
    duration = time.perf_counter() - begun
    if len(execution.output) != DOWNLOAD_LINES * (DOWNLOAD_LINE + 1):
        lost = DOWNLOAD_LINES * (DOWNLOAD_LINE + 1) - len(execution.output)
        return Finding("download", Level.ERROR, f"{lost} bytes of output are missing", _LOSSY)
    return _rated("download", len(execution.output), duration)


async def check_raw_paste(transport: Transport) -> Finding:
    """Open ``transport``, a link of its own, to see whether the board takes programs piece by piece, as it says."""
    recorded = RecordedTransport(transport)
    # Over a link that holds nothing, everything longer than a burst is pasted.
    recorded.flow = BARE_UART
    async with Board(recorded) as board:
        try:
            await board.exec(_PASTED[0], timeout=_PASTE_TIMEOUT)
            first = _requests(recorded)
            await board.exec(_PASTED[1], timeout=_PASTE_TIMEOUT)
        except (ProtocolError, DeadlineError, DeviceError) as error:
            return Finding("raw-paste", Level.WARNING, f"it does not work: {error.message}", _BROKEN)
    # What did not work the first time is not asked for a second time.
    if _requests(recorded) > first:
        return Finding("raw-paste", Level.OK, "it works")
    if paste.ACCEPTED in recorded.bytes_of(Direction.DOWN):
        return Finding("raw-paste", Level.WARNING, "it is announced, but does not work", _BROKEN)
    return Finding("raw-paste", Level.NOTE, "the firmware has none: large programs do not fit", _ABSENT)


# In the order in which they are made: the first exec of all brings the helper.
CHECKS: tuple[tuple[str, Callable[[Board], Awaitable[Finding]]], ...] = (
    ("firmware", check_firmware),
    ("heap", check_heap),
    ("clock", check_clock),
    ("round trip", check_round_trip),
    ("upload", check_upload),
    ("download", check_download),
)
_LOSSY = "a shorter cable, another USB socket, no hub; nothing else on this computer that reads the port"
_BROKEN = "other firmware; until then programs go whole, and large ones do not fit"
_ABSENT = "MicroPython 1.14 or CircuitPython 7, or later"


async def made(name: str, check: Awaitable[Finding]) -> Finding:
    """Make one check: what the firmware cannot answer is a note. Raises what ends the link, and what leaves the board unusable."""
    try:
        return await check
    except DeviceError as error:
        return Finding(name, Level.NOTE, f"the firmware cannot tell: {error.message}")
    except (DeadlineError, ProtocolError) as error:
        return Finding(name, Level.ERROR, error.message, error.hint)


async def _round_trip(board: Board) -> float:
    return statistics.median([await _duration(board, "None") for _ in range(ROUND_TRIPS)])


async def _duration(board: Board, source: str) -> float:
    begun = time.perf_counter()
    await board.exec(source)
    return time.perf_counter() - begun


def _rated(name: str, size: int, duration: float) -> Finding:
    rate = size / duration
    seen = f"{rate / 1000:,.1f} kB/s"
    return Finding(name, Level.WARNING, seen, _LOSSY) if rate < SLOW_RATE else Finding(name, Level.OK, seen)


def _requests(recorded: RecordedTransport) -> int:
    return recorded.bytes_of(Direction.UP).count(paste.REQUEST)
