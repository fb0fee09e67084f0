"""The control lines of a serial port on POSIX."""

from __future__ import annotations

import contextlib
import fcntl
import struct
import termios
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from devsession.errors import LinkClosedError, LinkError

if TYPE_CHECKING:
    from serial import Serial


class SerialLines:
    """The modem lines of an open port; after the port was closed they raise LinkClosedError."""

    def __init__(self, port: Serial, url: str) -> None:
        self._port = port
        self._url = url

    def set(self, *, dtr: bool | None = None, rts: bool | None = None) -> None:
        """Set both lines in one step: one after the other is a reset pulse on some boards."""
        with self._worded("the modem lines cannot be set"):
            set_lines(self._port.fileno(), dtr, rts)

    def send_break(self, duration: float = 0.25) -> None:
        """Hold the line in the break condition for ``duration`` seconds; blocks that long."""
        # Not tcsendbreak: its argument is milliseconds, tenths of a second or nothing at all, by system.
        with self._worded("a break cannot be sent"):
            self._port.break_condition = True
            try:
                time.sleep(duration)
            finally:
                self._port.break_condition = False

    @contextlib.contextmanager
    def _worded(self, failure: str) -> Iterator[None]:
        if not self._port.is_open:
            # By now the number of its descriptor may be somebody else's.
            raise LinkClosedError("the link is closed", board=self._url)
        try:
            yield
        except OSError as error:
            raise LinkError(f"{failure}: {error.strerror or error}", board=self._url) from error


def set_lines(fd: int, dtr: bool | None, rts: bool | None) -> None:
    """Set the lines of ``fd`` that are not ``None`` in one step; raises OSError."""
    (bits,) = struct.unpack("I", fcntl.ioctl(fd, termios.TIOCMGET, struct.pack("I", 0)))
    for wanted, bit in ((dtr, termios.TIOCM_DTR), (rts, termios.TIOCM_RTS)):
        if wanted is not None:
            bits = bits | bit if wanted else bits & ~bit
    fcntl.ioctl(fd, termios.TIOCMSET, struct.pack("I", bits))
