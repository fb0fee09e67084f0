"""What is on a board's file systems: the verbs that read and change it."""

from __future__ import annotations

import posixpath
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from devsession.errors import DeviceError, LinkError, UsageError
from devsession.session.files import file_code, paths
from devsession.session.files.file_access import TREE_TIMEOUT
from devsession.session.files.looking import FileLooking
from devsession.session.files.metadata import FileFacts, FileStat
from devsession.session.files.opened import DeviceFile
from devsession.session.files.paths import AnyPath
from devsession.session.files.sources import checked_content

_ENOENT, _EEXIST = 2, 17


class FileChanging(FileLooking):
    """The part of DeviceFiles that changes one thing at a time."""

    # Contents

    async def read_bytes(self, path: AnyPath) -> bytes:
        """Return what is in a file; raises DeviceError, with errno 2 for no such file.

        Writes of devsession wait for it; what a program changes meanwhile may show.
        """
        _, path = await self._access.settle(path)
        async with self._access.alone(path):
            return b"".join([piece async for piece in self._contents.fetch(path)])

    async def read_text(self, path: AnyPath) -> str:
        """Return the text in a file, which is UTF-8; raises as ``read_bytes``, and UsageError for what is no text."""
        data = await self.read_bytes(path)
        try:
            return data.decode()
        except UnicodeDecodeError as error:
            raise UsageError(
                f"{path} is no UTF-8 text: {error}", phase="files", hint="use read_bytes"
            ) from None

    async def write_bytes(self, path: AnyPath, data: bytes, *, in_place: bool = False) -> FileStat:
        """Put a file at ``path`` and return what is there now; a file that is there keeps its content until the new one is whole.

        The new content goes to a name beside it (``.devsession-`` and eight digits) that is renamed at the end: for that the file system
        needs room for both. FAT removes the old file just before: a board that loses power between has the new one under the other name.
        ``in_place`` writes over the old content: where there is no room for both, or the board cannot rename; a broken write then
        leaves part of the file. Raises DeviceError, with errno 2 for no such directory, 28 for no room; UsageError where the board has no
        ``rename`` and there is a file already.
        """
        data = checked_content(data)
        _, path = await self._access.settle(path)
        async with self._access.alone(path):
            return await self._contents.store(path, data, in_place=in_place)

    async def write_text(self, path: AnyPath, text: str, *, in_place: bool = False) -> FileStat:
        """Put a file with ``text``, as UTF-8, at ``path``; as ``write_bytes``."""
        if not isinstance(text, str):
            raise UsageError(
                f"text is a str, not {type(text).__name__}", phase="files", hint="use write_bytes"
            )
        return await self.write_bytes(path, text.encode(), in_place=in_place)

    def open(self, path: AnyPath, mode: str = "r") -> DeviceFile:
        """Return a file to be opened by ``async with``, for what is larger than memory; see DeviceFile.

        ``mode`` is ``r``, ``w`` or ``a``, with a ``b`` behind it for bytes. Raises UsageError for another; entering it what ``read_bytes``
        and ``write_bytes`` raise.
        """
        return DeviceFile(self._access, self._contents, path, mode)

    async def copy(self, old: AnyPath, new: AnyPath) -> FileStat:
        """Copy a file on the board, without its content on the wire, and return the new one; raises as ``write_bytes``."""
        facts, old = await self._access.settle(old)
        _, new = await self._access.settle(new)
        if old == new:
            raise UsageError(f"{old} is where it is to be copied to", board=self._session.url, phase="files")
        size = (await self.stat(old)).size
        async with self._access.alone(new):
            if facts.is_flat:
                await self._access.ask(file_code.copy(old, new), new, evaluate=False, timeout=TREE_TIMEOUT)
                return await self.stat(new)
            beside = paths.beside(new)
            async with self._tidied(file_code.call("remove", beside)):
                await self._access.ask(file_code.copy(old, beside), evaluate=False, timeout=TREE_TIMEOUT)
            await self._put_in_place(beside, new, size)
        return await self.stat(new)

    async def _put_in_place(self, beside: str, path: str, size: int) -> None:
        code = file_code.swap(beside, path, size)
        try:
            async with self._tidied(file_code.call("remove", beside), besides=_EEXIST):
                await self._access.ask(code, path)
        except DeviceError as error:
            if error.errno != _EEXIST:
                raise
            # This file system does not rename over what is there.
            async with self._tidied(file_code.abandon(beside, path)):
                await self._access.ask(f"({file_code.call('remove', path)},{code})[1]", path)

    @asynccontextmanager
    async def _tidied(self, code: str, besides: int | None = None) -> AsyncIterator[None]:
        """Run ``code`` on the board behind a failure of the block, ``besides`` one with that number."""
        try:
            yield
        except BaseException as error:
            expected = besides is not None and isinstance(error, DeviceError) and error.errno == besides
            if not isinstance(error, LinkError) and not expected:
                await self._access.tidy(code)
            raise

    async def remove(self, path: AnyPath) -> None:
        """Remove a file; raises DeviceError, with errno 2 for no such file."""
        _, path = await self._access.settle(path)
        async with self._access.alone(path):
            await self._remove(file_code.call("remove", path), path)

    # Directories

    async def mkdir(self, path: AnyPath, *, parents: bool = False, exist_ok: bool = False) -> None:
        """Make a directory, with ``parents`` those that it is in too; one that is there is no error with ``exist_ok``.

        Raises DeviceError, with errno 17 where something is (FileExistsError in Python), 2 for no parent.
        """
        facts, path = await self._access.settle(path)
        self._access.need(facts, "mkdir")
        try:
            await self._access.ask(file_code.call("mkdir", path), path)
        except DeviceError as error:
            if parents and error.errno == _ENOENT and path != "/":
                await self.mkdir(posixpath.dirname(path), parents=True, exist_ok=True)
                await self.mkdir(path, exist_ok=exist_ok)
            elif not (exist_ok and await self._is_directory(facts, path)):
                raise

    async def _is_directory(self, facts: FileFacts, path: str) -> bool:
        found = await self._access.look(facts, path)
        return found is not None and found.is_dir

    async def rmdir(self, path: AnyPath) -> None:
        """Remove an empty directory.

        Raises DeviceError, with errno 2 for no such directory; for one that is not empty it is as the file system has it (39, 66, 13).
        """
        path = await self._removable(path)
        await self._remove(file_code.call("rmdir", path), path)

    async def rmtree(self, path: AnyPath) -> None:
        """Remove a directory with everything in it; raises DeviceError, with errno 2 for no such directory."""
        path = await self._removable(path)
        await self._remove(file_code.remove_tree(path), path, evaluate=False)

    async def rename(self, old: AnyPath, new: AnyPath) -> None:
        """Give what is at ``old`` the path ``new``; raises DeviceError, with errno 2 for nothing there.

        A file that is at ``new`` already is replaced where the board's file system does that. Raises UsageError for what is there already,
        and for a directory that would be in itself, also in other case: some file systems lose all of it.
        """
        facts, old = await self._access.settle(old)
        self._access.need(facts, "rename")
        _, new = await self._access.settle(new)
        if new == old or new.casefold().startswith(f"{old.rstrip('/')}/".casefold()):
            what = "what it is called already" if new == old else "in it"
            raise UsageError(
                f"{old} cannot be called {new}, which is {what}", board=self._session.url, phase="files"
            )
        await self._access.ask(file_code.call("rename", old, new), old, new)

    async def _removable(self, path: AnyPath) -> str:
        facts, path = await self._access.settle(path)
        self._access.need(facts, "rmdir")
        if path == "/":
            raise UsageError("the root stays", board=self._session.url, phase="files")
        return path

    async def _remove(self, code: str, path: str, *, evaluate: bool = True) -> None:
        _, look = await self._access.ask(code, path, evaluate=evaluate, timeout=TREE_TIMEOUT)
        self._metadata.saw(look, path, None)
