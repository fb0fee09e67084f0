"""Files of this computer that are written: what was there stays until the new content is whole."""

from __future__ import annotations

import asyncio
import errno
import os
import re
import stat
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self, cast

from devsession.errors import UsageError
from devsession.session.files import paths

# Who reads a pipe is asked for so often, in seconds: nothing tells of it on every system.
_ASK_AGAIN = 0.02
# A file beside another that nobody wrote to for so long, in seconds, is of a process that was killed: a board that is silent is given up
# much earlier.
STALE = 3600.0
_STALE_NAME = re.compile(re.escape(paths.BESIDE) + r"(case)?[a-z0-9_]{8}")
# os.O_BINARY is of Windows, the others of POSIX: opening a pipe waits for nobody, and a terminal does not become ours.
_DIRECTLY = (
    os.O_WRONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0) | getattr(os, "O_BINARY", 0)
)


class LocalWriting:
    """A file of this computer that takes the place of the one at ``path``, with its mode, when the block is left without an exception.

    A link is followed. What is no regular file (a pipe, ``/dev/null``) is written to as it comes; a terminal is not: UsageError.
    """

    def __init__(self, path: Path) -> None:
        self._named = path
        # Links that lead round and round are no error here, but when it is written.
        self._path = Path(os.path.realpath(path))
        self._beside: Path | None = None
        self._mode: int | None = None

    async def __aenter__(self) -> Self:
        try:
            self._file = await self._opened()
        except OSError as error:
            raise unwritable(self._named, error) from None
        return self

    async def _opened(self) -> BinaryIO:
        # Of what /dev/stdout leads to there may be no path.
        found = _mode(self._named)
        if found is not None and stat.S_ISDIR(found):
            raise UsageError(f"{self._named} is a directory", phase="files")
        if found is not None and not stat.S_ISREG(found):
            return await self._directly(is_pipe=stat.S_ISFIFO(found))
        self._mode = None if found is None else stat.S_IMODE(found)
        _remove_stale(self._path.parent)
        descriptor, name = tempfile.mkstemp(prefix=paths.BESIDE, dir=self._path.parent)
        self._beside = Path(name)
        return cast("BinaryIO", os.fdopen(descriptor, "wb"))

    async def _directly(self, *, is_pipe: bool) -> BinaryIO:
        while True:
            try:
                file = os.fdopen(os.open(self._named, _DIRECTLY), "wb", buffering=0)
            except OSError as error:
                if not (is_pipe and error.errno == errno.ENXIO):
                    raise
                # Nobody reads it yet.
                await asyncio.sleep(_ASK_AGAIN)
                continue
            if not file.isatty():
                return cast("BinaryIO", file)
            file.close()
            raise UsageError(f"{self._named} is a terminal", phase="files", hint="devsession fs cat")

    async def write(self, data: bytes) -> None:
        """Write a piece; raises UsageError when there is no room."""
        left = memoryview(data)
        try:
            while left:
                # A pipe that is full takes nothing.
                if taken := self._file.write(left):
                    left = left[taken:]
                else:
                    await asyncio.sleep(_ASK_AGAIN)
        except OSError as error:
            raise unwritable(self._named, error) from None

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._file.close()
            if error is None and self._beside is not None:
                self._beside.chmod(_usual_mode() if self._mode is None else self._mode)
                self._beside.replace(self._path)
        except OSError as failure:
            raise unwritable(self._named, failure) from None
        finally:
            if self._beside is not None:
                with suppress(FileNotFoundError):
                    self._beside.unlink()


def is_regular(path: Path) -> bool:
    """Whether there is a regular file, or nothing yet."""
    found = _mode(path)
    return found is None or stat.S_ISREG(found)


def _mode(path: Path) -> int | None:
    try:
        return path.stat().st_mode
    except FileNotFoundError:
        return None


def _usual_mode() -> int:
    # What mkstemp makes is for its owner alone; files are made as the user has it.
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask


def _remove_stale(folder: Path) -> None:
    """Remove what processes that were killed left in ``folder``, as far as that is possible."""
    old = time.time() - STALE
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if not _STALE_NAME.fullmatch(entry.name) or not entry.is_file(follow_symlinks=False):
                continue
            if entry.stat(follow_symlinks=False).st_mtime < old:
                Path(entry.path).unlink()


def unwritable(path: Path, error: OSError) -> UsageError:
    """Return the error for what of this computer cannot be written."""
    return UsageError(f"{path}: {error.strerror}", phase="files")
