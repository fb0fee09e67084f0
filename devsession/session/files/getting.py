"""Files of a board on their way to this computer: never outside the place that was named, never half a file."""

from __future__ import annotations

from contextlib import AsyncExitStack, aclosing
from pathlib import Path

from devsession.errors import UnsafeNameError, UsageError
from devsession.session.files import paths
from devsession.session.files.contents import PART, Contents
from devsession.session.files.file_access import FileAccess
from devsession.session.files.local_names import LocalNames
from devsession.session.files.local_writing import LocalWriting, is_regular, unwritable
from devsession.session.files.metadata import FileStat
from devsession.session.files.sending import Moved
from devsession.session.files.trees import Entry


class Getting:
    """Brings files of a board."""

    def __init__(self, access: FileAccess, contents: Contents, moved: Moved) -> None:
        self._access = access
        self._contents = contents
        self._moved = moved

    async def file(self, remote: str, local: Path) -> None:
        """Bring one file; what was at ``local`` stays until it is whole."""
        async with self._access.alone(remote), LocalWriting(local) as file:
            async for piece in self._contents.fetch(remote):
                await file.write(piece)
                self._moved.add(remote, len(piece))

    async def tree(self, remote: str, entries: dict[str, Entry], local: Path) -> None:
        """Bring what is in a directory; all names are looked at before any file is written. Raises UnsafeNameError."""
        wanted = {
            path: entry for path, entry in entries.items() if not paths.is_beside(paths.join(remote, path))
        }
        places = _places(local, wanted, self._access.url)
        small: dict[str, tuple[FileStat, Path]] = {}
        for path, entry in wanted.items():
            if entry.is_dir:
                continue
            _, place = await self._access.settle(paths.join(remote, path))
            if entry.size > PART:
                await self.file(place, places[path])
            else:
                small[place] = (FileStat(place, is_dir=False, size=entry.size), places[path])
        async with AsyncExitStack() as held:
            for place in sorted(small):
                await held.enter_async_context(self._access.alone(place))
            files = [stat for stat, _ in small.values()]
            async with aclosing(self._contents.fetch_many(files)) as found:
                async for stat, data in found:
                    async with LocalWriting(small[stat.path][1]) as file:
                        await file.write(data)
                    self._moved.add(stat.path, len(data))


def _places(local: Path, entries: dict[str, Entry], board: str) -> dict[str, Path]:
    """Make the directories of a tree, and return where each file is to be."""
    try:
        local.mkdir(parents=True, exist_ok=True)
        LocalNames.of(local).check(entries, board)
        root = local.resolve()
        places = {path: local.joinpath(*path.split("/")) for path in entries}
        for path, entry in entries.items():
            if entry.is_dir:
                places[path].mkdir(exist_ok=True)
            # A link would be followed.
            if not places[path].resolve().is_relative_to(root):
                raise UnsafeNameError(f"{places[path]} is not in {local}", board=board, phase="files")
            if not entry.is_dir and not is_regular(places[path]):
                raise UsageError(f"{places[path]} is no regular file", phase="files")
    except OSError as error:
        raise unwritable(local, error) from None
    return places
