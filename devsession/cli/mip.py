"""`devsession mip`: packages for a board, by mpremote's own installer over our wire."""

from __future__ import annotations

import asyncio
import contextlib
import io
import socket
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import click

from devsession.cli.on_files import naming
from devsession.cli.options import on_board, tell_progress, the_board
from devsession.cli.outcome import conclude
from devsession.cli.terminal import printable
from devsession.errors import DevsessionError, UsageError
from devsession.links import connect

# A server that says nothing for so long is given up, in seconds.
_SILENCE = 30.0


@click.group("mip")
def mip_command() -> None:
    """Install packages on a board.

    \b
    devsession mip install umqtt.simple
    devsession mip install github:peterhinch/micropython-font-to-py
    """


@mip_command.command("install")
@click.argument("packages", nargs=-1, required=True, metavar="PACKAGE...")
@click.option("--index", metavar="URL", help="Where packages come from; micropython-lib's own by default.")
@click.option(
    "--target", metavar="DIR", help="Where they go on the board; the first .../lib of its sys.path."
)
@click.option("--mpy/--no-mpy", default=True, show_default=True, help="Whether to take compiled packages.")
@on_board
def install_command(
    board: str | None, packages: tuple[str, ...], index: str | None, target: str | None, *, mpy: bool
) -> None:
    """Install packages: names in the index, also NAME@VERSION; github:, gitlab: and codeberg: repositories; URLs; local package.json.

    They are fetched by this computer, so the board needs no network; files that are there already are not sent again.
    """
    conclude(_install(board, packages, index, target, mpy=mpy))


async def _install(
    board: str | None, packages: tuple[str, ...], index: str | None, target: str | None, *, mpy: bool
) -> int:
    from devsession.session.manager import DeviceSessionManager

    async with (
        DeviceSessionManager(connect(the_board(board), tell_progress)) as manager,
        manager.session("mip") as session,
    ):
        wire = Wire(session, asyncio.get_running_loop())
        await _in_thread(lambda: _run(wire, list(packages), index, target, mpy=mpy))
    return 0


def _run(wire: Wire, packages: list[str], index: str | None, target: str | None, *, mpy: bool) -> None:
    """Run mpremote's installer; it waits, so it is run in a thread of its own. Raises UsageError, and what the board's files do."""
    from argparse import Namespace

    from mpremote.commands import CommandError
    from mpremote.mip import do_mip

    asked = Namespace(command=["install"], packages=packages, index=index, target=target, mpy=mpy)
    state = Namespace(did_action=_nothing, ensure_raw_repl=_nothing, transport=wire)
    socket.setdefaulttimeout(_SILENCE)
    try:
        with contextlib.redirect_stdout(_Told()):
            do_mip(state, asked)
    except CommandError as error:
        raise UsageError(f"mip: {error}", phase="mip") from None
    except DevsessionError:
        raise
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise UsageError(
            f"mip: this package cannot be installed: {type(error).__name__}: {error}", phase="mip"
        ) from error


def _nothing() -> None:
    """Do nothing: the board is attached."""


class Wire:
    """What mpremote's installer calls of a transport, on the files of a session; in another thread than ``loop``."""

    def __init__(self, session: Any, loop: asyncio.AbstractEventLoop) -> None:
        self._session = session
        self._files = session.files
        self._loop = loop

    def exec(self, code: str) -> None:
        """Run code."""
        self._wait(self._session.exec(code))

    def eval(self, expression: str) -> Any:
        """Return the value of an expression."""
        return self._wait(self._session.eval(expression))

    def fs_exists(self, path: str) -> bool:
        """Whether there is something at a path."""
        return bool(self._wait(self._files.exists(_checked(path))))

    def fs_mkdir(self, path: str) -> None:
        """Make a directory."""
        with naming(path):
            self._wait(self._files.mkdir(_checked(path)))

    def fs_hashfile(self, path: str, algorithm: str) -> bytes:
        """Return a file's hash; raises FileNotFoundError for none."""
        if not self.fs_exists(path):
            raise FileNotFoundError(path)
        with naming(path):
            return bytes.fromhex(self._wait(self._files.hash(path, algorithm)))

    def fs_writefile(self, path: str, data: bytes, progress_callback: object = None) -> None:
        """Put a file on the board."""
        with naming(path):
            self._wait(self._files.write_bytes(_checked(path), data))

    def _wait(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()


def _checked(path: str) -> str:
    # The index says where files of a package go.
    if ".." in path.split("/"):
        raise UsageError(f"mip: the package wants to write to {path!a}", phase="mip")
    return path


class _Told(io.TextIOBase):
    """What the installer prints, for standard error: names come from elsewhere."""

    def write(self, text: str) -> int:
        sys.stderr.write(printable(text))
        return len(text)


async def _in_thread(work: Callable[[], None]) -> None:
    """Run ``work`` in a thread and wait for it; one that is cancelled is left behind, and ends with the process."""
    pool = ThreadPoolExecutor(1, "devsession-mip")
    try:
        await asyncio.get_running_loop().run_in_executor(pool, work)
    finally:
        pool.shutdown(wait=False)
