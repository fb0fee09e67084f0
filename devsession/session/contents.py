"""What is in files, on its way to a board and back: everything else of files asks here for it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable
from contextlib import aclosing

from devsession.errors import DeviceError, UsageError
from devsession.session import paths
from devsession.session.file_access import FileAccess, piece_size
from devsession.session.metadata import FileStat
from devsession.session.sources import Source
from devsession.session.writing import Writing

_ENOSPC = 28


class Contents:
    """Moves what is in files; paths are whole ones, as ``FileAccess.settle`` gives them, and who calls holds their locks."""

    def __init__(self, access: FileAccess) -> None:
        self._access = access

    async def store(
        self, path: str, source: Source, *, in_place: bool = False, append: bool = False
    ) -> FileStat:
        """Put what ``source`` gives into the file ``path``, and return what is there now.

        The old content is there until the new one is whole, unless it is written ``in_place`` or appended. When it fails, or is cancelled,
        or ``source`` raises, nothing is left but what was written in place. ``source`` may use the board itself: the board is not held
        while it is asked for more. Raises DeviceError and UsageError as ``DeviceFiles.write_bytes``.
        """
        facts = await self._access.facts()
        if append:
            self._access.need(facts, "stat", "appending")
            return await Writing(self._access, facts, path, path, "ab").perform(source)
        if "rename" not in facts.functions and not in_place and await self._access.look(facts, path):
            raise UsageError(
                f"this board cannot rename: a broken write would lose what is in {path}",
                board=self._access.url,
                phase="files",
                hint="write with in_place=True, or remove it first",
            )
        to = path if in_place or "rename" not in facts.functions else paths.beside(path)
        try:
            return await self._write(path, source, to)
        except DeviceError as error:
            if error.errno == _ENOSPC and to != path:
                error.hint = "there is no room for the old and the new content: remove it first, or write with in_place=True"
            raise

    async def store_many(self, files: Iterable[tuple[str, bytes]]) -> tuple[FileStat, ...]:
        """Put many small files, each whole or not at all, and return what is there now; those before one that fails stay."""
        return tuple([await self.store(path, data) for path, data in files])

    async def fetch(self, path: str) -> AsyncGenerator[bytes]:
        """Give what is in a file, piece by piece; the board is free for others between them. Raises DeviceError, with errno 2 for none."""
        facts = await self._access.facts()
        read = self._access.read_kept if facts.is_flat else self._access.read
        async with aclosing(read(path, piece_size(facts))) as pieces:
            async for piece in pieces:
                yield piece

    async def _write(self, path: str, source: Source, to: str) -> FileStat:
        facts = await self._access.facts()
        try:
            return await Writing(self._access, facts, path, to).perform(source)
        except DeviceError as error:
            if error.kind != "MemoryError" or not isinstance(source, bytes):
                raise
            # Others took the heap since it was measured.
            return await Writing(self._access, await self._access.measure(), path, to).perform(source)
