"""Whole trees of files on a board, asked for in one call."""

from __future__ import annotations

import functools
import hashlib
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from devsession.errors import DeviceError, RemoteProtocolError, UnsafeNameError
from devsession.methods.method import Method
from devsession.session.deployed import DeployedFunction, Options
from devsession.session.files import paths
from devsession.session.files.file_access import FileAccess

if TYPE_CHECKING:
    from devsession.session.session import DeviceSession

# Bytes of sha256 that are compared: with the size, enough for what nobody forges.
DIGEST_LENGTH = 8
WHOLE_DIGEST = 32
# A board that tells of more than this has no end.
MOST_ENTRIES = 100_000
# No file system of a board takes a longer path.
LONGEST_PATH = 1024
# How long a walk may take, in seconds, and how many bytes a slow board reads and hashes in one.
WALK_TIMEOUT = 30.0
HASH_RATE = 10_000
_FIELDS = 3
# This share of a board's free heap is for one page of a tree; where it lacks room for what comes with it, one of the next.
_SHARES = (8, 64, 512)
_ENOENT, _ENOTDIR = 2, 20

Digest = bytes | int | None


@dataclass(frozen=True, slots=True)
class Entry:
    """What is at one place of a tree: ``size`` is -1 for a directory; ``digest`` tells contents apart where it was asked for."""

    size: int
    digest: Digest = None

    @property
    def is_dir(self) -> bool:
        """Whether it is a directory."""
        return self.size < 0

    def holds(self, data: bytes) -> bool | None:
        """Whether it is a file with these bytes; ``None`` where the board cannot tell."""
        if self.size != len(data):
            return False
        if self.digest is None:
            return None
        return self.digest == (
            zlib.crc32(data)
            if isinstance(self.digest, int)
            else hashlib.sha256(data).digest()[: len(self.digest)]
        )


class Trees:
    """Asks a board for trees, in two turns the first time and one after that, more where its heap is small.

    Where it has no room for the method that walks, or no ``stat``, directories are listed one by one, and nothing has a digest.
    """

    def __init__(self, session: DeviceSession, access: FileAccess) -> None:
        self._session = session
        self._access = access
        self._metadata = access.metadata
        self._share = 0
        self._walks_there = True

    async def tree(
        self, root: str, sizes: Iterable[int] = (), *, to_read: int = 0
    ) -> dict[str, Entry] | None:
        """Return what is in the directory ``root``, by path from there, a directory before what is in it; ``None`` for no such directory.

        Files whose size is one of ``sizes`` have a digest, ``to_read`` bytes in all at most. Raises UnsafeNameError for what is no name.
        """
        root = root.rstrip("/")
        if self._can_walk():
            try:
                return await self._walked(root, tuple(sorted(set(sizes))), to_read)
            except DeviceError as error:
                self._check_room(error)
        return await self._listed(root)

    def _can_walk(self) -> bool:
        facts = self._metadata.facts
        return self._walks_there and not (facts is not None and facts.is_flat)

    def _check_room(self, error: DeviceError) -> None:
        if error.kind not in {"MemoryError", "AttributeError"}:
            raise error
        self._walks_there = False

    async def _listed(self, root: str) -> dict[str, Entry] | None:
        facts, top = await self._access.settle(root or "/")
        found: dict[str, Entry] = {}
        waiting = [top]
        while waiting:
            folder = waiting.pop()
            try:
                stats = await self._access.listing(facts, folder)
            except DeviceError as error:
                if error.errno == _ENOENT and folder == top:
                    return None
                raise
            for stat in stats:
                found[stat.path.removeprefix(top).lstrip("/")] = Entry(-1 if stat.is_dir else stat.size)
                waiting += [stat.path] if stat.is_dir else []
        return found

    async def _walked(self, root: str, wanted: tuple[int, ...], to_read: int) -> dict[str, Entry] | None:
        found: dict[str, Entry] = {}
        begin, is_more = 0, True
        while is_more:
            try:
                page, is_more = await self._page(root, begin, wanted, DIGEST_LENGTH, to_read)
            except DeviceError as error:
                if error.errno == _ENOENT and not begin:
                    return None
                raise
            begin += len(page)
            for path, entry in page:
                if path == "":
                    if not entry.is_dir:
                        raise DeviceError(
                            "OSError", f"[Errno 20] ENOTDIR: {root}", errno=_ENOTDIR, board=self._session.url
                        )
                    continue
                inside = path.removeprefix("/")
                self._check(inside, found)
                found[inside] = entry
            if (is_more and not page) or len(found) > MOST_ENTRIES:
                raise RemoteProtocolError(
                    f"the board's list of files in {root or '/'} has no end",
                    board=self._session.url,
                    phase="files",
                )
        return found

    async def file(self, path: str, size: int) -> Entry:
        """Return the file at ``path``, which has about ``size`` bytes, with its whole digest; raises DeviceError, errno 2 for none."""
        if self._can_walk():
            try:
                [(_, entry)], _ = await self._page(path, 0, (), WHOLE_DIGEST, size)
            except DeviceError as error:
                self._check_room(error)
            else:
                return entry
        return Entry(size)

    async def _page(
        self, root: str, begin: int, sizes: tuple[int, ...], length: int, to_read: int
    ) -> tuple[list[tuple[str, Entry]], bool]:
        session = self._session
        # What is the user's in it runs as such, not as a look.
        await session.before_call()
        method = _method()
        home = session.board_home
        tree_of: DeployedFunction[..., Any] = DeployedFunction(
            method, home, session, Options(timeout=WALK_TIMEOUT + to_read / HASH_RATE)
        )
        if not home.is_known(method):
            with self._metadata.looking():
                await home.deploy(method)
        flat, is_more = await self._call(tree_of, root, begin, sizes, length)
        return self._entries(flat), bool(is_more)

    async def _call(self, tree_of: DeployedFunction[..., Any], *args: object) -> Any:
        while True:
            try:
                with self._metadata.looking():
                    return await tree_of(*args, _SHARES[self._share])
            except DeviceError as error:
                if error.kind != "MemoryError" or self._share + 1 == len(_SHARES):
                    raise
                self._share += 1

    def _entries(self, flat: list[Any]) -> list[tuple[str, Entry]]:
        found = []
        for path, size, digest in zip(*[iter(flat)] * _FIELDS, strict=True):
            if not isinstance(path, str) or not isinstance(size, int):
                raise RemoteProtocolError(
                    f"the board lists {path!a:.80}, which is no path", board=self._session.url, phase="files"
                )
            found.append((path, Entry(size, digest)))
        return found

    def _check(self, path: str, found: dict[str, Entry]) -> None:
        for part in path.split("/"):
            paths.name_from_board(part, self._session.url)
        folder = paths.split(path)[0]
        if len(path) > LONGEST_PATH or (folder and not ((above := found.get(folder)) and above.is_dir)):
            raise UnsafeNameError(
                f"the board lists {path[:60]!a}, which is in no directory of it",
                board=self._session.url,
                phase="files",
            )


@functools.cache
def _method() -> Method:
    from firmware_helpers.tree import tree_of

    return Method.of(tree_of)
