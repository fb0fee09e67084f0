"""A serial port where the event loop cannot watch one (Windows): pyserial-asyncio's transport, behind our seam."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

from devsession.errors import LinkClosedError, LinkError, LinkLostError, PortBusyError, PortNotFoundError
from devsession.transport.base import BARE_UART, CLOSE_TIMEOUT, Receiver, Transport
from devsession.transport.pins import Pins
from devsession.transport.port_lines import PortLines
from devsession.transport.ports import identity_at

if TYPE_CHECKING:
    from serial import Serial

_BAUDRATE = 115200


# Seconds between two looks at what the driver has yet to send.
_POLL = 0.0025


class PolledSerialTransport(Transport, asyncio.Protocol):
    """A serial port at ``path``, polled; ``baudrate`` in bits a second, ``pins`` for DTR and RTS."""

    def __init__(self, path: str, *, baudrate: int = _BAUDRATE, pins: Pins | None = None) -> None:
        self.pins = pins or Pins()
        self.url = path
        self.identity = identity_at(path)
        # A name such as COM3 tells nothing of what is behind it.
        self.flow = BARE_UART
        self._baudrate = baudrate
        self._receiver: Receiver | None = None
        self._transport: Any = None
        self._drained = asyncio.Event()
        self._drained.set()
        self._end: LinkError | None = LinkClosedError("the link is not open", board=path)

    async def open(self, receiver: Receiver) -> None:
        """Open the port; from here on ``receiver`` is told of everything that arrives."""
        import serial_asyncio

        loop = asyncio.get_running_loop()
        self._receiver = receiver
        opening = asyncio.ensure_future(loop.run_in_executor(None, self._open_port))
        try:
            port = await asyncio.shield(opening)
        except asyncio.CancelledError:
            opening.add_done_callback(_close_late)
            raise
        self._transport, _ = await serial_asyncio.connection_for_serial(loop, lambda: self, port)
        # Every byte queued counts as pressure: so `drain` knows when there is none.
        self._transport.set_write_buffer_limits(high=0, low=0)
        self.lines = PortLines(port, self.url)
        self._end = None

    def _open_port(self) -> Serial:
        import serial

        try:
            port = serial.Serial(None, self._baudrate, timeout=0, exclusive=True)
            port.port = self.url
            # What is set before the open is applied by it; None keeps pyserial's own, which asserts them.
            if self.pins.dtr is not None:
                port.dtr = self.pins.dtr
            if self.pins.rts is not None:
                port.rts = self.pins.rts
            port.open()
        except OSError as error:
            raise _refusal(self.url, str(error)) from error
        return port

    def write(self, data: bytes) -> None:
        """Send ``data`` after all that was written before."""
        if self._end is not None:
            raise self._end
        self._transport.write(data)

    @property
    def unsent(self) -> int:
        """Bytes that pyserial-asyncio still holds."""
        return 0 if self._transport is None else int(self._transport.get_write_buffer_size())

    async def drain(self) -> None:
        """Wait until everything was handed over; raises LinkLostError."""
        await self._drained.wait()
        if isinstance(self._end, LinkLostError):
            raise self._end

    async def close(self, timeout: float = CLOSE_TIMEOUT) -> None:
        """Send what is queued for at most ``timeout`` seconds, then close."""
        try:
            with contextlib.suppress(TimeoutError, LinkError, OSError):
                async with asyncio.timeout(timeout):
                    await self.drain()
                    while self._end is None and self._transport.serial.out_waiting:  # noqa: ASYNC110
                        await asyncio.sleep(_POLL)
        finally:
            self.abort()
        # The transport lets go of the port in the next turn of the loop.
        await asyncio.sleep(0)

    def abort(self) -> None:
        """Close at once; what is queued is dropped."""
        if self._end is None:
            self._end = LinkClosedError("the link is closed", board=self.url)
            # The stock transport waits for its last bytes to leave, on the loop: so there must be none.
            with contextlib.suppress(OSError):
                if self._transport.serial.out_waiting:
                    self._transport.serial.reset_output_buffer()
            self._transport.abort()

    # asyncio.Protocol

    def data_received(self, data: bytes) -> None:
        """Pass on what arrived."""
        assert self._receiver is not None
        self._receiver.data_received(data)

    def pause_writing(self) -> None:
        """Know that bytes are queued."""
        self._drained.clear()

    def resume_writing(self) -> None:
        """Know that none are."""
        self._drained.set()

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the end of the link, once."""
        ours = isinstance(self._end, LinkClosedError)
        if not ours:
            self._end = LinkLostError(f"the link was lost: {exc or 'end of file'}", board=self.url)
        self._drained.set()
        assert self._receiver is not None
        self._receiver.connection_lost(None if ours else self._end)


def _close_late(opening: asyncio.Future[Serial]) -> None:
    if not opening.cancelled() and opening.exception() is None:
        opening.result().close()


def _refusal(path: str, said: str) -> LinkError:
    # On Windows pyserial keeps no more of the cause than its text.
    if "FileNotFoundError" in said or "[Errno 2]" in said:
        return PortNotFoundError(f"there is no port {path}", board=path, phase="open")
    if "PermissionError(13" in said:
        # There a port that another program holds is one that nobody else may open.
        return PortBusyError("the port is in use", board=path)
    return LinkError(f"the port cannot be opened: {said}", board=path, phase="open")
