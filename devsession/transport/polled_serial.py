"""A serial port where the event loop cannot watch one (Windows): pyserial-asyncio's transport, behind our seam."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

from devsession.errors import LinkClosedError, LinkError, LinkLostError
from devsession.transport.base import CLOSE_TIMEOUT, CONTROLLED, Receiver, Transport

_BAUDRATE = 115200


class PolledSerialTransport(Transport, asyncio.Protocol):
    """A serial port at ``path``, polled; ``baudrate`` in bits a second."""

    def __init__(self, path: str, *, baudrate: int = _BAUDRATE) -> None:
        self.url = path
        self.identity = f"port:{path}"
        self.flow = CONTROLLED
        self._baudrate = baudrate
        self._receiver: Receiver | None = None
        self._transport: Any = None
        self._drained = asyncio.Event()
        self._drained.set()
        self._end: LinkError | None = LinkClosedError("the link is not open", board=path)

    async def open(self, receiver: Receiver) -> None:
        """Open the port; from here on ``receiver`` is told of everything that arrives."""
        import serial
        import serial_asyncio

        loop = asyncio.get_running_loop()
        self._receiver = receiver
        try:
            port = await loop.run_in_executor(
                None, lambda: serial.Serial(self.url, self._baudrate, timeout=0)
            )
        except (serial.SerialException, OSError) as error:
            raise LinkError(f"the port cannot be opened: {error}", board=self.url, phase="open") from error
        self._transport, _ = await serial_asyncio.connection_for_serial(loop, lambda: self, port)
        # Every byte queued counts as pressure: so `drain` knows when there is none.
        self._transport.set_write_buffer_limits(high=0, low=0)
        self._end = None

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
            with contextlib.suppress(TimeoutError, LinkError):
                async with asyncio.timeout(timeout):
                    await self.drain()
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
