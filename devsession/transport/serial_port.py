"""A board behind a serial port: pyserial opens and configures it, its descriptor is watched by the event loop."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import fcntl
import os
import stat
import struct
import termios
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from devsession.errors import LinkError, PortBusyError, PortNotFoundError, PortPermissionError
from devsession.transport.base import BARE_UART, CONTROLLED, Flow
from devsession.transport.descriptor import DescriptorTransport
from devsession.transport.holders import holder_of
from devsession.transport.ports import find_port, list_ports, port_identity

if TYPE_CHECKING:
    from serial import Serial

# Right for every MicroPython and CircuitPython UART; USB CDC ignores it. 1200 is a reset signal to many boards.
BAUDRATE = 115200
# Names of USB CDC devices, which hold the sender back; other serial devices are taken for bare UARTs.
_USB_CDC = ("ttyACM", "cu.usbmodem", "tty.usbmodem")
_BUSY = {errno.EBUSY, errno.EWOULDBLOCK, errno.EAGAIN}


@dataclass(frozen=True, slots=True)
class Pins:
    """What becomes of DTR and RTS at open: ``True`` asserted, ``False`` not, ``None`` left as it is.

    The default is what boards on USB CDC need: without DTR they print nothing.
    """

    dtr: bool | None = True
    rts: bool | None = True


class SerialLines:
    """The modem lines of an open port."""

    def __init__(self, fd: int, url: str) -> None:
        self._fd = fd
        self._url = url

    def set(self, *, dtr: bool | None = None, rts: bool | None = None) -> None:
        """Set both lines in one step: one after the other is a reset pulse on some boards."""
        try:
            (bits,) = struct.unpack("I", fcntl.ioctl(self._fd, termios.TIOCMGET, struct.pack("I", 0)))
            for wanted, bit in ((dtr, termios.TIOCM_DTR), (rts, termios.TIOCM_RTS)):
                if wanted is not None:
                    bits = bits | bit if wanted else bits & ~bit
            fcntl.ioctl(self._fd, termios.TIOCMSET, struct.pack("I", bits))
        except OSError as error:
            raise LinkError(f"the modem lines cannot be set: {error.strerror}", board=self._url) from error

    def send_break(self, duration: float = 0.25) -> None:
        """Hold the line in the break condition for ``duration`` seconds; blocks that long."""
        # A positive argument is in tenths of a second on Linux, 0 a quarter of a second everywhere.
        termios.tcsendbreak(self._fd, 0 if duration == 0.25 else max(1, round(duration * 10)))


class SerialTransport(DescriptorTransport):
    """A serial port at ``path``: ``baudrate`` in bits a second, ``pins`` for DTR and RTS at open.

    With ``exclusive`` nobody else gets in meanwhile: those who ask for the lock (flock) never, others (TIOCEXCL) not on real ports.
    """

    def __init__(
        self, path: str, *, baudrate: int = BAUDRATE, pins: Pins | None = None, exclusive: bool = True
    ) -> None:
        super().__init__(path, identity=port_identity(path), flow=_flow_of(path))
        port = None if _is_pty(path) else find_port(path)
        if port is not None:
            self.identity = port.identity
        self._path = path
        self._baudrate = baudrate
        self._pins = pins or Pins()
        self._exclusive = exclusive
        self._serial: Serial | None = None

    async def _open_descriptor(self) -> int:
        # Opening can block (a driver that waits for a carrier): it happens in a thread of its own, and a caller who no longer waits
        # leaves nothing open.
        executor = ThreadPoolExecutor(1)
        opening = executor.submit(self._open_serial)
        try:
            self._serial = await asyncio.shield(asyncio.wrap_future(opening))
        except asyncio.CancelledError:
            opening.add_done_callback(_close_late)
            raise
        finally:
            executor.shutdown(wait=False)
        fd: int = self._serial.fileno()
        self._settle(fd)
        return fd

    def _open_serial(self) -> Serial:
        import serial

        self._check()
        port = serial.Serial()
        port.port = self._path
        port.baudrate = self._baudrate
        try:
            port.exclusive = self._exclusive
            port.open()
        except serial.SerialException as error:
            raise self._refusal(error.errno, str(error)) from error
        except OSError as error:
            raise self._refusal(error.errno, error.strerror or str(error)) from error
        return port

    def _check(self) -> None:
        try:
            mode = Path(self._path).stat().st_mode
        except OSError as error:
            raise self._refusal(error.errno, error.strerror or "") from error
        if not stat.S_ISCHR(mode):
            raise LinkError(f"{self._path} is not a serial port", board=self.url, phase="open")

    def _refusal(self, number: int | None, said: str) -> LinkError:
        if number in _BUSY:
            holder = holder_of(self._path)
            by = f" by {holder}" if holder else ""
            return PortBusyError(f"the port is in use{by}", holder=holder, board=self.url)
        if number in {errno.EACCES, errno.EPERM}:
            return _permission(self._path)
        if number in {errno.ENOENT, errno.ENODEV, errno.ENXIO}:
            known = ", ".join(port.path for port in list_ports())
            return PortNotFoundError(
                f"there is no port {self._path}",
                board=self.url,
                phase="open",
                hint=f"attached: {known or 'none'}",
            )
        return LinkError(f"the port cannot be opened: {said}", board=self.url, phase="open")

    def _settle(self, fd: int) -> None:
        if _is_pty(self._path):
            return
        if self._exclusive:
            # Keeps out those who do not ask for the lock. Never on a PTY: there the flag outlives us and locks out all but root.
            fcntl.ioctl(fd, termios.TIOCEXCL)
        if self._pins.dtr is None or self._pins.rts is None:
            settings = termios.tcgetattr(fd)
            settings[2] &= ~termios.HUPCL
            termios.tcsetattr(fd, termios.TCSANOW, settings)
        with contextlib.suppress(OSError, ValueError, NotImplementedError):
            # Where the driver has it (FTDI): answers at once instead of after 16 ms.
            assert self._serial is not None
            self._serial.set_low_latency_mode(True)
        lines = SerialLines(fd, self.url)
        with contextlib.suppress(LinkError):
            # A device without modem lines says so here.
            lines.set(dtr=self._pins.dtr, rts=self._pins.rts)
            self.lines = lines

    def _release(self, fd: int) -> None:
        if self._exclusive and not _is_pty(self._path):
            with contextlib.suppress(OSError):
                fcntl.ioctl(fd, termios.TIOCNXCL)
        assert self._serial is not None
        # pyserial keeps pipes of its own beside the descriptor.
        self._serial.close()


def _close_late(opening: Future[Serial]) -> None:
    if opening.exception() is None:
        opening.result().close()


def _is_pty(path: str) -> bool:
    return os.path.realpath(path).startswith(("/dev/pts/", "/dev/ttys"))


def _flow_of(path: str) -> Flow:
    name = Path(path).resolve().name
    return CONTROLLED if _is_pty(path) or name.startswith(_USB_CDC) else BARE_UART


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
