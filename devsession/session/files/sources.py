"""Where the bytes come from that a file is to hold."""

from __future__ import annotations

import asyncio
import os
import selectors
import stat
import sys
import tempfile
import threading
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
# A pipe from which nothing comes is looked at so often, in seconds, to end when nobody waits any more.
_ASK_AGAIN = 0.1
_READ = 1 << 16


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
        with tempfile.SpooledTemporaryFile(SPOOLED) as spool:
            yield await _content_of(source, spool)
    else:
        with tempfile.SpooledTemporaryFile(SPOOLED) as spool:
            async for part in _parts(source):
                spool.write(checked_content(part))
            yield Content(spool.tell(), spool)


async def _content_of(path: Path, spool: IO[bytes]) -> Content:
    try:
        if (regular := _regular(path)) is not None:
            return regular
        await _spooled(path, spool)
    except OSError as error:
        raise _unreadable(path, error) from error
    return Content(spool.tell(), spool)


def _regular(path: Path) -> Content | None:
    found = path.stat()
    if not stat.S_ISREG(found.st_mode):
        return None
    if found.st_size > SPOOLED:
        return Content(found.st_size, path)
    # What the kernel makes up (/proc) has no size before it is read.
    data = path.read_bytes()
    return Content(len(data), data)


async def _spooled(path: Path, spool: IO[bytes]) -> None:
    """Read a pipe or a device to its end, in a thread: that may take as long as it likes, and ends when it is cancelled."""
    given_up = threading.Event()
    reading = asyncio.get_running_loop().run_in_executor(None, _read_into, spool, path, given_up)
    try:
        await asyncio.shield(reading)
    finally:
        given_up.set()
        await asyncio.wait([reading])


def _read_into(spool: IO[bytes], path: Path, given_up: threading.Event) -> None:
    # Opening a pipe that nobody writes to waits for nobody either.
    access = (
        os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0) | getattr(os, "O_BINARY", 0)
    )
    with os.fdopen(os.open(path, access), "rb", buffering=0) as file:
        while not given_up.is_set():
            if _is_ready(file):
                piece = file.read(_READ)
                if piece == b"":
                    return
                spool.write(piece or b"")


def _is_ready(file: IO[bytes]) -> bool:
    """Whether there is something to be read, or an end; waits for it a moment."""
    if sys.platform == "win32":
        # Only sockets can be asked there.
        return True
    with selectors.PollSelector() as selector:
        selector.register(file, selectors.EVENT_READ)
        return bool(selector.select(_ASK_AGAIN))


def _opened(path: Path) -> IO[bytes]:
    try:
        return path.open("rb")
    except OSError as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: OSError) -> UsageError:
    return UsageError(f"cannot read {path}: {error.strerror}", phase="files")


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
