"""A directory of this side as a board may see it: no path leads out of it, and nothing in it makes anybody wait."""

from __future__ import annotations

import errno
import io
import os
import stat
from pathlib import Path

# What a path of a board may have for length.
PATH_MOST = 1024
# Entries of a directory, which are looked at in one go: with more it is not listed.
LISTED_MOST = 10_000
# os.O_BINARY is of Windows, the others of POSIX: a pipe or a device that is opened by mistake is not waited for.
_PLAIN = getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0)
_PLAIN |= getattr(os, "O_CLOEXEC", 0)
_ACCESS = {
    "r": os.O_RDONLY,
    "r+": os.O_RDWR,
    "w": os.O_WRONLY | os.O_CREAT | os.O_TRUNC,
    "w+": os.O_RDWR | os.O_CREAT | os.O_TRUNC,
    "a": os.O_WRONLY | os.O_CREAT | os.O_APPEND,
    "a+": os.O_RDWR | os.O_CREAT | os.O_APPEND,
    "x": os.O_WRONLY | os.O_CREAT | os.O_EXCL,
    "x+": os.O_RDWR | os.O_CREAT | os.O_EXCL,
}


class Shown:
    """The directory ``root``; paths are a board's: from there, by slashes, whatever they begin with. Raises OSError for all that is not."""

    def __init__(self, root: Path, *, writable: bool) -> None:
        self.root = root.resolve(strict=True)
        if not self.root.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(root))
        self.writable = writable

    def plain(self, path: str) -> str:
        """Return a path without dots, as the board's current directory: a slash at both ends."""
        return "/".join(["", *_parts(path), ""]) if _parts(path) else "/"

    def stat(self, path: str) -> os.stat_result:
        """Return what is known of what is there."""
        return self._target(path).stat()

    def has(self, path: str) -> bool:
        """Whether something is there."""
        try:
            return self._target(path).exists()
        except OSError:
            return False

    def is_dir(self, path: str) -> bool:
        """Whether a directory is there; raises OSError for nothing."""
        return stat.S_ISDIR(self.stat(path).st_mode)

    def listing(self, path: str) -> list[tuple[str, bool, int]]:
        """Return names, whether each is a directory, and sizes, sorted; what has no place on a board is left out."""
        found = []
        with os.scandir(self._target(path)) as entries:
            for entry in entries:
                try:
                    _parts(entry.name)
                    if entry.is_symlink():
                        self._inside(Path(entry.path))
                    shown = entry.stat()
                except OSError:
                    # It leads out of here, or nowhere, or is gone by now.
                    continue
                if stat.S_ISREG(shown.st_mode) or stat.S_ISDIR(shown.st_mode):
                    folder = stat.S_ISDIR(shown.st_mode)
                    found.append((entry.name, folder, 0 if folder else shown.st_size))
                if len(found) > LISTED_MOST:
                    raise OSError(errno.EFBIG, path)
        return sorted(found)

    def open(self, path: str, mode: str) -> io.FileIO:
        """Open a file, unbuffered."""
        access = _ACCESS.get("".join(sorted(mode.replace("b", "").replace("t", ""), reverse=True)))
        if access is None:
            raise OSError(errno.EINVAL, mode)
        if access & (os.O_WRONLY | os.O_RDWR):
            self._need_writable()
        target = self._target(path)
        if target.exists() and not target.is_file():
            raise OSError(errno.EISDIR if target.is_dir() else errno.EACCES, path)
        return io.FileIO(os.open(target, access | _PLAIN, 0o666), _mode(access))

    def remove(self, path: str) -> None:
        """Remove a file, or a link."""
        self._entry(path).unlink()

    def mkdir(self, path: str) -> None:
        """Make a directory."""
        self._entry(path).mkdir()

    def rmdir(self, path: str) -> None:
        """Remove an empty directory."""
        self._entry(path).rmdir()

    def rename(self, path: str, to: str) -> None:
        """Give a file or directory another name; a file of that name is replaced."""
        self._entry(path).replace(self._entry(to))

    def _need_writable(self) -> None:
        if not self.writable:
            raise OSError(errno.EROFS, str(self.root))

    def _entry(self, path: str) -> Path:
        """Return what a name stands for, to change it: a link itself, not what it leads to."""
        self._need_writable()
        parts = _parts(path)
        if not parts:
            raise OSError(errno.EBUSY, path)
        return self._inside(self.root.joinpath(*parts[:-1])) / parts[-1]

    def _target(self, path: str) -> Path:
        return self._inside(self.root.joinpath(*_parts(path)))

    def _inside(self, path: Path) -> Path:
        """Return a path with all links followed; raises OSError when it leads out."""
        try:
            followed = path.resolve()
        except (RuntimeError, ValueError) as error:
            # A loop of links, before Python 3.13.
            raise OSError(errno.ELOOP, str(path)) from error
        if not followed.is_relative_to(self.root):
            raise OSError(errno.EACCES, str(path))
        return followed


def _parts(path: str) -> list[str]:
    if len(path) > PATH_MOST:
        raise OSError(errno.ENAMETOOLONG, path[:40])
    parts: list[str] = []
    for part in path.split("/"):
        if part == "..":
            del parts[-1:]
        elif part not in {"", "."}:
            # On Windows a name may hold a drive, or a backslash.
            if "\0" in part or Path(part).name != part or not part.isprintable():
                raise OSError(errno.EINVAL, path)
            parts.append(part)
    return parts


def _mode(access: int) -> str:
    if access & os.O_RDWR:
        return "rb+"
    return "wb" if access & os.O_WRONLY else "rb"
