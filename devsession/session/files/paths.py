"""Paths on a board's file systems: checked here before one is sent, and before one that came from there is believed."""

from __future__ import annotations

import posixpath
import re
import zlib
from pathlib import PurePosixPath

from devsession.errors import UnsafeNameError, UsageError

AnyPath = str | PurePosixPath

# The longest name that any file system of a board takes.
LONGEST_NAME = 255
# What the names of files begin with that are not whole yet.
BESIDE = ".devsession-"


def checked(path: AnyPath) -> str:
    """Return ``path`` as text; raises UsageError for what no file system of a board takes."""
    text = str(path) if isinstance(path, PurePosixPath) else path
    if not isinstance(text, str) or not text:
        raise UsageError(f"{path!r} is no path on a board", phase="files")
    try:
        parts = text.encode().split(b"/")
    except UnicodeEncodeError:
        raise UsageError(f"the path {text!a} has no UTF-8 form", phase="files") from None
    if "\0" in text or any(len(part) > LONGEST_NAME for part in parts):
        raise UsageError(f"{text[:80]!a} is no path on a board", phase="files")
    return text


def absolute(path: str, current: str) -> str:
    """Return ``path``, seen from the directory ``current``, from the root, without ``.``, ``..`` and doubled slashes."""
    # Two slashes in front mean something to POSIX, but nothing to a board.
    return posixpath.normpath("/" + posixpath.join(current, path).lstrip("/"))


def flat(path: str) -> str:
    """Return ``path`` as a name on a board without directories; raises UsageError for one that leads into some."""
    name = absolute(path, "/")[1:]
    if "/" in name:
        raise UsageError(f"{path!r}: this board has no directories", phase="files")
    return name


def split(path: str) -> tuple[str, str]:
    """Return the directory that ``path`` is in, and its name there."""
    return posixpath.split(path)


def join(folder: str, name: str) -> str:
    """Return the path of ``name`` in ``folder``."""
    return posixpath.join(folder, name)


def beside(path: str) -> str:
    """Return where new content for ``path`` is put until it is whole: always the same, so that what a broken write left is overwritten."""
    return posixpath.join(posixpath.dirname(path), f"{BESIDE}{number_beside(path):08x}")


def is_beside(path: str) -> bool:
    """Whether that is a name of ours, made by ``beside``."""
    return (
        path.startswith("/")
        and re.fullmatch(r"\.devsession-[0-9a-f]{8}", posixpath.basename(path)) is not None
    )


def number_beside(path: str) -> int:
    """Return the number in that name; never 0."""
    return zlib.crc32(posixpath.basename(path).encode()) or 1


def name_from_board(name: object, board: str) -> str:
    """Return a name that the board listed; raises UnsafeNameError for one that is no name but leads somewhere else."""
    if isinstance(name, str) and name not in {"", ".", ".."} and not {"/", "\0"} & set(name):
        try:
            if len(name.encode()) <= LONGEST_NAME:
                return name
        except UnicodeEncodeError:
            pass
    shown = f"{name!a}"
    raise UnsafeNameError(
        f"the board lists {shown[:80]}{'...' * (len(shown) > 80)}, which is no file's name",
        board=board,
        phase="files",
    )
