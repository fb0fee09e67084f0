"""What boards print, on its way to the user: without escape sequences on a terminal, and never blocking the wire."""

from __future__ import annotations

import asyncio
import codecs
import os
import re
import select
import stat
import sys

# CSI, OSC (bounded) and two-byte sequences, whole.
_SEQUENCE = r"\x1b(?:\[[0-?]{0,64}[ -/]{0,8}[@-~]|\][^\x07\x1b]{0,512}(?:\x07|\x1b\\)|[ -/]{0,4}[0-Z\\^-~])"
_PARTIAL = r"\x1b(?:\[[0-?]{0,64}[ -/]{0,8}|\][^\x07\x1b]{0,512}\x1b?|[ -/]{0,4})?\Z"
_CONTROL = r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]"
# A pipe that says it is writable takes this much without blocking (POSIX PIPE_BUF is at least 512, 4096 on Linux).
_PIECE = 4096 if sys.platform == "linux" else 512


def printable(text: str) -> str:
    """Return ``text`` without escape sequences; other control characters but line ends and tabs become visible escapes."""
    return re.sub(_CONTROL, lambda match: f"\\x{ord(match[0]):02x}", re.sub(_SEQUENCE, "", text))


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
    """Standard output for a board's bytes: as they are to a file or pipe, sanitised to a terminal.

    A reader that is slow does not keep this process from draining the board: writing waits for room on the event loop.
    """

    def __init__(self) -> None:
        sys.stdout.flush()
        self._fd = sys.stdout.fileno()
        self._sanitiser = Sanitiser() if os.isatty(self._fd) else None
        self._never_blocks = stat.S_ISREG(os.fstat(self._fd).st_mode)

    async def write(self, data: bytes) -> None:
        """Write bytes that a board printed; raises BrokenPipeError when nobody reads any more."""
        await self._write(self._sanitiser.feed(data) if self._sanitiser else data)

    async def finish(self) -> None:
        """Write what was held back: the program is over."""
        if self._sanitiser:
            await self._write(self._sanitiser.feed(b"", final=True))

    async def _write(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            if not self._never_blocks and not select.select([], [self._fd], [], 0)[1]:
                await self._writable()
            view = view[os.write(self._fd, view if self._never_blocks else view[:_PIECE]) :]

    async def _writable(self) -> None:
        loop = asyncio.get_running_loop()
        ready = loop.create_future()
        loop.add_writer(self._fd, ready.cancel)
        try:
            await asyncio.wait([ready])
        finally:
            loop.remove_writer(self._fd)
