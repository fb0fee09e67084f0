"""Received bytes that are not understood yet: bounded, and never searched twice."""

from __future__ import annotations

from devsession.errors import RemoteProtocolError

# The largest record is 16 MiB; nothing else has to be held whole.
LIMIT = 17 * 1024 * 1024


class ReceiveBuffer:
    """A queue of bytes with a remembered search position.

    ``limit`` bounds what is held, in bytes; one byte more is a RemoteProtocolError, so a board cannot fill the host's memory.
    """

    def __init__(self, limit: int = LIMIT) -> None:
        self._data = bytearray()
        self._limit = limit
        self._searched = 0
        self._pattern = b""

    def __len__(self) -> int:
        return len(self._data)

    def __bytes__(self) -> bytes:
        return bytes(self._data)

    def append(self, data: bytes) -> None:
        """Add received bytes; raises RemoteProtocolError over the limit."""
        if len(self._data) + len(data) > self._limit:
            raise RemoteProtocolError(
                f"the board sent more than {self._limit} bytes that belong to nothing",
                seen=bytes(self._data[-256:]),
            )
        self._data += data

    def find(self, pattern: bytes) -> int:
        """Return where ``pattern`` begins, or -1; asking again for it searches only what was added since."""
        if pattern != self._pattern:
            self._pattern, self._searched = pattern, 0
        at = self._data.find(pattern, self._searched)
        if at < 0:
            self._searched = max(0, len(self._data) - len(pattern) + 1)
        return at

    def take(self, count: int) -> bytes:
        """Remove and return the first ``count`` bytes."""
        taken = bytes(self._data[:count])
        del self._data[:count]
        self._searched = max(0, self._searched - count)
        return taken

    def peek(self, count: int, start: int = 0) -> bytes:
        """Return up to ``count`` bytes from ``start`` without removing them."""
        return bytes(self._data[start : start + count])

    def clear(self) -> bytes:
        """Remove and return everything."""
        return self.take(len(self._data))
