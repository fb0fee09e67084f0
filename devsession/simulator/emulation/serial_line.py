"""The serial line to an emulated UART, no faster than its baud rate: QEMU hands bytes over as they come, and firmware loses them then."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import socket
import struct
import termios
from collections.abc import Callable

READ_SIZE = 64 * 1024
# Bits on the line for a byte: a start bit, eight of data, a stop bit.
FRAME = 10
# Seconds on the line of what is handed over at once: 16 bytes at 115,200 baud. The micro:bit's firmware keeps 63 until they are taken.
STEP = 0.0014
PROMPT = b">>> "


class SerialLine:
    """Moves bytes between ``board``, our side of an emulator's terminal, and ``far``, the descriptor for whoever talks to the board.

    ``terminal`` is the emulator's side: nothing is added to what it has not taken yet, so that a machine that stalls gets no burst later.
    ``baud`` bounds what goes to the board; what comes from it waits for whoever reads ``far``. ``prompted`` is called whenever the friendly
    prompt was printed. Works on the running loop from creation to ``close``. ``board`` is closed there, ``far`` by its user.
    """

    def __init__(self, board: int, terminal: int, baud: int, prompted: Callable[[], None]) -> None:
        self._board = board
        self._terminal = terminal
        self._per_byte = FRAME / baud
        self._chunk = round(STEP / self._per_byte)
        self._prompted = prompted
        self._last = b""
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._to_board = b""
        self._to_far = memoryview(b"")
        self._near, far = socket.socketpair()
        self.far = far.detach()
        self._near.setblocking(False)
        self._loop.add_reader(self._board, self._from_board)
        self._loop.add_reader(self._near, self._from_far)

    def flush(self) -> None:
        """Drop what was sent to the board and is still on its way."""
        self._to_board = b""
        with contextlib.suppress(OSError):
            while self._near.recv(READ_SIZE):
                pass

    def hang_up(self) -> None:
        """Give the board nothing more, as there is none; what it printed still comes, and then the end."""
        self._terminal = -1
        self._loop.remove_reader(self._near)
        self._call_off()

    def close(self) -> None:
        """Move nothing more; twice does nothing."""
        if self._near.fileno() < 0:
            return
        self._call_off()
        for descriptor in (self._board, self._near):
            self._loop.remove_reader(descriptor)
            self._loop.remove_writer(descriptor)
        os.close(self._board)
        self._near.close()

    def _call_off(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _from_far(self) -> None:
        try:
            self._to_board = self._near.recv(self._chunk)
        except BlockingIOError:
            return
        except ConnectionError:
            self._to_board = b""
        self._loop.remove_reader(self._near)
        # Nothing is how the end of the other side is told.
        if self._to_board:
            self._hand_over()

    def _hand_over(self) -> None:
        if self._untaken():
            self._timer = self._loop.call_later(STEP, self._hand_over)
            return
        data, self._to_board = self._to_board, b""
        os.write(self._board, data)
        self._timer = self._loop.call_later(len(data) * self._per_byte, self._handed_over)

    def _handed_over(self) -> None:
        self._timer = None
        self._loop.add_reader(self._near, self._from_far)

    def _untaken(self) -> int:
        waiting: tuple[int] = struct.unpack("i", fcntl.ioctl(self._terminal, termios.FIONREAD, bytes(4)))
        return waiting[0]

    def _from_board(self) -> None:
        try:
            data = os.read(self._board, READ_SIZE)
        except BlockingIOError:
            return
        except OSError:  # its end; the other side reads that far, too
            self._loop.remove_reader(self._board)
            self._near.shutdown(socket.SHUT_WR)
            return
        # A prompt may come in two reads.
        if PROMPT in self._last + data:
            self._prompted()
        self._last = data[1 - len(PROMPT) :]
        self._to_far = memoryview(data)
        self._far_takes()
        if self._to_far:
            self._loop.remove_reader(self._board)
            self._loop.add_writer(self._near, self._far_takes_more)

    def _far_takes_more(self) -> None:
        self._far_takes()
        if not self._to_far:
            self._loop.remove_writer(self._near)
            self._loop.add_reader(self._board, self._from_board)

    def _far_takes(self) -> None:
        try:
            self._to_far = self._to_far[self._near.send(self._to_far) :]
        except BlockingIOError:
            return
        except OSError:  # the other side is gone, and what was meant for it with it
            self._to_far = memoryview(b"")
