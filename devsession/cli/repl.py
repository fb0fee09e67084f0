"""`devsession repl`: a board's own prompt on this terminal."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import AsyncGenerator, Iterator

import click

from devsession.board.board import Board
from devsession.board.output import Printed
from devsession.cli.options import on_board, tell_progress, the_board
from devsession.cli.outcome import HUNG_UP, conclude
from devsession.cli.terminal import Stdout
from devsession.errors import LinkError, UsageError
from devsession.links import connect

# Ctrl-], as in telnet and mpremote.
LEAVE = b"\x1d"
# Ctrl-B: leaves a raw REPL somebody forgot, and has a friendly one show its prompt; a running program gets one byte it does not expect.
SHOW_PROMPT = b"\x02"
_READ = 4096


@click.command("repl")
@on_board
def repl_command(board: str | None) -> None:
    """Work at a board's own prompt: what you type goes there as it is, what it prints comes here as it is. Ctrl-] leaves.

    Ctrl-C interrupts the program there, Ctrl-D resets it; after a reset that takes the link away it is found again.

    \b
    devsession repl
    """
    conclude(_repl(board))


async def _repl(url: str | None) -> int:
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageError("the repl needs a terminal", hint="devsession exec, run and monitor do not")
    async with connect(the_board(url), tell_progress, listen=True) as board:
        sys.stderr.write(f"connected to {board.url}; Ctrl-] leaves\n")
        with _raw_terminal(), Stdout(raw=True) as out:
            keys = Keys(board)
            try:
                pieces = board.watch()
                board.type(SHOW_PROMPT)
                await _show_until_left(board, keys, pieces, out)
                if not keys.hung_up:
                    await out.write(b"\r\n")
            except OSError:
                # The terminal cannot be written any more; what happens to links is no OSError.
                keys.hung_up = True
            finally:
                keys.stop()
    return HUNG_UP if keys.hung_up else 0


async def _show_until_left(board: Board, keys: Keys, pieces: AsyncGenerator[Printed], out: Stdout) -> None:
    showing = asyncio.create_task(_show(board, pieces, out))
    left = asyncio.create_task(keys.left.wait())
    try:
        await asyncio.wait((showing, left), return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (showing, left):
            task.cancel()
        await asyncio.wait((showing, left))
    if not showing.cancelled():
        showing.result()


async def _show(board: Board, pieces: AsyncGenerator[Printed], out: Stdout) -> None:
    while True:
        async for piece in pieces:
            await out.write(piece.data)
        await out.write(b"\r\n[the link was lost, waiting for the board to come back]\r\n")
        await board.reopen(None)
        pieces = board.watch()
        await out.write(b"[the board is back]\r\n")


class Keys:
    """Passes what is typed on standard input to a board, until ``left`` is set by Ctrl-], or because the terminal ``hung_up``."""

    def __init__(self, board: Board) -> None:
        self.left = asyncio.Event()
        self.hung_up = False
        self._board = board
        self._loop = asyncio.get_running_loop()
        self._fd = sys.stdin.fileno()
        self._loop.add_reader(self._fd, self._typed)

    def stop(self) -> None:
        """Read no more."""
        self._loop.remove_reader(self._fd)

    def _typed(self) -> None:
        try:
            data = os.read(self._fd, _READ)
        except OSError:
            data = b""
        typed, leave, _ = data.partition(LEAVE)
        if typed:
            # While the link is lost there is nobody to type to.
            with contextlib.suppress(LinkError):
                self._board.type(typed)
        self.hung_up |= not data
        if leave or not data:
            self.stop()
            self.left.set()


@contextlib.contextmanager
def _raw_terminal() -> Iterator[None]:
    """Have the terminal pass every key as it is, and put it back as it was on every way out."""
    if sys.platform == "win32":
        raise UsageError("the repl needs a POSIX terminal", hint="use a terminal program, such as PuTTY")
    import termios
    import tty

    fd = sys.stdin.fileno()
    before = termios.tcgetattr(fd)
    try:
        tty.setraw(fd, termios.TCSANOW)
        yield
    finally:
        # Not after what is still to be shown: nobody may be looking. A terminal that is gone has no settings.
        with contextlib.suppress(termios.error):
            termios.tcsetattr(fd, termios.TCSANOW, before)
