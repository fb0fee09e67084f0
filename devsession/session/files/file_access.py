"""How a session's execs ask for files: what is known of the board's ``os``, and what is believed of each answer."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from devsession.board.board import Board
from devsession.board.connection import EXEC_TIMEOUT
from devsession.board.log import log
from devsession.errors import DeviceError, DevsessionError, UsageError
from devsession.session.files import file_code, paths
from devsession.session.files.leftovers import Leftovers
from devsession.session.files.metadata import FileFacts, FileMetadata, FileStat, Look

if TYPE_CHECKING:
    from devsession.session.session import DeviceSession

# A piece of a file is on the board as bytes, then as text up to four times as long, which is built and copied; the command that writes it
# has up to five bytes for each. This share of the heap leaves room for that, and stays below what a plain command may have
# (devsession.board.performer): with 5 KB free it is 128 bytes and 700.
PIECE_SHARE = 48
PIECE_LEAST = 128
PIECE_MOST = 3072
# Where even the least is too much, reading goes on in halves down to this.
_READ_LEAST = 16
# Likewise for a page of a listing: an entry takes about 64 bytes as text.
ENTRY_SHARE = 512
ENTRIES_MOST = 256
# For what takes its time with every file of a tree, in seconds.
TREE_TIMEOUT = 120.0
_ENOENT, _ENOTDIR = 2, 20


class FileAccess:
    """Asks a board about its files, one exec each, in the namespace of ``session``; keeps what it hears in ``metadata``."""

    def __init__(self, session: DeviceSession, metadata: FileMetadata) -> None:
        self._session = session
        self.metadata = metadata
        # Where relative paths begin; None: at the board's own current directory.
        self.directory: str | None = None
        self.next_handle = session.next_handle
        self.leftovers = Leftovers(session.board.identity)

    @property
    def board(self) -> Board:
        """The board."""
        return self._session.board

    @property
    def url(self) -> str:
        """The board's URL."""
        return self._session.url

    async def ask(
        self, code: str, *changed: str, evaluate: bool = True, timeout: float = EXEC_TIMEOUT
    ) -> tuple[Any, Look]:
        """Run code that changes only what is at ``changed``; return its value, and the look it was."""
        with self.metadata.looking(*changed) as look:
            return await self._session.perform(code, evaluate=evaluate, timeout=timeout), look

    @asynccontextmanager
    async def alone(self, path: str) -> AsyncIterator[None]:
        """Give the block one file for itself; raises UsageError where somebody has it open for writing."""
        async with self.metadata.lock(path):
            if path in self.metadata.open:
                raise UsageError(
                    f"{path} is open for writing: leave its block first", board=self.url, phase="files"
                )
            yield

    async def tidy(self, *codes: str) -> None:
        """Run what cleans up behind a failure, as far as that is possible."""
        for code in codes:
            try:
                await self.ask(code)
            except DevsessionError as error:
                log.event("files: not tidied up", board=self.url, said=error.message)

    def need(self, facts: FileFacts, function: str, what: str = "") -> None:
        """Raise UsageError where the board's ``os`` has no ``function``."""
        if function not in facts.functions:
            raise UsageError(
                f"this board's os has no {function}: {what or function} is not possible",
                board=self.url,
                phase="files",
            )

    # What is known before

    async def facts(self) -> FileFacts:
        """Return what is known of the board, asking it where that is nothing."""
        self._session.check()
        await self._session.ready()
        return self.metadata.facts or await self.measure()

    async def settle(self, path: paths.AnyPath) -> tuple[FileFacts, str]:
        """Return what is known of the board, and the path as it is sent; raises UsageError for what is none."""
        text = paths.checked(path)
        facts = await self.facts()
        return facts, paths.flat(text) if facts.is_flat else await self._absolute(text)

    async def root(self, path: paths.AnyPath) -> str:
        """Return the path of a tree as it is sent; what the board's ``os`` has is not asked for it."""
        text = paths.checked(path)
        self._session.check()
        if self.metadata.facts is None and (text.startswith("/") or self.directory is not None):
            return paths.absolute(text, self.directory or "/")
        return (await self.settle(path))[1]

    def known_place(self, path: paths.AnyPath) -> str | None:
        """Return the path as it is sent, ``None`` where the board would have to be asked for that."""
        text = paths.checked(path)
        if self.metadata.facts is not None and self.metadata.facts.is_flat:
            return paths.flat(text)
        current = "/" if text.startswith("/") else self.directory or self.metadata.current
        return None if current is None else paths.absolute(text, current)

    async def current(self) -> str:
        """Return the directory that relative paths begin at."""
        return await self._absolute(".")

    async def _absolute(self, path: str) -> str:
        if (known := self.known_place(path)) is not None:
            return known
        current, look = await self.ask(file_code.CURRENT)
        self.metadata.saw_current(look, current)
        return paths.absolute(path, current)

    async def measure(self) -> FileFacts:
        """Ask what the board's ``os`` has, and how much heap is free."""
        (*names, current, heap), look = await self.ask(file_code.FACTS)
        self.metadata.facts = facts = FileFacts(frozenset(names), heap)
        if current:
            self.metadata.saw_current(look, current)
        await self.tidy(*(file_code.call("remove", path) for path in self.leftovers.take()))
        return facts

    # Looking

    async def look(self, facts: FileFacts, path: str) -> FileStat | None:
        """Return what is at ``path``, ``None`` for nothing."""
        if self.metadata.knows(path):
            return self.metadata.stat(path)
        with self.metadata.looking() as look:
            found = await (self._stat_flat(path) if facts.is_flat else self._stat(path))
        self.metadata.saw(look, path, found)
        return found

    async def _stat(self, path: str) -> FileStat | None:
        try:
            return FileStat.read(path, *await self._session.perform(file_code.stat(path)))
        except DeviceError as error:
            if error.errno in {_ENOENT, _ENOTDIR}:
                return None
            raise

    async def _stat_flat(self, path: str) -> FileStat | None:
        sizes = await self._session.perform(file_code.flat_stat(path))
        return FileStat(path, is_dir=False, size=sizes[0]) if sizes else None

    async def listing(self, facts: FileFacts, path: str) -> tuple[FileStat, ...]:
        """Return what is in a directory, in as many turns as it has pages."""
        known = self.metadata.listing(path)
        if known is not None:
            return known
        size = max(1, min(ENTRIES_MOST, facts.heap // ENTRY_SHARE))
        found: list[FileStat] = []
        is_whole = False
        while not is_whole:
            end = len(found) + size
            code = (
                file_code.flat_page(len(found), end)
                if facts.is_flat
                else file_code.page(path, len(found), end)
            )
            answer, look = await self.ask(code)
            page = self._entries(path, answer, fields=2 if facts.is_flat else 4)
            found += page
            is_whole = len(page) < size
        listing = tuple(sorted({stat.path: stat for stat in found}.values(), key=lambda stat: stat.path))
        if len(found) < size:
            # Of what took several looks nobody knows whether it ever was so at one time.
            self.metadata.saw_listing(look, path, listing)
        return listing

    def _entries(self, folder: str, answer: list[Any], fields: int) -> list[FileStat]:
        found = []
        for at in range(0, len(answer), fields):
            name, *stat = answer[at : at + fields]
            path = paths.join(folder, paths.name_from_board(name, self.url))
            found.append(
                FileStat(path, is_dir=False, size=stat[0]) if fields == 2 else FileStat.read(path, *stat)
            )
        return found

    # Reading

    async def read(self, path: str, size: int) -> AsyncGenerator[bytes]:
        """Give what is in a file, opened anew for each piece: nothing stays open on the board between."""
        at = 0
        while True:
            try:
                piece, _ = await self.ask(file_code.read(path, at, size))
            except DeviceError as error:
                if error.kind != "MemoryError" or size <= _READ_LEAST:
                    raise
                size //= 2
                continue
            at += len(piece)
            yield piece
            if len(piece) < size:
                return

    async def read_kept(self, path: str, size: int) -> AsyncGenerator[bytes]:
        """Give what is in a file that cannot be sought in: it stays open between pieces."""
        number = self.next_handle()
        file = file_code.begin(number, path, "rb")
        try:
            while True:
                piece, _ = await self.ask(f"{file}.read({size})")
                yield piece
                if len(piece) < size:
                    return
                file = file_code.kept(number)
        finally:
            await self.tidy(file_code.finish(number))


def piece_size(facts: FileFacts) -> int:
    """Return how many bytes of a file are sent in one exec, either way."""
    return max(PIECE_LEAST, min(PIECE_MOST, facts.heap // PIECE_SHARE))
