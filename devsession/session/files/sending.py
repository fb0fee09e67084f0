"""Many files and directories on their way to a board, in few turns."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass

from devsession.errors import DeviceError, UsageError
from devsession.session.files import file_code
from devsession.session.files.contents import Contents
from devsession.session.files.file_access import TREE_TIMEOUT, FileAccess
from devsession.session.files.local_tree import LocalFile

# Files of so many bytes together are sent at once: what fails then is known to be one of them.
TOGETHER = 256 * 1024
# So many bytes of heap hold one byte of a list of paths: it is there as a command, as text, and as objects.
_HEAP_SHARE = 16
_LIST_MOST = 8 * 1024


@dataclass(frozen=True, slots=True)
class Progress:
    """How far moving files has come: ``path`` is at hand, ``done`` of ``total`` bytes are moved."""

    path: str
    done: int
    total: int


Tell = Callable[[Progress], object]


class Moved:
    """How much of ``total`` bytes has moved; ``tell`` is called with each step, if there is somebody to tell."""

    def __init__(self, tell: Tell | None, total: int) -> None:
        self._tell = tell
        self._total = total
        self._done = 0

    def add(self, path: str, size: int) -> None:
        """Know that so many bytes more of a file moved."""
        self._done += size
        if self._tell is not None:
            self._tell(Progress(path, self._done, max(self._total, self._done)))


class Sending:
    """Puts files below ``root`` on a board."""

    def __init__(self, access: FileAccess, contents: Contents, root: str, moved: Moved) -> None:
        self._access = access
        self._contents = contents
        self._root = root
        self._moved = moved

    async def make(self, folders: Iterable[str]) -> None:
        """Make directories, outer ones first."""
        await self._each("mkdir", sorted(folders))

    async def remove(self, going: Iterable[str], folders: Iterable[str]) -> None:
        """Remove files, then those of them that are directories, inner ones first."""
        inner = set(folders)
        await self._each("remove", [path for path in going if path not in inner])
        await self._each("rmdir", sorted((path for path in going if path in inner), reverse=True))

    async def send(self, files: Mapping[str, LocalFile]) -> None:
        """Write files, many at a time; raises DeviceError, which names those, and UsageError for what cannot be read."""
        for group in _groups(files):
            places = {await self._place(path): file for path, file in group}
            async with AsyncExitStack() as held:
                for place in sorted(places):
                    await held.enter_async_context(self._access.alone(place))
                try:
                    await self._send(places)
                except DeviceError as error:
                    first, last = next(iter(places)), next(reversed(places))
                    error.add_note(
                        f"while {first if first == last else f'one of {first} to {last}'} was written"
                    )
                    raise

    async def _send(self, places: Mapping[str, LocalFile]) -> None:
        facts = await self._access.facts()
        # Where the board cannot rename, sending again what is there means to write over it.
        in_place = "rename" not in facts.functions
        steps = _Steps(places, self._moved.add)
        if len(places) > 1 and not in_place:
            await self._contents.store_many(
                [(place, file.content) for place, file in places.items()], steps.sent
            )
            steps.sent_all()
            return
        for place, file in places.items():
            await self._contents.store(place, file.content, in_place=in_place, sent=steps.sent)
            steps.sent_file(place)

    async def _place(self, path: str) -> str:
        return (await self._access.settle(posixpath.join(self._root, path)))[1]

    async def _each(self, function: str, inside: list[str]) -> None:
        if not inside:
            return
        facts = await self._access.facts()
        if facts.is_flat and function != "remove":
            raise UsageError("this board has no directories", board=self._access.url, phase="files")
        room = min(_LIST_MOST, facts.heap // _HEAP_SHARE)
        group: list[str] = []
        for path in inside:
            place = await self._place(path)
            if group and len("".join(group)) + len(place) > room:
                await self._call(function, group)
                group = []
            group.append(place)
        await self._call(function, group)

    async def _call(self, function: str, places: list[str]) -> None:
        await self._access.ask(file_code.call_each(function, places), *places, timeout=TREE_TIMEOUT)


class _Steps:
    """Which file of a group is at hand, by the bytes that have gone; what is sent again is told once."""

    def __init__(self, places: Mapping[str, LocalFile], moved: Callable[[str, int], None]) -> None:
        self._left = {place: file.size for place, file in places.items()}
        # Of an empty file no byte ever goes.
        self._told = {place for place, left in self._left.items() if left}
        self._moved = moved

    def sent(self, size: int) -> None:
        """Know that so many bytes more went."""
        for place, left in list(self._left.items()):
            if size and left:
                step = min(size, left)
                size -= step
                self._left[place] = left - step
                self._moved(place, step)

    def sent_file(self, place: str) -> None:
        """Know that all of one file went."""
        left = self._left.pop(place)
        if left or place not in self._told:
            self._moved(place, left)

    def sent_all(self) -> None:
        """Know that all files went."""
        for place in list(self._left):
            self.sent_file(place)


def _groups(files: Mapping[str, LocalFile]) -> Iterator[list[tuple[str, LocalFile]]]:
    group: list[tuple[str, LocalFile]] = []
    size = 0
    for path, file in files.items():
        if group and size + file.size > TOGETHER:
            yield group
            group, size = [], 0
        group.append((path, file))
        size += file.size
    if group:
        yield group
