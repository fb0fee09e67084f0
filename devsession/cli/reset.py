"""`devsession reset`: the interpreter starts anew."""

from __future__ import annotations

import sys

import click

from devsession.board.board import ATTACH_TIMEOUT
from devsession.cli.options import SECONDS, on_board, tell_progress, the_board
from devsession.cli.outcome import conclude
from devsession.links import connect


@click.command("reset")
@click.option(
    "--timeout",
    type=SECONDS,
    default=ATTACH_TIMEOUT,
    show_default=True,
    help="For boot.py, in seconds.",
)
@on_board
def reset_command(board: str | None, timeout: float) -> None:
    """Soft-reset a board: variables and imports are gone, boot.py runs, main.py does not.

    \b
    devsession -b /dev/ttyACM0 reset
    """
    conclude(_reset(board, timeout))


async def _reset(board: str | None, timeout: float) -> int:
    async with connect(the_board(board), tell_progress) as target:
        await target.soft_reset(timeout=timeout)
    sys.stderr.write("soft reset done: boot.py ran, main.py did not\n")
    return 0
