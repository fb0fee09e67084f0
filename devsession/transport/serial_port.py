"""A board behind a serial port: pyserial opens and configures it, its descriptor is watched by the event loop."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import fcntl
import os
import stat
import sys
import termios
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from devsession.errors import (
    LinkError,
    PortBusyError,
    PortNotFoundError,
    PortPermissionError,
)
from devsession.transport.base import BARE_UART, CLOSE_TIMEOUT, CONTROLLED, Flow
from devsession.transport.descriptor import DescriptorTransport
from devsession.transport.holders import holder_of
from devsession.transport.modem_lines import SerialLines, set_lines
from devsession.transport.pins import Pins, pins_of
from devsession.transport.ports import Port, find_port, list_ports, port_identity

if TYPE_CHECKING:
    from serial import Serial

# Right for every MicroPython and CircuitPython UART; USB CDC ignores it. 1200 is a reset signal to many boards.
BAUDRATE = 115200
# Names of USB CDC devices, which hold the sender back; other serial devices are taken for bare UARTs.
_USB_CDC = ("ttyACM", "cu.usbmodem", "tty.usbmodem")
# Vendors of bridges that call themselves USB CDC with a bare UART behind them: WCH (CH9102, CH343) and DAPLink (micro:bit).
_CDC_BRIDGES = {0x1A86, 0x0D28}
_PTYS = ("/dev/pts/", "/dev/ttys")
_BUSY = {errno.EBUSY, errno.EWOULDBLOCK, errno.EAGAIN}
_MISSING = {errno.ENOENT, errno.ENOTDIR, errno.ENODEV, errno.ENXIO}
# What a device without modem lines answers, and a device that is no terminal at all.
_NO_LINES = {errno.ENOTTY, errno.EINVAL}
# Linux: the numbers of what PTYs are (UNIX98 slaves, and those of BSD).
_PTY_MAJORS = {3, *range(136, 144)}
# Seconds between two looks at what a driver has yet to send: 29 bytes at 115200 baud.
_POLL = 0.0025


class SerialTransport(DescriptorTransport):
    """A serial port at ``path``: ``baudrate`` in bits a second, ``pins`` for DTR and RTS at open.

    With ``exclusive`` nobody else gets in meanwhile: those who ask for the lock (flock) never, others (TIOCEXCL) not on real ports.
    """

    def __init__(
        self, path: str, *, baudrate: int = BAUDRATE, pins: Pins | None = None, exclusive: bool = True
    ) -> None:
        # Looking for it among the USB ports takes milliseconds: a PTY is none.
        held = os.path.realpath(path).startswith(_PTYS)
        port = None if held else find_port(path)
        identity = port.identity if port else port_identity(path)
        super().__init__(path, identity=identity, flow=CONTROLLED if held else _flow_of(path, port))
        self._path = path
        self._baudrate = baudrate
        self.pins = pins or pins_of(port.vid if port else None)
        self._exclusive = exclusive
        self._serial: Serial | None = None

    async def close(self, timeout: float = CLOSE_TIMEOUT) -> None:
        """Send what is queued, here and in the driver, for at most ``timeout`` seconds, then close."""
        try:
            with contextlib.suppress(TimeoutError, LinkError, OSError):
                async with asyncio.timeout(timeout):
                    await self.drain()
                    # A UART sends on after it took everything, and says nothing at the end: so it is asked.
                    while self._serial and self._serial.is_open and self._serial.out_waiting:  # noqa: ASYNC110
                        await asyncio.sleep(_POLL)
        finally:
            self.abort()

    async def _open_descriptor(self) -> int:
        # Opening can block (a driver that waits for a carrier): it happens in a thread of its own, and a caller who no longer waits
        # leaves nothing open.
        executor = ThreadPoolExecutor(1)
        opening = executor.submit(self._open_serial)
        try:
            self._serial = await asyncio.wrap_future(opening)
        except asyncio.CancelledError:
            opening.add_done_callback(self._close_late)
            raise
        finally:
            executor.shutdown(wait=False)
        fd: int = self._serial.fileno()
        return fd

    def _open_serial(self) -> Serial:
        import serial

        port = serial.Serial()
        port.port = self._path
        port.baudrate = self._baudrate
        port.exclusive = self._exclusive
        # To pyserial this means no more than: leave DTR alone. Of RTS it has no such option.
        port.dsrdtr = self.pins.dtr is None
        try:
            self._check()
            port.open()
            self._settle(port)
        except (OSError, termios.error) as error:
            self._shut(port)
            raise self._refusal(error) from error
        return port

    def _check(self) -> None:
        if not stat.S_ISCHR(Path(self._path).stat().st_mode):
            raise OSError(errno.ENOTTY, os.strerror(errno.ENOTTY))

    def _settle(self, port: Serial) -> None:
        fd = port.fileno()
        if _is_pty(fd):
            return
        if self._exclusive:
            # Keeps out those who do not ask for the lock. Never on a PTY: there the flag outlives us and locks out all but root.
            fcntl.ioctl(fd, termios.TIOCEXCL)
        if self.pins.dtr is None or self.pins.rts is None:
            settings = termios.tcgetattr(fd)
            settings[2] &= ~termios.HUPCL
            termios.tcsetattr(fd, termios.TCSANOW, settings)
        with contextlib.suppress(ValueError, NotImplementedError):
            # Where the driver has it (FTDI): answers at once instead of after 16 ms. pyserial turns a refusal into a ValueError.
            port.set_low_latency_mode(True)
        try:
            set_lines(fd, self.pins.dtr, self.pins.rts)
        except OSError as error:
            if error.errno not in _NO_LINES:
                raise
        else:
            self.lines = SerialLines(port, self.url)

    def _release(self, fd: int) -> None:  # noqa: ARG002
        assert self._serial is not None
        self._shut(self._serial)

    def _shut(self, port: Serial) -> None:
        if not port.is_open:
            return
        fd = port.fileno()
        if not _is_pty(fd):
            with contextlib.suppress(OSError, termios.error):
                # What a UART could not send would hold up its close, and with it the loop, for as long as 30 s. (A PTY never does,
                # and there the same call would take what the other side has yet to read.)
                termios.tcflush(fd, termios.TCOFLUSH)
                if self._exclusive:
                    fcntl.ioctl(fd, termios.TIOCNXCL)
        # pyserial keeps pipes of its own beside the descriptor.
        port.close()

    def _close_late(self, opening: Future[Serial]) -> None:
        if not opening.cancelled() and opening.exception() is None:
            self._shut(opening.result())

    def _refusal(self, error: Exception) -> LinkError:
        number, said = _number_of(error), str(error)
        if number in _BUSY:
            holder = holder_of(self._path)
            by = f" by {holder}" if holder else ""
            return PortBusyError(f"the port is in use{by}", holder=holder, board=self.url)
        if number in {errno.EACCES, errno.EPERM}:
            return _permission(self._path)
        if number in _MISSING:
            known = ", ".join(port.path for port in list_ports())
            return PortNotFoundError(
                f"there is no port {self._path}",
                board=self.url,
                phase="open",
                hint=f"attached: {known or 'none'}",
            )
        if number in _NO_LINES:
            return LinkError(f"{self._path} is not a serial port", board=self.url, phase="open")
        return LinkError(f"the port cannot be opened: {said}", board=self.url, phase="open")


def _number_of(error: Exception) -> int | None:
    """Return the errno of what pyserial or termios raised: the first arguments of a termios.error are those of an OSError."""
    inner = error.__context__ if isinstance(error, OSError) and error.errno is None else error
    if isinstance(inner, termios.error):
        return int(inner.args[0])
    return inner.errno if isinstance(inner, OSError) else None


def _is_pty(fd: int) -> bool:
    # By number where there is one to know it by: a container's /dev/console is a PTY, too.
    if sys.platform == "linux":
        return os.major(os.fstat(fd).st_rdev) in _PTY_MAJORS
    return os.ttyname(fd).startswith("/dev/ttys")


def _flow_of(path: str, port: Port | None) -> Flow:
    cdc = Path(path).resolve().name.startswith(_USB_CDC)
    return CONTROLLED if cdc and (port is None or port.vid not in _CDC_BRIDGES) else BARE_UART


def _permission(path: str) -> PortPermissionError:
    try:
        group = Path(path).group()
    except (OSError, KeyError):
        group = None
    hint = (
        f"sudo usermod -aG {group} $USER, then log in again"
        if group and group != "root"
        else "ask an administrator"
    )
    of = f"; its group is {group}" if group else ""
    return PortPermissionError(f"no permission to open {path}{of}", group=group, board=path, hint=hint)
