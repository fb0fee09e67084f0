"""The files of a board, as a session reaches them."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from devsession.errors import DeviceError, UsageError
from devsession.session import file_code
from devsession.session.contents import Contents
from devsession.session.facts import Facts
from devsession.session.file_access import FileAccess
from devsession.session.metadata import FileMetadata, FileStat
from devsession.session.paths import AnyPath
from devsession.session.sources import checked_content

if TYPE_CHECKING:
    from devsession.session.session import DeviceSession

_ENOENT = 2


class DeviceFiles:
    """Files and directories of the board; all sessions see the same.

    What an operation on the board fails with is raised as DeviceError with its ``errno``: 2 where Python raises FileNotFoundError, 17 for
    FileExistsError, 20 for NotADirectoryError, 21 for IsADirectoryError, 28 when there is no room. Paths are the board's, relative ones
    to its current directory; what is no path raises UsageError before anything is sent.

    What ``listing``, ``stat`` and ``exists`` found is believed until a program runs on the board (see FileMetadata for the rule): asking
    twice costs nothing. The first operation in the life of an interpreter costs one turn more, to find out what its ``os`` has; a
    relative path one after each program, as that may have changed the current directory.

    A board whose ``os`` has no ``stat`` (micro:bit) has names and sizes only: every file is in one place, ``mkdir``, ``rmdir``,
    ``rename`` and ``append`` raise UsageError, and files are written in place.
    """

    def __init__(self, session: DeviceSession, metadata: FileMetadata, facts: Facts) -> None:
        self._session = session
        self._metadata = metadata
        self._access = FileAccess(session, metadata)
        self._contents = Contents(self._access, facts)

    # Looking

    async def listing(self, path: AnyPath = ".") -> tuple[FileStat, ...]:
        """Return what is in a directory, sorted by name, with type, size and time.

        Raises DeviceError: errno 2 for no such directory (FileNotFoundError in Python), 20 (or another, as the file system has it) for a
        file. Raises RemoteProtocolError when the board lists what is no name.
        """
        facts, path = await self._access.settle(path)
        return await self._access.listing(facts, path)

    async def stat(self, path: AnyPath) -> FileStat:
        """Return type, size and time of what is at ``path``; raises DeviceError with errno 2 (FileNotFoundError in Python) for nothing."""
        facts, path = await self._access.settle(path)
        found = await self._access.look(facts, path)
        if found is None:
            raise DeviceError("OSError", "[Errno 2] ENOENT", errno=_ENOENT, board=self._session.url)
        return found

    async def exists(self, path: AnyPath) -> bool:
        """Return whether there is something at ``path``."""
        facts, path = await self._access.settle(path)
        return await self._access.look(facts, path) is not None

    def refresh(self) -> None:
        """Forget what is known of the board's files: for what changed without a program, by a thread there or by hand."""
        self._session.check()
        self._metadata.forget()

    async def place(self, path: AnyPath) -> str:
        """Return a path that leads to the same place when the board's current directory is another; raises UsageError for what is none."""
        _, path = await self._access.settle(path)
        return path

    def looking(self) -> AbstractContextManager[object]:
        """Have the next exec of the block counted as one that leaves files alone."""
        return self._metadata.looking()

    # Contents

    async def read(self, path: AnyPath) -> bytes:
        """Return what is in a file, in as many turns as it has pieces; raises DeviceError, with errno 2 for no such file.

        Writes of devsession wait for it; what a program changes meanwhile may show.
        """
        _, path = await self._access.settle(path)
        async with self._metadata.lock(path):
            return b"".join([piece async for piece in self._contents.fetch(path)])

    async def write(self, path: AnyPath, data: bytes, *, in_place: bool = False) -> FileStat:
        """Put a file at ``path`` and return what is there now; a file that is there keeps its content until the new one is whole.

        The new content goes to a name beside it (``.devsession-`` and eight digits) that is renamed at the end: for that the file system
        needs room for both. FAT removes the old file just before: a board that loses power between has the new one under the other name.
        ``in_place`` writes over the old content: where there is no room for both, or the board cannot rename; a broken write then
        leaves part of the file. Raises DeviceError, with errno 2 for no such directory, 28 for no room; UsageError where the board has no
        ``rename`` and there is a file already.
        """
        data = checked_content(data)
        _, path = await self._access.settle(path)
        async with self._metadata.lock(path):
            return await self._contents.store(path, data, in_place=in_place)

    async def append(self, path: AnyPath, data: bytes) -> FileStat:
        """Add to the end of a file, which is made if need be, and return what is there now.

        A broken append leaves what was added until then. Raises DeviceError, with errno 2 for no such directory, 28 for no room.
        """
        data = checked_content(data)
        _, path = await self._access.settle(path)
        async with self._metadata.lock(path):
            return await self._contents.store(path, data, append=True)

    async def remove(self, path: AnyPath) -> None:
        """Remove a file; raises DeviceError, with errno 2 for no such file."""
        _, path = await self._access.settle(path)
        async with self._metadata.lock(path):
            await self._remove(file_code.call("remove", path), path)

    # Directories

    async def mkdir(self, path: AnyPath) -> None:
        """Make a directory; raises DeviceError, with errno 17 where something is (FileExistsError in Python), 2 for no parent."""
        facts, path = await self._access.settle(path)
        self._access.need(facts, "mkdir")
        await self._access.ask(file_code.call("mkdir", path), path)

    async def rmdir(self, path: AnyPath, *, recursive: bool = False) -> None:
        """Remove an empty directory, with ``recursive`` one with everything in it.

        Raises DeviceError, with errno 2 for no such directory; for one that is not empty it is as the file system has it (39, 66, 13).
        """
        facts, path = await self._access.settle(path)
        self._access.need(facts, "rmdir")
        if path == "/":
            raise UsageError("the root stays", board=self._session.url, phase="files")
        code = file_code.remove_tree(path) if recursive else file_code.call("rmdir", path)
        await self._remove(code, path, evaluate=not recursive)

    async def rename(self, old: AnyPath, new: AnyPath) -> None:
        """Give what is at ``old`` the path ``new``; raises DeviceError, with errno 2 for nothing there.

        A file that is at ``new`` already is replaced where the board's file system does that.
        """
        facts, old = await self._access.settle(old)
        self._access.need(facts, "rename")
        _, new = await self._access.settle(new)
        await self._access.ask(file_code.call("rename", old, new), old, new)

    # How it is done

    async def _remove(self, code: str, path: str, *, evaluate: bool = True) -> None:
        _, look = await self._access.ask(code, path, evaluate=evaluate)
        self._metadata.saw(look, path, None)
