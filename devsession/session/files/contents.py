"""What is in files, on its way to a board and back: everything else of files asks here for it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, aclosing, contextmanager

from devsession.errors import (
    DeadlineError,
    DeviceError,
    DeviceResetError,
    LinkError,
    RecoveryError,
    SessionError,
    UncertainExecutionError,
    UsageError,
)
from devsession.protocol.segments import Coding
from devsession.session.facts import Facts
from devsession.session.files import file_code, paths
from devsession.session.files.file_access import FileAccess, piece_size
from devsession.session.files.metadata import FileStat
from devsession.session.files.sources import Source, content
from devsession.session.files.transfer import PATIENCE, Outgoing, Transfer, Wanted, nobody
from devsession.session.files.transfer_code import form_of
from devsession.session.files.writing import Writing

# A file comes in parts of this size, one turn each: what is held here, and how long the board is held.
PART = 256 * 1024
# What is no larger goes in the command itself, or comes as its value: one turn, and no program is needed for that.
LITTLE = 512
# What a request for several files may have for text: it is sent as one command.
REQUEST_MOST = 1024
_ENOSPC = 28
# What the board has to have to put a file in the place of another in one program.
_FUNCTIONS = frozenset({"stat", "statvfs", "rename", "remove", "mkdir"})


class Contents:
    """Moves what is in files; paths are whole ones, as ``FileAccess.settle`` gives them, and who calls holds their locks.

    ``coding`` is how, where that is not to be the best that the board can do; ``patience`` how many seconds nothing may move.
    """

    def __init__(self, access: FileAccess, facts: Facts) -> None:
        self._access = access
        self._facts = facts
        self.coding: Coding | None = None
        self.patience = PATIENCE

    async def store(
        self,
        path: str,
        source: Source,
        *,
        in_place: bool = False,
        append: bool = False,
        sent: Callable[[int], object] = nobody,
    ) -> FileStat:
        """Put what ``source`` gives into the file ``path``, and return what is there now.

        The old content is there until the new one is whole and checked, unless it is written ``in_place`` or appended. When it fails, or is
        cancelled, or ``source`` raises, nothing is left but what was written in place. ``source`` may use the board itself: what comes bit
        by bit is waited for first. ``sent`` is told how many bytes went, piece by piece. Raises DeviceError and UsageError as
        ``DeviceFiles.write_bytes``.
        """
        facts = await self._access.facts()
        transfer = await self._storing(path)
        little = isinstance(source, bytes) and len(source) <= LITTLE
        if transfer is not None and not append and not little:
            async with content(source) as whole:
                number = 0 if in_place else paths.number_beside(path)
                return await self._put(transfer, Outgoing(path, whole, number), sent)
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
            raise _explained(error, in_place=to == path) from error.__cause__

    async def store_many(
        self, files: Sequence[tuple[str, Source | None]], sent: Callable[[int], object] = nobody
    ) -> None:
        """Put many files, each whole or not at all, in as few turns as their bytes need; ``None`` stands for a directory.

        A directory that is there already is let be. Those before one that fails stay. Raises as ``store``.
        """
        transfer = await self._storing(*(path for path, _ in files))
        if transfer is None:
            for path, source in files:
                if source is None:
                    await self._make(path)
                else:
                    await self.store(path, source)
            return
        async with AsyncExitStack() as stack:
            going = [
                Outgoing(f"{path}/", None)
                if source is None
                else Outgoing(
                    path, await stack.enter_async_context(content(source)), paths.number_beside(path)
                )
                for path, source in files
            ]
            if going:
                with self._access.metadata.looking(*(path for path, _ in files)), self._noting(going):
                    await transfer.put(going, f"{len(going)} files", sent)

    async def fetch(self, path: str) -> AsyncGenerator[bytes]:
        """Give what is in a file, piece by piece; the board is free for others between them. Raises DeviceError, with errno 2 for none."""
        facts = await self._access.facts()
        transfer = await self._transfer()
        if transfer is None or self._is_little(path):
            read = self._access.read_kept if facts.is_flat else self._access.read
            async with aclosing(read(path, piece_size(facts))) as pieces:
                async for piece in pieces:
                    yield piece
            return
        begin = 0
        while True:
            with self._access.metadata.looking():
                (part,) = await transfer.get([Wanted(path, begin, PART)], path)
            if part:
                yield part
            begin += len(part)
            if len(part) < PART:
                return

    def _is_little(self, path: str) -> bool:
        known = self._access.metadata.stat(path) if self._access.metadata.knows(path) else None
        return known is not None and known.size <= LITTLE

    async def fetch_many(self, files: Sequence[FileStat]) -> AsyncGenerator[tuple[FileStat, bytes]]:
        """Give what is in many files, of which no more is held here at once than what one turn brings; raises as ``fetch``.

        A file that is larger than that is better fetched alone.
        """
        transfer = await self._transfer()
        if transfer is None:
            for file in files:
                yield file, b"".join([piece async for piece in self.fetch(file.path)])
            return
        for batch in _batches(files):
            with self._access.metadata.looking():
                found = await transfer.get([Wanted(file.path) for file in batch], f"{len(batch)} files")
            for file, data in zip(batch, found, strict=True):
                yield file, data

    async def _put(self, transfer: Transfer, file: Outgoing, sent: Callable[[int], object]) -> FileStat:
        with self._access.metadata.looking(file.path) as look, self._noting([file]):
            try:
                found = FileStat.read(file.path, *await transfer.put([file], file.path, sent))
            except DeviceError as error:
                raise _explained(error, in_place=not file.beside) from error.__cause__
        self._access.metadata.saw(look, file.path, found)
        return found

    @contextmanager
    def _noting(self, files: Sequence[Outgoing]) -> Iterator[None]:
        """Have removed at the next occasion what the block leaves on a board that could not remove it itself."""
        try:
            yield
        except (LinkError, UncertainExecutionError, DeviceResetError, DeadlineError, RecoveryError):
            self._access.leftovers.note([paths.beside(file.path) for file in files if file.beside])
            raise

    async def _make(self, path: str) -> None:
        facts = await self._access.facts()
        self._access.need(facts, "mkdir")
        if await self._access.look(facts, path) is None:
            await self._access.ask(file_code.call("mkdir", path), path)

    async def _storing(self, *stored: str) -> Transfer | None:
        """As ``_transfer``; what takes files reads standard input, and so does what changes directories of this side."""
        return None if any(map(self._access.metadata.is_mounted, stored)) else await self._transfer()

    async def _transfer(self) -> Transfer | None:
        """Return what moves files in one exec, ``None`` where the board has no room for that, or lacks something."""
        facts = await self._access.facts()
        try:
            capabilities = self._facts.capabilities
        except SessionError:
            return None
        if not facts.functions >= _FUNCTIONS:
            return None
        found = form_of(capabilities, facts.heap, self.coding)
        if found is None and self.coding is not None:
            raise UsageError(
                f"this board cannot move files as {self.coding.value}", board=self._access.url, phase="files"
            )
        return None if found is None else Transfer(self._access.board, *found, self.patience)

    async def _write(self, path: str, source: Source, to: str) -> FileStat:
        facts = await self._access.facts()
        try:
            return await Writing(self._access, facts, path, to).perform(source)
        except DeviceError as error:
            if error.kind != "MemoryError" or not isinstance(source, bytes):
                raise
            # Others took the heap since it was measured.
            return await Writing(self._access, await self._access.measure(), path, to).perform(source)


def _explained(error: DeviceError, *, in_place: bool) -> DeviceError:
    if error.errno == _ENOSPC and not in_place:
        error.hint = "there is no room for it beside what is there: remove the old one first, or write with in_place=True"
    return error


def _batches(files: Sequence[FileStat]) -> Iterator[list[FileStat]]:
    batch: list[FileStat] = []
    size = length = 0
    for file in files:
        size += file.size
        length += len(file.path) + 10
        if batch and (size > PART or length > REQUEST_MOST):
            yield batch
            batch, size, length = [], file.size, len(file.path) + 10
        batch.append(file)
    if batch:
        yield batch
