"""One file of a board being written: in pieces, beside the old one, which it replaces at the end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from devsession.errors import DeviceError, LinkError
from devsession.methods.arguments import encode
from devsession.session import file_code
from devsession.session.file_access import FileAccess, piece_size
from devsession.session.metadata import FileFacts, FileStat

_EIO, _EEXIST = 5, 17


@dataclass(slots=True)
class Writing:
    """``data`` for the file ``path``, written to ``to``; where that is another path it is renamed at the end."""

    access: FileAccess
    facts: FileFacts
    path: str
    to: str
    data: bytes
    mode: str = "wb"
    number: int = 0

    async def perform(self) -> FileStat:
        """Write it all, and return what is there then; when that fails nothing is left but what was written in place."""
        size = piece_size(self.facts)
        pieces = [self.data[at : at + size] for at in range(0, len(self.data), size)] or [b""]
        self.number = self.access.next_handle()
        try:
            for n, piece in enumerate(pieces[:-1]):
                await self._piece(piece, is_first=n == 0)
            return await self._last(pieces[-1], is_only=len(pieces) == 1)
        except BaseException as error:
            if not isinstance(error, LinkError):
                closing = [file_code.finish(self.number)] if len(pieces) > 1 else []
                removing = [file_code.call("remove", self.to)] if self._is_beside else []
                await self.access.tidy(*closing, *removing)
            raise

    @property
    def _is_beside(self) -> bool:
        return self.to != self.path

    async def _piece(self, piece: bytes, *, is_first: bool) -> None:
        file = file_code.begin(self.number, self.to, self.mode) if is_first else file_code.kept(self.number)
        # What is written beside changes nothing that is known until it is renamed.
        await self.access.ask(f"{file}.write({encode(piece)})", *(() if self._is_beside else (self.path,)))

    async def _last(self, piece: bytes, *, is_only: bool) -> FileStat:
        if is_only:
            steps = file_code.write_whole(self.to, self.mode, piece)
        else:
            steps = f"{file_code.kept(self.number)}.write({encode(piece)}),{file_code.finish(self.number)}"
        try:
            return await self._settle(f"({steps},{self._end()})[-1]")
        except DeviceError as error:
            if not (self._is_beside and error.errno == _EEXIST):
                raise
            # This file system does not rename over what is there.
            return await self._settle(f"({file_code.call('remove', self.path)},{self._end()})[-1]")

    def _end(self) -> str:
        if self.facts.is_flat:
            return f"(32768,{file_code.call('size', self.path)})"
        if self._is_beside:
            return file_code.swap(self.to, self.path, len(self.data))
        return file_code.stat(self.path)

    async def _settle(self, code: str) -> FileStat:
        answer: Any
        answer, look = await self.access.ask(code, self.path, self.to)
        found = FileStat.read(self.path, *answer) if answer else None
        if found is None or (self.mode == "wb" and found.size != len(self.data)):
            raise DeviceError(
                "OSError",
                f"not all of {len(self.data)} bytes were written",
                errno=_EIO,
                board=self.access.url,
            )
        self.access.metadata.saw(look, self.path, found)
        return found
