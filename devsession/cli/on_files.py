"""What the commands on a board's files have in common: the session they work in, paths, and how errors are told."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING

from devsession.cli.options import tell_progress, the_board
from devsession.cli.terminal import printable
from devsession.errors import DeviceError
from devsession.links import connect

if TYPE_CHECKING:
    from devsession.session.files.device_files import DeviceFiles

# By errno, as boards have them: those of Linux, whatever this computer has.
_TOLD = {
    1: "that is not allowed",
    2: "no such file or directory",
    5: "the board could not read or write it",
    13: "that is not allowed",
    16: "it is in use",
    17: "there is something already",
    19: "there is no such file system",
    20: "a part of the path is no directory",
    21: "it is a directory",
    22: "the file system does not take that",
    28: "there is no room",
    30: "the file system is read-only",
    36: "the name is too long",
    39: "the directory is not empty",
    66: "the directory is not empty",
}
_HINTS = {13: "a directory may not be empty: rm -r", 39: "rm -r", 66: "rm -r", 21: "rm -r takes directories"}


@asynccontextmanager
async def files_of(board: str | None) -> AsyncIterator[DeviceFiles]:
    """Attach to the board, and give the files of a session there; raises what ``the_board`` and attaching do."""
    from devsession.session.manager import DeviceSessionManager

    async with (
        DeviceSessionManager(connect(the_board(board), tell_progress)) as manager,
        manager.session("fs") as session,
    ):
        yield session.files


@contextmanager
def naming(path: str, *, removing: bool = False) -> Iterator[None]:
    """Have what goes wrong with a file told with its path, in words; other errors as they are.

    ``removing`` is for what is better done by ``rm -r``, where a directory is meant.
    """
    try:
        yield
    except DeviceError as error:
        if error.errno not in _TOLD:
            raise
        place = "the current directory" if path == "." else f":{path}"
        notes = getattr(error, "__notes__", [])
        told = DeviceError(
            "OSError",
            f"{place}: {_TOLD[error.errno]} (errno {error.errno}{''.join(f', {note}' for note in notes)})",
            errno=error.errno,
            board=error.board,
            hint=error.hint or (_HINTS.get(error.errno) if removing else None),
        )
        told.message = told.text
        raise told from error


def is_remote(text: str) -> bool:
    """Whether an argument names a path on the board."""
    return text.startswith(":")


def remote_path(text: str) -> str:
    """Return the path on the board that an argument names; the current directory for a colon alone."""
    return text.removeprefix(":") or "."


def line(text: str) -> str:
    """Return what a board calls its files as one line that a terminal may show."""
    return printable(text).replace("\n", "\\n").replace("\r", "\\r")
