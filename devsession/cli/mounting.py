"""`--mount`: a directory of this computer that programs on a board see."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from devsession.board.board import Board

if TYPE_CHECKING:
    from devsession.session.session import DeviceSession

# Where the board sees it, as with mpremote.
REMOTE = "/remote"


@dataclass(frozen=True, slots=True)
class Seen:
    """A directory that a board is to see."""

    directory: Path
    writable: bool

    @classmethod
    def of(cls, directory: Path | None, *, writable: bool) -> Seen | None:
        """Return what the options ask for; raises UsageError of click for an option that means nothing alone."""
        if directory is None and writable:
            raise click.UsageError("--writable says what may be done with the directory of --mount: name one")
        return None if directory is None else cls(directory, writable)


def seeing(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command ``--mount`` and ``--writable``."""
    mount = click.option(
        "--mount",
        metavar="DIR",
        type=click.Path(path_type=Path, exists=True, file_okay=False),
        help="Have the program see DIR of this computer as /remote, its current directory: it opens and imports what is there.",
    )
    writable = click.option("--writable", is_flag=True, help="Let the program change what is in DIR.")
    return mount(writable(function))


@asynccontextmanager
async def seen_by(board: Board, seen: Seen | None) -> AsyncGenerator[Board | DeviceSession]:
    """Have a board see a directory, from within; give what programs are to be run by."""
    if seen is None:
        yield board
        return
    from devsession.session.manager import DeviceSessionManager

    async with (
        DeviceSessionManager(board) as manager,
        manager.session(namespace="main") as session,
    ):
        await session.mount(seen.directory, REMOTE, writable=seen.writable)
        await session.exec(f"__import__('os').chdir('{REMOTE}')")
        yield session
