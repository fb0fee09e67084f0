"""What is on a board's file systems: the verbs that change nothing."""

from __future__ import annotations

import hashlib
import posixpath
import re
import zlib
from collections.abc import AsyncGenerator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from devsession.errors import DeviceError, SessionError, UsageError
from devsession.protocol.segments import Coding
from devsession.session.facts import Facts
from devsession.session.files import file_code, paths, patterns
from devsession.session.files.contents import Contents
from devsession.session.files.file_access import FileAccess
from devsession.session.files.metadata import CacheUse, FileMetadata, FileStat
from devsession.session.files.paths import AnyPath
from devsession.session.files.transfer import PATIENCE
from devsession.session.files.trees import Entry, Trees

if TYPE_CHECKING:
    from devsession.session.session import DeviceSession

_ENOENT, _ENOTDIR = 2, 20


@dataclass(frozen=True, slots=True)
class DiskUse:
    """How large a file system is, and how much of it is free, in bytes; ``block`` is what a small file takes."""

    total: int
    free: int
    block: int

    @property
    def used(self) -> int:
        """The bytes that are taken."""
        return self.total - self.free


class Folder(NamedTuple):
    """A directory of a tree: its path, the names of the directories in it, and those of the files."""

    path: str
    folders: tuple[str, ...]
    files: tuple[str, ...]


class FileLooking:
    """The part of DeviceFiles that looks and changes nothing."""

    def __init__(self, session: DeviceSession, metadata: FileMetadata, facts: Facts) -> None:
        self._session = session
        self._metadata = metadata
        self._access = FileAccess(session, metadata)
        self._contents = Contents(self._access, facts)
        self._trees = Trees(session, self._access)

    async def listdir(self, path: AnyPath = ".") -> tuple[str, ...]:
        """Return the names in a directory, sorted; raises as ``scandir``."""
        return tuple(stat.name for stat in await self.scandir(path))

    async def scandir(self, path: AnyPath = ".") -> tuple[FileStat, ...]:
        """Return what is in a directory, sorted by name, with type, size and time.

        Raises DeviceError: errno 2 for no such directory (FileNotFoundError in Python), 20 (or another, as the file system has it) for a
        file. Raises UnsafeNameError when the board lists what is no name.
        """
        facts, path = await self._access.settle(path)
        return await self._access.listing(facts, path)

    async def stat(self, path: AnyPath) -> FileStat:
        """Return type, size and time of what is at ``path``; raises DeviceError with errno 2 (FileNotFoundError in Python) for nothing."""
        facts, path = await self._access.settle(path)
        found = await self._access.look(facts, path)
        if found is None:
            raise self._nothing(path)
        return found

    async def exists(self, path: AnyPath) -> bool:
        """Return whether there is something at ``path``."""
        facts, path = await self._access.settle(path)
        return await self._access.look(facts, path) is not None

    async def walk(self, path: AnyPath = ".") -> AsyncGenerator[Folder, None]:
        """Give each directory of a tree, from the top: its path, the names of the directories in it, and those of the files.

        The whole tree is asked for at once: one turn, two the first time, more where the board has little heap. Raises DeviceError with
        errno 2 for no such directory, UnsafeNameError.
        """
        root, entries = await self._tree(path)
        found: dict[str, tuple[list[str], list[str]]] = {"": ([], [])}
        for inside, entry in sorted(entries.items()):
            folder, name = paths.split(inside)
            if entry.is_dir:
                found[inside] = ([], [])
            found.setdefault(folder, ([], []))[0 if entry.is_dir else 1].append(name)
        for inside, (folders, files) in sorted(found.items()):
            yield Folder(posixpath.join(root, inside) if inside else root, tuple(folders), tuple(files))

    async def glob(self, pattern: str) -> tuple[str, ...]:
        """Return the paths that a pattern is for, sorted: ``*.py``, ``/lib/**/*.mpy``; none is no error.

        ``**`` is any number of directories. One turn as for ``walk``, of the directory before the first part with a wildcard.
        """
        parts = paths.checked(pattern).split("/")
        fixed = next((n for n, part in enumerate(parts) if patterns.has_wildcard(part)), len(parts) - 1)
        root = "/".join(parts[:fixed]) or ("/" if pattern.startswith("/") else ".")
        try:
            root, entries = await self._tree(root)
        except DeviceError as error:
            if error.errno in {_ENOENT, _ENOTDIR}:
                return ()
            raise
        wanted = re.compile(patterns.regex("/".join(parts[fixed:])), re.DOTALL)
        return tuple(sorted(posixpath.join(root, inside) for inside in entries if wanted.fullmatch(inside)))

    async def hash(self, path: AnyPath, algorithm: str = "sha256") -> str:
        """Return the hash of a file, as hexadecimal digits: reckoned on the board for ``sha256`` and ``crc32``, where it has that.

        Any other of ``hashlib`` is reckoned here, of the file as it is read. Raises DeviceError with errno 2 for no such file.
        """
        if algorithm != "crc32" and algorithm not in hashlib.algorithms_available:
            raise UsageError(
                f"no hash is called {algorithm!r}", phase="files", hint="sha256, crc32, md5, sha1"
            )
        stat = await self.stat(path)
        if stat.is_dir:
            raise DeviceError("OSError", f"[Errno 21] EISDIR: {stat.path}", errno=21, board=self._session.url)
        if algorithm in {"sha256", "crc32"}:
            digest = (await self._trees.file(stat.path, stat.size)).digest
            if isinstance(digest, bytes) and algorithm == "sha256":
                return digest.hex()
            if isinstance(digest, int) and algorithm == "crc32":
                return f"{digest:08x}"
        return await self._hash_here(stat.path, algorithm)

    async def _hash_here(self, path: str, algorithm: str) -> str:
        crc, found = 0, None if algorithm == "crc32" else hashlib.new(algorithm, usedforsecurity=False)
        async with self._access.alone(path):
            async for piece in self._contents.fetch(path):
                if found is None:
                    crc = zlib.crc32(piece, crc)
                else:
                    found.update(piece)
        return f"{crc:08x}" if found is None else found.hexdigest()

    async def statvfs(self, path: AnyPath = "/") -> DiskUse:
        """Return how large the file system is that ``path`` is on, and what is free; raises UsageError where the board cannot tell."""
        facts, path = await self._access.settle(path)
        self._access.need(facts, "statvfs")
        (block, blocks, free), _ = await self._access.ask(file_code.statvfs(path))
        return DiskUse(block * blocks, block * free, block)

    def mounts(self) -> tuple[str, ...]:
        """Return where the board's file systems are mounted, as far as it has told: ``/`` at least."""
        try:
            systems = self._session.device.capabilities.file_systems
        except SessionError:
            systems = None
        return tuple(system.mount for system in systems or ()) or ("/",)

    # Where, and what is known

    async def chdir(self, path: AnyPath) -> None:
        """Have relative paths of this session begin at ``path``; programs of the board have a current directory of their own.

        Raises DeviceError with errno 2 for nothing there, 20 for a file.
        """
        facts, path = await self._access.settle(path)
        if facts.is_flat:
            if path:
                raise UsageError("this board has no directories", board=self._session.url, phase="files")
            return
        if path != "/" and not (await self.stat(path)).is_dir:
            raise DeviceError(
                "OSError", f"[Errno 20] ENOTDIR: {path}", errno=_ENOTDIR, board=self._session.url
            )
        self._access.directory = path

    async def getcwd(self) -> str:
        """Return where relative paths begin: at the board's own current directory, until ``chdir`` was called."""
        facts = await self._access.facts()
        return "/" if facts.is_flat else await self._access.current()

    @property
    def known(self) -> CacheUse:
        """How often what was asked about the board's files, by all its sessions, was known without asking it."""
        return self._metadata.use

    def invalidate(self, path: AnyPath | None = None) -> None:
        """Forget what is known of ``path`` and of what is in it, without one of all: for what changed without a program, or by hand."""
        self._session.check()
        known = None if path is None else self._access.known_place(path)
        if known is None:
            self._metadata.forget()
        else:
            self._metadata.invalidate(known)

    def moving(self, *, coding: Coding | str | None = None, patience: float = PATIENCE) -> None:
        """Have what is in files moved in that coding from now on, and given up when nothing moves for ``patience`` seconds.

        ``coding`` is ``"binary"``, ``"base64"`` or ``"hex"``; by default the best that the board can do. Raises UsageError for what is
        none; a board that cannot do it is told of by the next transfer.
        """
        try:
            self._contents.coding = None if coding is None else Coding(coding)
        except ValueError:
            known = ", ".join(each.value for each in Coding)
            raise UsageError(f"{coding!r} is no coding: there are {known}", phase="files") from None
        self._contents.patience = patience

    async def place(self, path: AnyPath) -> str:
        """Return a path that leads to the same place when the board's current directory is another; raises UsageError for what is none."""
        return (await self._access.settle(path))[1]

    def looking(self) -> AbstractContextManager[object]:
        """Have the next exec of the block counted as one that leaves files alone."""
        return self._metadata.looking()

    async def _tree(self, path: AnyPath) -> tuple[str, dict[str, Entry]]:
        root = await self._access.root(path)
        found = await self._trees.tree(root)
        if found is None:
            raise self._nothing(root)
        return root, found

    def _nothing(self, path: str) -> DeviceError:
        return DeviceError("OSError", f"[Errno 2] ENOENT: {path}", errno=_ENOENT, board=self._session.url)
