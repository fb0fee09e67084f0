"""What boards print, on its way to the user: without escape sequences on a terminal, and never blocking the wire."""

from __future__ import annotations

import asyncio
import codecs
import os
import re
import select
import stat
import sys
from collections.abc import Sequence
from typing import Self

# CSI, OSC (bounded) and two-byte sequences, whole.
_SEQUENCE = r"\x1b(?:\[[0-?]{0,64}[ -/]{0,8}[@-~]|\][^\x07\x1b]{0,512}(?:\x07|\x1b\\)|[ -/]{0,4}[0-Z\\^-~])"
_PARTIAL = r"\x1b(?:\[[0-?]{0,64}[ -/]{0,8}|\][^\x07\x1b]{0,512}\x1b?|[ -/]{0,4})?\Z"
_CONTROL = r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]"
# A pipe that says it is writable takes this much without blocking (POSIX PIPE_BUF is at least 512, 4096 on Linux).
_PIECE = 4096 if sys.platform == "linux" else 512
# A terminal with room for one byte says that it is writable, and takes no line end, which is two: it is asked again after so many seconds.
_NO_ROOM = 0.05


def printable(text: str) -> str:
    """Return ``text`` without escape sequences; other control characters but line ends and tabs become visible escapes."""
    return re.sub(_CONTROL, lambda match: f"\\x{ord(match[0]):02x}", re.sub(_SEQUENCE, "", text))


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return the rows of a table as lines, its columns one below the other."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


class Sanitiser:
    """`printable` over a stream of bytes: sequences and characters may be split anywhere."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("backslashreplace")
        self._held = ""

    def feed(self, data: bytes, *, final: bool = False) -> bytes:
        """Return what of ``data`` may go to a terminal now."""
        text = self._held + self._decoder.decode(data, final=final)
        partial = None if final else re.search(_PARTIAL, text)
        cut = partial.start() if partial else len(text)
        self._held = text[cut:]
        return printable(text[:cut]).encode()


class Stdout:
    """Standard output for a board's bytes: as they are to a file or pipe, sanitised to a terminal unless ``raw``.

    A reader that is slow does not keep this process from draining the board: writing waits for room on the event loop. What a write that
    was cancelled left over is written before anything else. Use it in ``with``.
    """

    def __init__(self, *, raw: bool = False) -> None:
        sys.stdout.flush()
        self._fd = sys.stdout.fileno()
        terminal = os.isatty(self._fd)
        self._sanitiser = Sanitiser() if terminal and not raw else None
        self._never_blocks = stat.S_ISREG(os.fstat(self._fd).st_mode)
        self._own = _reopened(self._fd) if terminal else None
        self._fd = self._own if self._own is not None else self._fd
        self._waiting = bytearray()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._own is not None:
            os.close(self._own)

    async def write(self, data: bytes) -> None:
        """Write bytes that a board printed; raises BrokenPipeError when nobody reads any more."""
        self._waiting += self._sanitiser.feed(data) if self._sanitiser else data
        await self._flush()

    async def finish(self) -> None:
        """Write what was held back: the program is over."""
        if self._sanitiser:
            self._waiting += self._sanitiser.feed(b"", final=True)
        await self._flush()

    @property
    def waiting(self) -> int:
        """How many bytes nobody has taken yet."""
        return len(self._waiting)

    async def _flush(self) -> None:
        size = len(self._waiting) if self._never_blocks else _PIECE
        while self._waiting:
            if not self._never_blocks and not select.select([], [self._fd], [], 0)[1]:
                await self._writable()
            try:
                del self._waiting[: os.write(self._fd, self._waiting[:size])]
            except BlockingIOError:
                await asyncio.sleep(_NO_ROOM)

    async def _writable(self) -> None:
        loop = asyncio.get_running_loop()
        ready = loop.create_future()
        loop.add_writer(self._fd, ready.cancel)
        try:
            await asyncio.wait([ready])
        finally:
            loop.remove_writer(self._fd)


def _reopened(terminal: int) -> int | None:
    """Return a descriptor of our own to a terminal, which never blocks; ``None`` where that is not allowed.

    A terminal says that it is writable when it takes one byte, and blocks a write of more; its own descriptor is shared with the shell,
    which would find it changed.
    """
    if sys.platform == "win32":
        return None
    try:
        return os.open(os.ttyname(terminal), os.O_WRONLY | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
