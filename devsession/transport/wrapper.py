"""A transport round another one: the base of what counts or keeps the bytes that pass."""

from __future__ import annotations

from devsession.errors import LinkError
from devsession.transport.base import CLOSE_TIMEOUT, Receiver, Transport


class WrappedTransport(Transport, Receiver):
    """Passes everything through to ``inner``; subclasses look at what passes."""

    def __init__(self, inner: Transport) -> None:
        self._inner = inner
        self._receiver: Receiver | None = None
        self.url = inner.url
        self.identity = inner.identity
        self.flow = inner.flow

    def _wrote(self, data: bytes) -> None:
        """Look at bytes that go to the board."""

    def _read(self, data: bytes) -> None:
        """Look at bytes that came from the board."""

    def random_bits(self, count: int) -> int:
        """Return what the inner link draws."""
        return self._inner.random_bits(count)

    @property
    def can_reset(self) -> bool:
        """Whether the inner link can reset the board."""
        return self._inner.can_reset

    async def reset_board(self) -> None:
        """Reset the board by means of the inner link."""
        await self._inner.reset_board()

    async def prepare(self) -> None:
        """Prepare the inner link."""
        await self._inner.prepare()

    async def open(self, receiver: Receiver) -> None:
        """Open the inner link."""
        self._receiver = receiver
        await self._inner.open(self)
        self.lines = self._inner.lines

    def data_received(self, data: bytes) -> None:
        """Take bytes from the inner link."""
        self._read(data)
        assert self._receiver is not None
        self._receiver.data_received(data)

    def connection_lost(self, error: LinkError | None) -> None:
        """Take the end of the inner link."""
        assert self._receiver is not None
        self._receiver.connection_lost(error)

    def write(self, data: bytes) -> None:
        """Send ``data`` over the inner link."""
        self._inner.write(data)
        self._wrote(data)

    @property
    def unsent(self) -> int:
        """Bytes that the inner link did not hand over yet."""
        return self._inner.unsent

    async def drain(self) -> None:
        """Wait until the inner link has handed over everything."""
        await self._inner.drain()

    async def close(self, timeout: float = CLOSE_TIMEOUT) -> None:
        """Close the inner link."""
        await self._inner.close(timeout)

    def abort(self) -> None:
        """Close the inner link at once."""
        self._inner.abort()
