"""Files over a UART without flow control, of which the board's receive ring holds 64 bytes: what comes when it is full is lost."""

import asyncio
import fcntl
import os
import struct
import termios
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from devsession.board.board import Board
from devsession.links import link
from devsession.protocol.states import State
from devsession.session.manager import DeviceSessionManager
from devsession.transport.base import CLOSE_TIMEOUT, Flow, Receiver, Transport
from devsession.transport.wrapper import WrappedTransport

RING = 64
# Of Linux; Python has no name for it.
TIOCGPTN = 0x80045430
# 115200 baud with ten bits a byte: so many bytes in a step of the clock, in seconds.
STEP = 0.002
BYTES = 23
SOURCE = Path(__file__).parents[2] / "devsession" / "session" / "session.py"


def peer(terminal: int) -> str:
    """Return the path of the other end, which os.ptsname tells from Python 3.13 on."""
    (number,) = struct.unpack("I", fcntl.ioctl(terminal, TIOCGPTN, bytes(4)))
    return f"/dev/pts/{number}"


class BareUart(WrappedTransport):
    """Passes bytes on at the pace of the line, and drops those for which the ring has no room; ``lost`` counts them.

    Only while a program runs: what comes at the prompt is read at once, unless this machine lets the board's process wait.
    """

    def __init__(self, inner: Transport) -> None:
        super().__init__(inner)
        self.flow = Flow(controlled=False, burst=RING)
        self.lost = 0
        self.runs = lambda: True
        self._line = bytearray()
        self._ticking: asyncio.Task[None] | None = None
        self._idle = asyncio.Event()
        self._idle.set()

    async def open(self, receiver: Receiver) -> None:
        await super().open(receiver)
        self._board = os.open(peer(self._inner._fd), os.O_RDWR | os.O_NOCTTY)
        self._ticking = asyncio.create_task(self._tick())

    def write(self, data: bytes) -> None:
        self._line += data
        self._idle.clear()

    @property
    def unsent(self) -> int:
        return len(self._line)

    async def drain(self) -> None:
        await self._idle.wait()

    async def close(self, timeout: float = CLOSE_TIMEOUT) -> None:
        await asyncio.wait_for(self._idle.wait(), timeout)
        assert self._ticking is not None
        self._ticking.cancel()
        os.close(self._board)
        await super().close(timeout)

    async def _tick(self) -> None:
        while True:
            (waiting,) = struct.unpack("i", fcntl.ioctl(self._board, termios.FIONREAD, bytes(4)))
            room = max(0, RING - waiting)
            piece = bytes(self._line[: BYTES if self.runs() else min(BYTES, room)])
            del self._line[: len(piece)]
            if piece:
                self._inner.write(piece[:room])
                self.lost += len(piece[room:])
            if not self._line:
                self._idle.set()
            await asyncio.sleep(STEP)


@pytest.fixture
async def uart() -> AsyncIterator[BareUart]:
    yield BareUart(link("sim:"))


async def test_a_full_ring_loses_bytes(uart: BareUart):
    async with Board(uart) as board:
        busy = board.start("import time\nprint('busy')\ntime.sleep(1)")
        async for _ in busy:
            break
        uart.write(b"x" * 200)
        await uart.drain()
        assert uart.lost > 80
        await busy.stop()


@pytest.mark.parametrize("data", [os.urandom(6000), SOURCE.read_bytes()], ids=["random", "source"])
async def test_nothing_is_lost(uart: BareUart, data: bytes):
    board = Board(uart)
    uart.runs = lambda: board._prompt.wire.state is State.RUNNING
    async with DeviceSessionManager(board) as manager, manager.session() as session:
        # A file system that is slow, as flash is: meanwhile nothing is read.
        await session.exec(
            "import builtins, time\nclass Slow:\n def __init__(s, f): s.f = f\n def write(s, b):\n  time.sleep_ms(30)\n  return s.f.write(b)\n"
            " def __getattr__(s, n): return getattr(s.f, n)\n"
            "builtins.open = lambda p, m, o=open: Slow(o(p, m)) if 'w' in m else o(p, m)"
        )
        await session.files.write_bytes("/file", data)
        assert uart.lost == 0
        session.files.invalidate()
        assert await session.files.read_bytes("/file") == data
