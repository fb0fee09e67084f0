"""A link over a file descriptor: serial ports and PTYs on POSIX, watched by the event loop.

Data goes from one `os.read` to the receiver without a stream in between, and a write is tried at once: both halve the round trip
compared with the stock asyncio transports (tests/benchmarks/bench_transport.py).
"""

from __future__ import annotations

import abc
import asyncio
import contextlib
import os
from collections import deque

from devsession.errors import LinkClosedError, LinkError, LinkLostError
from devsession.transport.base import CLOSE_TIMEOUT, CONTROLLED, Flow, Receiver, Transport
from devsession.transport.waiters import Waiters

# One read: larger buffers make the allocator grow and trim the heap at every read, which doubles the round trip.
READ_SIZE = 64 * 1024


class DescriptorTransport(Transport):
    """A link over a non-blocking descriptor; subclasses open it.

    ``url`` is how the user names the link, ``identity`` (default: the url) what locks are keyed by, ``flow`` what it can hold.
    """

    def __init__(self, url: str, *, identity: str | None = None, flow: Flow = CONTROLLED) -> None:
        self.url = url
        self.identity = identity or url
        self.flow = flow
        self._fd = -1
        self._receiver: Receiver | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._queue: deque[memoryview] = deque()
        self._unsent = 0
        self._drains = Waiters()
        self._end: LinkError | None = None

    @abc.abstractmethod
    async def _open_descriptor(self) -> int:
        """Open and return the descriptor; raises a LinkError. When cancelled nothing stays open."""

    def _release(self, fd: int) -> None:
        """Close the descriptor; called exactly once."""
        os.close(fd)

    def _lost(self, error: OSError | None) -> LinkLostError:
        """Word the loss of the link: ``error`` is what the system said, ``None`` for an end of file."""
        reason = error.strerror if error else "end of file"
        return LinkLostError(
            f"the link was lost: {reason}", board=self.url, hint="was the board unplugged or reset?"
        )

    async def open(self, receiver: Receiver) -> None:
        """Open the link; from here on ``receiver`` is told of everything that arrives."""
        if self._loop is not None:
            raise LinkClosedError("a transport can be opened only once", board=self.url, phase="open")
        self._loop = asyncio.get_running_loop()
        self._receiver = receiver
        if self._end is None:
            self._watch(await self._open_descriptor())
        if self._end is not None:
            raise self._end

    def write(self, data: bytes) -> None:
        """Send ``data`` after all that was written before; what the link does not take now is queued."""
        if self._end is not None:
            raise self._end
        if self._fd < 0:
            raise LinkClosedError("the link is not open", board=self.url, phase="write")
        rest = memoryview(data)
        if not self._queue:
            rest = rest[self._send(rest) :]
            if not rest:
                return
        # Also when this write met the loss: `unsent` tells whether the board can have got all of it.
        self._unsent += len(rest)
        if self._fd >= 0:
            self._enqueue(rest)

    @property
    def unsent(self) -> int:
        """Bytes written that were not yet handed to the operating system."""
        return self._unsent

    async def drain(self) -> None:
        """Wait until everything was handed over; raises LinkLostError."""
        while self._unsent:
            if self._end is not None:
                raise self._end
            await self._drains.wait()

    async def close(self, timeout: float = CLOSE_TIMEOUT) -> None:
        """Send what is queued for at most ``timeout`` seconds, then close."""
        try:
            await self._flush(timeout)
        finally:
            self.abort()

    def abort(self) -> None:
        """Close at once; what is queued is dropped."""
        self._finish(LinkClosedError("the link is closed", board=self.url), None)

    async def _flush(self, timeout: float) -> None:
        """Give what is queued ``timeout`` seconds to go, and no error when it does not."""
        if self._fd >= 0 and self._unsent:
            with contextlib.suppress(TimeoutError, LinkError):
                async with asyncio.timeout(timeout):
                    await self.drain()

    def _watch(self, fd: int) -> None:
        assert self._loop is not None
        if self._end is not None:
            # Aborted while it was being opened.
            self._release(fd)
            return
        try:
            os.set_blocking(fd, False)
            self._loop.add_reader(fd, self._readable)
        except OSError:
            self._release(fd)
            raise
        self._fd = fd

    def _enqueue(self, rest: memoryview) -> None:
        if not self._queue:
            assert self._loop is not None
            self._loop.add_writer(self._fd, self._writable)
        self._queue.append(rest)

    def _readable(self) -> None:
        try:
            data = os.read(self._fd, READ_SIZE)
        except (BlockingIOError, InterruptedError):
            return
        except OSError as error:
            self._lose(error)
            return
        if not data:
            self._lose(None)
            return
        assert self._receiver is not None
        self._receiver.data_received(data)

    def _writable(self) -> None:
        while self._queue:
            view = self._queue[0]
            sent = self._send(view)
            if self._fd < 0:
                return
            self._unsent -= sent
            if sent < len(view):
                self._queue[0] = view[sent:]
                return
            self._queue.popleft()
        assert self._loop is not None
        self._loop.remove_writer(self._fd)
        self._drains.wake()

    def _send(self, view: memoryview) -> int:
        try:
            return os.write(self._fd, view)
        except (BlockingIOError, InterruptedError):
            return 0
        except OSError as error:
            self._lose(error)
            return 0

    def _lose(self, error: OSError | None) -> None:
        lost = self._lost(error)
        lost.__cause__ = error
        self._finish(lost, lost)

    def _finish(self, end: LinkError, told: LinkError | None) -> None:
        if self._end is not None:
            return
        self._end = end
        if self._fd < 0:
            # Not open yet: whoever opens it, or is about to, is told.
            return
        assert self._loop is not None
        assert self._receiver is not None
        fd, self._fd = self._fd, -1
        self._loop.remove_reader(fd)
        self._loop.remove_writer(fd)
        self._queue.clear()
        try:
            self._release(fd)
        finally:
            # Whatever becomes of the descriptor, nobody waits for ever.
            self._drains.wake()
            self._loop.call_soon(self._receiver.connection_lost, told)
