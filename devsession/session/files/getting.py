"""Files of a board on their way to this computer: never outside the place that was named, never half a file."""

from __future__ import annotations

import os
import tempfile
from contextlib import AsyncExitStack, aclosing, suppress
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self, cast

from devsession.errors import UnsafeNameError, UsageError
from devsession.session.files import paths
from devsession.session.files.contents import PART, Contents
from devsession.session.files.file_access import FileAccess
from devsession.session.files.local_names import LocalNames
from devsession.session.files.metadata import FileStat
from devsession.session.files.sending import Progress, Tell
from devsession.session.files.trees import Entry


class LocalWriting:
    """A file of this computer that is new content beside the old, and takes its place when the block is left without an exception."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> Self:
        try:
            descriptor, name = tempfile.mkstemp(prefix=paths.BESIDE, dir=self._path.parent)
        except OSError as error:
            raise unwritable(self._path, error) from None
        self._beside = Path(name)
        self._file = cast("BinaryIO", os.fdopen(descriptor, "wb"))
        return self

    def write(self, data: bytes) -> None:
        """Write a piece; raises UsageError when there is no room."""
        try:
            self._file.write(data)
        except OSError as error:
            raise unwritable(self._path, error) from None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._file.close()
            if error is None:
                # What mkstemp makes is for its owner alone; files are made as the user has it.
                mask = os.umask(0)
                os.umask(mask)
                self._beside.chmod(0o666 & ~mask)
                self._beside.replace(self._path)
        except OSError as failure:
            raise unwritable(self._path, failure) from None
        finally:
            with suppress(FileNotFoundError):
                self._beside.unlink()


class Getting:
    """Brings files of a board; ``tell`` is called with each step, if there is somebody to tell."""

    def __init__(self, access: FileAccess, contents: Contents, tell: Tell | None, total: int) -> None:
        self._access = access
        self._contents = contents
        self._tell = tell
        self._total = total
        self._done = 0

    async def file(self, remote: str, local: Path) -> None:
        """Bring one file; what was at ``local`` stays until it is whole."""
        async with self._access.alone(remote):
            with LocalWriting(local) as file:
                async for piece in self._contents.fetch(remote):
                    file.write(piece)
                    self._moved(remote, len(piece))

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
                    with LocalWriting(small[stat.path][1]) as file:
                        file.write(data)
                    self._moved(stat.path, len(data))

    def _moved(self, path: str, size: int) -> None:
        self._done += size
        if self._tell is not None:
            self._tell(Progress(path, self._done, max(self._total, self._done)))


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
            if not places[path].parent.resolve().is_relative_to(root):
                raise UnsafeNameError(f"{places[path]} is not in {local}", board=board, phase="files")
    except OSError as error:
        raise unwritable(local, error) from None
    return places


def unwritable(path: Path, error: OSError) -> UsageError:
    """Return the error for what of this computer cannot be written."""
    return UsageError(f"{path}: {error.strerror}", phase="files")
