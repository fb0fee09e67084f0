"""`devsession rtc`: the clock of a board."""

from __future__ import annotations

import datetime as dt
import sys

import click

from devsession.cli.options import on_board, tell_progress, the_board
from devsession.cli.outcome import conclude
from devsession.links import connect


@click.command("rtc")
@click.option("--set", "to_set", is_flag=True, help="Set it to this computer's local time first.")
@click.option("--utc", is_flag=True, help="With --set: to universal time instead.")
@on_board
def rtc_command(board: str | None, *, to_set: bool, utc: bool) -> None:
    """Print what a board's real-time clock shows.

    \b
    devsession rtc --set
    """
    if utc and not to_set:
        raise click.UsageError("--utc goes with --set")
    conclude(_rtc(board, to_set=to_set, utc=utc))


async def _rtc(url: str | None, *, to_set: bool, utc: bool) -> int:
    from devsession.board.clock import read_clock, set_clock

    async with connect(the_board(url), tell_progress) as board:
        if to_set:
            now = dt.datetime.now(dt.UTC)
            await set_clock(board, now if utc else now.astimezone())
        sys.stdout.write((await read_clock(board)).isoformat(" ") + "\n")
    return 0
