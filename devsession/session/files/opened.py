"""A file of a board that is open: read or written piece by piece, however large it is."""

from __future__ import annotations

import asyncio
import codecs
from collections.abc import AsyncGenerator
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

from devsession.errors import UsageError
from devsession.session.files import paths
from devsession.session.files.contents import Contents
from devsession.session.files.file_access import FileAccess
from devsession.session.files.metadata import FileStat
from devsession.session.files.sources import checked_content

MODES = ("r", "rb", "w", "wb", "a", "ab")
# So many pieces wait to be sent before a write waits.
_WAITING = 4


class DeviceFile:
    """A file of a board, open in the block of its ``async with``; ``stat`` is what is there after one that was written.

    Neither side holds more of it than a few pieces. What is written is on the board under its name when the block is left, all at once; a
    block left by an exception leaves the old file. With ``a`` it is added as it comes. Text is UTF-8. Iterating over one gives its lines.
    """

    def __init__(self, access: FileAccess, contents: Contents, path: paths.AnyPath, mode: str) -> None:
        if mode not in MODES:
            raise UsageError(f"a file is opened with one of {', '.join(MODES)}, not {mode!r}", phase="files")
        self.path = paths.checked(path)
        self.mode = mode
        self.stat: FileStat | None = None
        self._access = access
        self._contents = contents
        self._is_text = "b" not in mode
        self._empty: Any = "" if self._is_text else b""
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._pieces: AsyncGenerator[bytes] | None = None
        self._held: Any = self._empty
        self._queue: asyncio.Queue[bytes | None] = asyncio.Queue(_WAITING)
        self._storing: asyncio.Task[FileStat] | None = None

    async def __aenter__(self) -> Self:
        _, path = await self._access.settle(self.path)
        if self.mode[0] == "r":
            self._pieces = self._contents.fetch(path)
            try:
                # What cannot be read is told here, as by open.
                await self._fill()
            except BaseException:
                await self._pieces.aclose()
                raise
            return self
        async with self._access.alone(path):
            self._access.metadata.open.add(path)
        append = self.mode[0] == "a"
        self._storing = asyncio.get_running_loop().create_task(
            self._contents.store(path, self._written(), append=append)
        )
        self._storing.add_done_callback(lambda _: self._no_more(path))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._pieces is not None:
            await self._pieces.aclose()
            self._pieces = None
        storing, self._storing = self._storing, None
        if storing is None:
            return
        if error is not None:
            await _give_up(storing)
            return
        try:
            await self._hand_over(storing, None)
            self.stat = await storing
        except BaseException:
            await _give_up(storing)
            raise

    # Reading

    async def read(self, size: int = -1) -> Any:
        """Return up to ``size`` bytes, or characters of text, less only at the end; all that is left without."""
        parts = [self._held]
        length = len(self._held)
        self._held = self._empty
        while (size < 0 or length < size) and await self._fill():
            parts.append(self._held)
            length += len(self._held)
            self._held = self._empty
        found = self._empty.join(parts)
        if size < 0:
            return found
        self._held = found[size:] + self._held
        return found[:size]

    async def readline(self) -> Any:
        """Return the next line with its end, which the last may not have; nothing when there are no more."""
        end = "\n" if self._is_text else b"\n"
        parts = []
        while end not in self._held:
            parts.append(self._held)
            self._held = self._empty
            if not await self._fill():
                return self._empty.join(parts)
        line, found, self._held = self._held.partition(end)
        return self._empty.join([*parts, line, found])

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Any:
        line = await self.readline()
        if not line:
            raise StopAsyncIteration
        return line

    async def _fill(self) -> bool:
        """Hold another piece, and say whether there was one."""
        if self._pieces is None:
            raise UsageError(f"{self.path} is not open for reading", phase="files")
        while not self._held:
            piece = await anext(self._pieces, None)
            if self._is_text:
                try:
                    self._held = self._decoder.decode(piece or b"", final=piece is None)
                except UnicodeDecodeError as error:
                    raise UsageError(
                        f"{self.path} is no UTF-8 text: {error}", hint="open it with mode rb"
                    ) from None
            else:
                self._held = piece or b""
            if piece is None:
                return bool(self._held)
        return True

    # Writing

    async def write(self, data: bytes | str) -> None:
        """Have ``data`` sent, text where the file was opened for text; waits while much is on its way. Raises what the board does."""
        if self._storing is None:
            raise UsageError(f"{self.path} is not open for writing", phase="files")
        if self._is_text and not isinstance(data, str):
            raise UsageError("a file opened for text takes text", phase="files", hint="open it with mode wb")
        piece = data.encode() if self._is_text and isinstance(data, str) else checked_content(data)
        await self._hand_over(self._storing, piece)

    async def _hand_over(self, storing: asyncio.Task[FileStat], piece: bytes | None) -> None:
        if not storing.done():
            await self._queue.put(piece)
        if storing.done():
            self._drain()
            storing.result()

    async def _written(self) -> AsyncGenerator[bytes]:
        while (piece := await self._queue.get()) is not None:
            yield piece

    def _no_more(self, path: str) -> None:
        self._access.metadata.open.discard(path)
        self._drain()

    def _drain(self) -> None:
        # Who waits for room is let go, and told what came of it.
        with suppress(asyncio.QueueEmpty):
            while True:
                self._queue.get_nowait()


async def _give_up(storing: asyncio.Task[FileStat]) -> None:
    storing.cancel()
    await asyncio.wait([storing])
    if not storing.cancelled():
        # What the block raised is what is told.
        storing.exception()
