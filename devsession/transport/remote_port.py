"""A board behind a network port or another of pyserial's URLs: ``socket://``, ``rfc2217://``, ``loop://``."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from devsession.errors import LinkClosedError, LinkError, LinkLostError
from devsession.transport.base import BARE_UART, CLOSE_TIMEOUT, CONTROLLED, Receiver, Transport
from devsession.transport.pins import Pins
from devsession.transport.port_lines import PortLines
from devsession.transport.remote_address import RemoteAddress
from devsession.transport.remote_threads import ENDINGS, RemoteThreads
from devsession.transport.waiters import Waiters

if TYPE_CHECKING:
    from serial import SerialBase

# The part of a close's time that what is queued may take; the rest is for the threads (pyserial pauses for 0.3 s after a close).
_FLUSHING = 0.5


class RemoteTransport(Transport):
    """The board at ``url``; ``open`` takes the name server's, the host's and the negotiation's time, up to the caller's deadline.

    Raises UsageError for a URL that cannot be. ``open`` raises HostNotFoundError, HostUnreachableError, PortRefusedError and
    NegotiationError. TCP holds the sender back, but what is behind the server may be a bare UART, and then nobody tells: so ``flow`` is
    that of one. ``pins`` is how RFC 2217's lines reset the board; at open they are what the server makes of them.
    """

    def __init__(self, url: str, *, pins: Pins | None = None) -> None:
        self.pins = pins or Pins()
        self._address = RemoteAddress.parse(url)
        self.url = url
        self.identity = self._address.identity
        self.flow = CONTROLLED if self._address.scheme == "loop" else BARE_UART
        self._loop: asyncio.AbstractEventLoop | None = None
        self._receiver: Receiver | None = None
        self._threads: RemoteThreads | None = None
        self._opening: asyncio.Future[None] | None = None
        self._ended = asyncio.Event()
        self._unsent = 0
        self._drains = Waiters()
        self._end: LinkError | None = None
        self._is_open = False

    async def open(self, receiver: Receiver) -> None:
        """Open the link; from here on ``receiver`` is told of everything that arrives. When cancelled the connection is cut."""
        if self._loop is not None:
            raise LinkClosedError("a transport can be opened only once", board=self.url, phase="open")
        self._loop = asyncio.get_running_loop()
        if self._end is not None:
            raise self._end
        self._receiver = receiver
        self._opening = self._loop.create_future()
        self._threads = RemoteThreads(self._address, self, self._post)
        self._threads.start()
        try:
            await self._opening
        except BaseException:
            # Cancelled, or it could not be opened.
            self.abort()
            raise

    def write(self, data: bytes) -> None:
        """Send ``data`` after all that was written before."""
        if self._end is not None:
            raise self._end
        if self._threads is None or not self._is_open:
            raise LinkClosedError("the link is not open", board=self.url, phase="write")
        self._unsent += len(data)
        self._threads.send(bytes(data))

    @property
    def unsent(self) -> int:
        """Bytes written that were not yet handed to pyserial and by it to the operating system."""
        return self._unsent

    async def drain(self) -> None:
        """Wait until everything was handed over; raises LinkLostError."""
        while self._unsent:
            if self._end is not None:
                raise self._end
            await self._drains.wait()

    async def close(self, timeout: float = CLOSE_TIMEOUT) -> None:
        """Send what is queued for at most half of ``timeout`` seconds, then close and wait for the threads to end."""
        deadline = asyncio.get_running_loop().time() + timeout
        try:
            if self._is_open and self._end is None:
                with contextlib.suppress(TimeoutError, LinkError):
                    async with asyncio.timeout(timeout * _FLUSHING):
                        await self.drain()
        finally:
            self.abort()
        if self._threads is not None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(deadline):
                    await self._ended.wait()

    def abort(self) -> None:
        """Close at once; what is queued is dropped. The threads end by themselves."""
        self._finish(LinkClosedError("the link is closed", board=self.url), None)

    def _finish(self, end: LinkError, told: LinkError | None) -> None:
        if self._end is not None:
            return
        self._end = end
        if self._threads is None:
            return
        self._threads.stop()
        self._drains.wake()
        if self._opening is not None and not self._opening.done():
            self._opening.set_exception(end)
        if self._is_open:
            assert self._loop is not None
            assert self._receiver is not None
            self._loop.call_soon(self._receiver.connection_lost, told)

    def _post(self, call: Callable[..., None], *arguments: Any) -> None:
        # Called by the threads; once the loop is closed nobody is there to be told.
        assert self._loop is not None
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(call, *arguments)

    # What the threads tell, on the loop

    def opened(self, port: SerialBase) -> None:
        """Let ``open`` return."""
        if self._end is None and self._opening is not None:
            self._is_open = True
            if self._address.scheme == "rfc2217":
                # Each change waits for its acknowledgement, for 3 s unless the URL says else.
                self.lines = PortLines(port, self.url, lambda: self._end is None, ENDINGS)
            self._opening.set_result(None)

    def refused(self, error: LinkError) -> None:
        """Let ``open`` raise."""
        if self._opening is not None and not self._opening.done():
            self._opening.set_exception(error)

    def received(self, data: bytes) -> None:
        """Pass on what arrived; after the end nobody wants it."""
        assert self._threads is not None
        self._threads.delivered()
        if self._end is None:
            assert self._receiver is not None
            self._receiver.data_received(data)

    def sent(self, size: int) -> None:
        """Count what was handed over."""
        self._unsent -= size
        if not self._unsent:
            self._drains.wake()

    def lost(self, reason: str) -> None:
        """Tell the loss, once."""
        lost = LinkLostError(
            f"the link was lost: {reason}",
            board=self.url,
            hint="is the server still running, and the board attached to it? one that allows one client at a time hangs up on a second",
        )
        self._finish(lost, lost)

    def ended(self) -> None:
        """Know that nothing is left open."""
        self._ended.set()
