"""One file of a board being written: in pieces, beside the old one, which it replaces at the end."""

from __future__ import annotations

from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

from devsession.errors import DeviceError, LinkError
from devsession.methods.arguments import encode
from devsession.session.files import file_code
from devsession.session.files.file_access import FileAccess, piece_size
from devsession.session.files.metadata import FileFacts, FileStat
from devsession.session.files.sources import Source, pieces

_EIO, _EEXIST = 5, 17


@dataclass(slots=True)
class Writing:
    """New content for the file ``path``, written to ``to``; where that is another path it is renamed at the end."""

    access: FileAccess
    facts: FileFacts
    path: str
    to: str
    mode: str = "wb"
    number: int = 0
    size: int = 0
    is_begun: bool = False
    is_replacing: bool = False

    async def perform(self, source: Source) -> FileStat:
        """Write it all, and return what is there then; when that fails nothing is left but what was written in place."""
        self.number = self.access.next_handle()
        last = None
        try:
            async with aclosing(pieces(source, piece_size(self.facts))) as parts:
                async for piece in parts:
                    if last is not None:
                        await self._piece(last)
                    last = piece
                    self.size += len(piece)
            return await self._last(last or b"")
        except BaseException as error:
            if not isinstance(error, LinkError):
                closing = [file_code.finish(self.number)] if self.is_begun else []
                await self.access.tidy(*closing, *self._removing())
            raise

    def _removing(self) -> list[str]:
        if not self._is_beside:
            return []
        return [
            file_code.abandon(self.to, self.path) if self.is_replacing else file_code.call("remove", self.to)
        ]

    @property
    def _is_beside(self) -> bool:
        return self.to != self.path

    async def _piece(self, piece: bytes) -> None:
        begin = file_code.begin(self.number, self.to, self.mode)
        file = file_code.kept(self.number) if self.is_begun else begin
        self.is_begun = True
        # What is written beside changes nothing that is known until it is renamed.
        await self.access.ask(f"{file}.write({encode(piece)})", *(() if self._is_beside else (self.path,)))

    async def _last(self, piece: bytes) -> FileStat:
        if not self.is_begun:
            steps = file_code.write_whole(self.to, self.mode, piece)
        else:
            steps = f"{file_code.kept(self.number)}.write({encode(piece)}),{file_code.finish(self.number)}"
        try:
            return await self._settle(f"({steps},{self._end()})[-1]")
        except DeviceError as error:
            if not (self._is_beside and error.errno == _EEXIST):
                raise
            # This file system does not rename over what is there.
            self.is_replacing = True
            return await self._settle(f"({file_code.call('remove', self.path)},{self._end()})[-1]")

    def _end(self) -> str:
        if self.facts.is_flat:
            return f"(32768,{file_code.call('size', self.path)})"
        if self._is_beside:
            return file_code.swap(self.to, self.path, self.size)
        return file_code.stat(self.path)

    async def _settle(self, code: str) -> FileStat:
        answer: Any
        answer, look = await self.access.ask(code, self.path, self.to)
        found = FileStat.read(self.path, *answer) if answer else None
        if found is None or (self.mode == "wb" and found.size != self.size):
            raise DeviceError(
                "OSError",
                f"not all of {self.size} bytes were written",
                errno=_EIO,
                board=self.access.url,
            )
        self.access.metadata.saw(look, self.path, found)
        return found
