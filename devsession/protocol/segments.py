r"""The stream of files to a board, as firmware_helpers/put.py reads it.

A segment is four hexadecimal digits, a length (and 8000 for what is deflated), and so many bytes. Those are text where the board has no
binary stream; else four of the 256 are written as two: the bytes on which the raw REPL acts, Ctrl-C among them, so that it always means
one, and the mark itself. Should what is under way be read by the prompt after all, it is no command there.
"""

from __future__ import annotations

import base64
import hashlib
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from enum import Enum
from typing import Protocol

from devsession.protocol.records import checksum

MARK = b"\x10"
# Ctrl-B leaves the raw REPL, Ctrl-D runs what is in the line. The mark first: it is in what the others become.
_MARKED = (MARK, b"\x02", b"\x03", b"\x04")
END = b"0000"
_DEFLATED = 0x8000
# The least bits that zlib and inflaters take for a window.
WINDOW_LEAST = 9
# The longest segment, as sent.
MOST = 0x7FFF
# What is deflated by less is not worth undoing.
_WORTH = 0.9


class Coding(Enum):
    """How bytes are sent."""

    BINARY = "binary"
    BASE64 = "base64"
    HEX = "hex"


class Digest(Protocol):
    """A hash under way."""

    def update(self, data: bytes, /) -> None:
        """Take more."""

    def digest(self) -> bytes:
        """Return the hash of all that was taken."""


class _Sum:
    """A check as the board tells it where it has no hash: eight hexadecimal digits."""

    def __init__(self, function: Callable[[bytes, int], int], start: int) -> None:
        self._function, self._value = function, start

    def update(self, data: bytes, /) -> None:
        self._value = self._function(data, self._value)

    def digest(self) -> bytes:
        return b"%08x" % self._value


class Check(Enum):
    """What tells that a file arrived as it was sent."""

    SHA256 = "sha256"
    CRC32 = "crc32"
    ADLER32 = "adler32"

    def begin(self) -> Digest:
        """Return a hash of nothing yet."""
        if self is Check.SHA256:
            return hashlib.sha256()
        return _Sum(zlib.crc32, 0) if self is Check.CRC32 else _Sum(zlib.adler32, 1)


@dataclass(frozen=True, slots=True)
class Form:
    """How a board takes files: coding, check, bytes of a segment before it is coded, and ``window``: the bits of its inflater's, or 0."""

    coding: Coding
    check: Check
    size: int
    window: int = 0

    def smaller(self) -> Form:
        """Return the same with half the segment, for a board with less heap than was thought."""
        return replace(self, size=self.size // 2, window=self.window and max(WINDOW_LEAST, self.window - 1))

    @property
    def piece(self) -> int:
        """How many bytes of a file make a segment that always is short enough."""
        return self.size if self.window else min(self.size, MOST // 2)

    def encode(self, data: bytes) -> bytes:
        """Return bytes as they are sent."""
        if self.coding is Coding.BASE64:
            return base64.b64encode(data)
        if self.coding is Coding.HEX:
            return data.hex().encode()
        for number in _MARKED:
            data = data.replace(number, MARK + bytes((number[0] + 64,)))
        return data

    def decode(self, data: bytes) -> bytes:
        """Return what a board sent as bytes; binary comes as it is. Raises ValueError for what is no such text."""
        if self.coding is Coding.BASE64:
            return base64.b64decode(data, validate=True)
        return bytes.fromhex(data.decode("ascii")) if self.coding is Coding.HEX else data

    def segments(self, data: bytes) -> Iterator[bytes]:
        """Yield ``data``, at most ``piece`` bytes, as one segment, or as two where it would be too long."""
        if not data:
            return
        plain = self.encode(data)
        if self.window and len(data) > 1:
            deflate = zlib.compressobj(9, zlib.DEFLATED, -self.window)
            packed = self.encode(deflate.compress(data) + deflate.flush())
            if len(packed) < len(plain) * _WORTH and len(packed) <= MOST:
                yield b"%04x" % (len(packed) + _DEFLATED) + packed
                return
        if len(plain) <= MOST:
            yield b"%04x" % len(plain) + plain
            return
        yield from self.segments(data[: len(data) // 2])
        yield from self.segments(data[len(data) // 2 :])


def heading(path: str, size: int, beside: int) -> bytes:
    """Return what goes before a file: its path and size in bytes (0: not known), and the number of the name beside it (0: in place)."""
    text = f"{size:08x}{beside:08x}{path}".encode()
    return b"%04x" % checksum(text) + text
