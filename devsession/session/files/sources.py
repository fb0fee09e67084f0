"""Where the bytes come from that a file is to hold."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from devsession.errors import UsageError

# What a file is to hold: at once, what a file of this host holds, or as it comes.
Source = bytes | Path | Iterable[bytes] | AsyncIterable[bytes]
# What comes bit by bit waits here until it is whole: in memory up to this, then in a temporary file.
SPOOLED = 1 << 20


@dataclass(frozen=True, slots=True)
class Content:
    """What a file is to hold, known as a whole: its size in bytes, and where it is read from, as often as need be."""

    size: int
    file: bytes | Path | IO[bytes]

    def pieces(self, size: int) -> Iterator[bytes]:
        """Give it in pieces of ``size`` bytes, the last one shorter."""
        if isinstance(self.file, bytes):
            for at in range(0, len(self.file), size):
                yield self.file[at : at + size]
        elif isinstance(self.file, Path):
            with _opened(self.file) as file:
                yield from Content(self.size, file).pieces(size)
        else:
            self.file.seek(0)
            while piece := self.file.read(size):
                yield piece


@asynccontextmanager
async def content(source: Source) -> AsyncIterator[Content]:
    """Give the block all that ``source`` does; raises UsageError for what are no bytes or no file, and what ``source`` raises."""
    if isinstance(source, bytes):
        yield Content(len(source), source)
    elif isinstance(source, Path):
        yield Content(_size(source), source)
    else:
        with tempfile.SpooledTemporaryFile(SPOOLED) as spool:
            async for part in _parts(source):
                spool.write(checked_content(part))
            yield Content(spool.tell(), spool)


def _size(path: Path) -> int:
    with _opened(path) as file:
        return file.seek(0, 2)


def _opened(path: Path) -> IO[bytes]:
    try:
        return path.open("rb")
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}", phase="files") from error


async def pieces(source: Source, size: int) -> AsyncGenerator[bytes]:
    """Give what ``source`` does in pieces of ``size`` bytes, the last one shorter; raises as ``content``."""
    if isinstance(source, bytes | Path):
        async with content(source) as whole:
            for piece in whole.pieces(size):
                yield piece
        return
    rest = bytearray()
    async for part in _parts(source):
        rest += checked_content(part)
        while len(rest) >= size:
            yield bytes(rest[:size])
            del rest[:size]
    if rest:
        yield bytes(rest)


async def _parts(source: Iterable[bytes] | AsyncIterable[bytes]) -> AsyncGenerator[bytes]:
    if isinstance(source, AsyncIterable):
        async for part in source:
            yield part
        return
    for part in source:
        yield part


def checked_content(data: Any) -> bytes:
    """Return what a file is to hold as bytes; raises UsageError for what are none."""
    if isinstance(data, str):
        raise UsageError("files hold bytes, not text", phase="files", hint="write text.encode()")
    try:
        return bytes(memoryview(data))
    except TypeError:
        raise UsageError(f"files hold bytes, not {type(data).__name__}", phase="files") from None
