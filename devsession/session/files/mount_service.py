"""Answers what a board asks about a directory that it was shown."""

from __future__ import annotations

import errno
import io
import os
import shutil
from collections.abc import Callable

from devsession.board.log import log
from devsession.protocol import requests
from devsession.protocol.requests import ONE_WAY, Request
from devsession.protocol.segments import Coding, Form
from devsession.session.files.shown import Shown

# Files that a board may have open at once: with more, the one not used for longest is closed.
OPEN_MOST = 64
# Seconds from 1970 to 2000, where the clocks of some boards begin.
_FROM_2000 = 946_684_800
_ERRNOS = {
    # MicroPython has these numbers on every board, whatever this system's are.
    errno.EPERM: 1,
    errno.ENOENT: 2,
    errno.EIO: 5,
    errno.EBADF: 9,
    errno.ENOMEM: 12,
    errno.EACCES: 13,
    errno.EBUSY: 16,
    errno.EEXIST: 17,
    errno.EXDEV: 18,
    errno.ENODEV: 19,
    errno.ENOTDIR: 20,
    errno.EISDIR: 21,
    errno.EINVAL: 22,
    errno.ENFILE: 23,
    errno.EMFILE: 24,
    errno.EFBIG: 27,
    errno.ENOSPC: 28,
    errno.ESPIPE: 29,
    errno.EROFS: 30,
    errno.ENAMETOOLONG: 36,
    errno.ENOTEMPTY: 39,
    errno.ELOOP: 40,
}
_EIO, _EINVAL = 5, 22
_ANY_BLOCK = 4096
_BLOCKS_MOST = 2**18 - 1
_ENDINGS = (".py", ".mpy")
_AT_END, _GOES_ON = b"1", b"0"


class _FailedBefore(Exception):  # noqa: N818 - it is told to the board as its number
    """What went wrong before, by the board's number of it."""


class MountService:
    """Serves one directory to one board, whose answers have at most ``block`` bytes; every request is one small step, done at once."""

    def __init__(self, shown: Shown, form: Form, written: Coding, block: int, epoch_year: int | None) -> None:
        self._shown = shown
        self._form = form
        self._written = Form(written, form.check, form.size)
        self._block = block
        self._since = _FROM_2000 if epoch_year == 2000 else 0
        self._files: dict[int, io.FileIO] = {}
        # By file, what went wrong when nobody waited to hear it: told when the board flushes or closes.
        self._failed: dict[int, int] = {}
        self._last = 0
        self._listing: tuple[str, list[bytes]] = ("", [])
        self._verbs: dict[str, Callable[..., bytes]] = {
            "s": self._stat,
            "f": self._statvfs,
            "l": self._list,
            "h": self._chdir,
            "o": self._open,
            "r": self._read,
            "w": self._write,
            "z": self._size,
            "c": self._close,
            "d": self._remove,
            "k": self._mkdir,
            "e": self._rmdir,
            "n": self._rename,
        }

    def __call__(self, request: Request) -> bytes:
        """Answer one request."""
        try:
            data, error = self._verbs[request.verb](*request.arguments), 0
        except _FailedBefore as failure:
            data, error = b"", failure.args[0]
        except OSError as failure:
            data, error = b"", _ERRNOS.get(failure.errno or 0, _EIO)
        except (KeyError, TypeError, ValueError, OverflowError, AttributeError):
            # No request that a board of ours makes.
            data, error = b"", _EINVAL
        if error and request.number == ONE_WAY and request.arguments and request.arguments[0] in self._files:
            self._failed.setdefault(request.arguments[0], error)
        if error:
            log.event("mount", asked=request.verb, errno=error)
        return requests.encode(request.number, self._form, data, error)

    def close(self) -> None:
        """Close every file that the board has open."""
        self._failed.clear()
        while self._files:
            self._files.popitem()[1].close()

    # Names

    def _stat(self, path: str) -> bytes:
        try:
            found = self._shown.stat(path)
        except FileNotFoundError:
            # Told whether there is something of that name with an ending, for which an import asks next.
            return b"0" if any(self._shown.has(path + ending) for ending in _ENDINGS) else b""
        size = 0 if self._shown.is_dir(path) else found.st_size
        return self._numbers(found.st_mode & 0xF000, 0, 0, 0, 0, 0, size, *self._times(found))

    def _times(self, found: os.stat_result) -> tuple[int, int, int]:
        modified = max(0, int(found.st_mtime) - self._since)
        return modified, modified, modified

    def _statvfs(self, _path: str) -> bytes:
        used = shutil.disk_usage(self._shown.root)
        # In numbers that every board has.
        total, free = (min(size // _ANY_BLOCK, _BLOCKS_MOST) for size in (used.total, used.free))
        free = free if self._shown.writable else 0
        flags = 0 if self._shown.writable else 1
        return self._numbers(_ANY_BLOCK, _ANY_BLOCK, total, free, free, 0, 0, 0, flags, 255)

    def _numbers(self, *numbers: int) -> bytes:
        return " ".join(map(str, numbers)).encode()

    def _list(self, path: str, begin: int, size: int) -> bytes:
        if not begin or self._listing[0] != path:
            found = self._shown.listing(path)
            entries = [f"{4 if folder else 8}{size:08x}{name}".encode() for name, folder, size in found]
            self._listing = (path, entries)
        page: list[bytes] = []
        room = min(size, self._block) - 2
        for entry in self._listing[1][begin:]:
            room -= len(self._form.encode(entry + b"/"))
            # One that is too long alone is an error there.
            if room < 0 and page:
                break
            page.append(entry)
        is_end = begin + len(page) >= len(self._listing[1])
        return (_AT_END if is_end else _GOES_ON) + b"/".join(page)

    def _chdir(self, path: str) -> bytes:
        if not self._shown.is_dir(path):
            raise OSError(errno.ENOTDIR, path)
        return self._shown.plain(path).encode()

    def _remove(self, path: str) -> bytes:
        self._shown.remove(path)
        return b""

    def _mkdir(self, path: str) -> bytes:
        self._shown.mkdir(path)
        return b""

    def _rmdir(self, path: str) -> bytes:
        self._shown.rmdir(path)
        return b""

    def _rename(self, path: str, to: str) -> bytes:
        self._shown.rename(path, to)
        return b""

    # Files

    def _open(self, path: str, mode: str, size: int) -> bytes:
        if len(self._files) >= OPEN_MOST:
            # Boards close what a program let go of when they collect garbage, and that does not reach here.
            self._files.pop(next(iter(self._files))).close()
        file = self._shown.open(path, mode)
        try:
            is_read = not file.writable()
            block = self._block_at(file, 0, size - 2 * 17) if is_read else _GOES_ON
            position = file.seek(0, os.SEEK_END) if "a" in mode else 0
        except BaseException:
            file.close()
            raise
        if is_read and block.startswith(_AT_END):
            file.close()
            return b"%08x%08x" % (0, 0) + block
        self._last += 1
        self._files[self._last] = file
        return b"%08x%08x" % (self._last, position) + block

    def _read(self, number: int, position: int, size: int) -> bytes:
        return self._block_at(self._file(number), position, size - 2)

    def _block_at(self, file: io.FileIO, position: int, size: int) -> bytes:
        """Return whether a block reaches the end of a file, and the block, which has at most ``size`` bytes on its way."""
        size = max(1, min(size, self._block))
        file.seek(position)
        data = file.read(size) or b""
        found = requests.fitting(data, size, self._form)
        is_end = len(found) == len(data) < size
        return (_AT_END if is_end else _GOES_ON) + found

    def _write(self, number: int, position: int, text: str) -> bytes:
        file = self._file(number)
        data = self._written.decode(text.encode())
        file.seek(position)
        while data:
            data = data[file.write(data) :]
        return b""

    def _size(self, number: int) -> bytes:
        self._tell_failure(number)
        return b"%x" % self._file(number).seek(0, os.SEEK_END)

    def _close(self, number: int) -> bytes:
        self._file(number).close()
        del self._files[number]
        self._tell_failure(number)
        return b""

    def _tell_failure(self, number: int) -> None:
        if error := self._failed.pop(number, 0):
            raise _FailedBefore(error)

    def _file(self, number: int) -> io.FileIO:
        """Return a file that the board has open, and keep it longest from now on."""
        try:
            file = self._files.pop(number)
        except KeyError:
            raise OSError(errno.EBADF, str(number)) from None
        self._files[number] = file
        return file
