"""The command `devsession top`."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from collections.abc import AsyncGenerator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from devsession.cli.options import enable_log
from devsession.cli.outcome import conclude

if TYPE_CHECKING:
    from devsession.top.looking import Row

# Seconds between two looks; shells and pools write down what has changed some times a second.
REFRESH = 1.0
# Between the two looks of a picture that is made once, in seconds: rates show over time only.
MOMENT = 0.5


@click.command("top")
@click.option(
    "-b",
    "--board",
    "boards",
    metavar="[NAME=]URL",
    multiple=True,
    help="Ask this board instead; several times. What runs there is interrupted.",
)
@click.option(
    "--store",
    "stores",
    metavar="FILE",
    multiple=True,
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="Also the sessions of a coordinator that keeps them here; several times.",
)
@click.option("--once", is_flag=True, help="Print it once; so it is where the output is no terminal.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list, once.")
@click.option("-v", "--verbose", count=True, help="Tell each phase on stderr; -vv the bytes on the wire too.")
@click.pass_context
def top_command(
    ctx: click.Context,
    boards: tuple[str, ...],
    stores: tuple[Path, ...],
    verbose: int,
    *,
    once: bool,
    as_json: bool,
) -> None:
    """Show what the boards and sessions of this computer do: those of every shell, and of every pool with a store.

    State and for how long, the program that runs, how many wait, bytes printed a second, free heap and how that went. On a terminal it
    goes on until Ctrl-C. A shell finds out what is free after each program.

    \b
    devsession top
    devsession top --json | jq '.[] | select(.state == "waiting-for-input")'
    devsession top -b /dev/ttyACM0 -b lamp=/dev/ttyACM1
    """
    enable_log(verbose or ctx.obj["verbose"])
    named = boards or ((ctx.obj["board"],) if ctx.obj["board"] else ())
    goes_on = sys.stdout.isatty() and not once and not as_json
    conclude(_watch(named, stores) if goes_on else _tell(named, stores, as_json=as_json))


async def _looks(
    named: tuple[str, ...], stores: tuple[Path, ...], seconds: float
) -> AsyncGenerator[list[Row], None]:
    """Yield what is to be seen now, and again after so many seconds, without end."""
    from devsession.top.looking import Memory, asking, on_this_computer

    memory = Memory()
    async with asking(named) as asked:
        while True:
            yield memory.told(await asked.look() if named else on_this_computer(stores))
            await asyncio.sleep(seconds)


async def _tell(named: tuple[str, ...], stores: tuple[Path, ...], *, as_json: bool) -> int:
    from devsession.top.picture import NOTHING, text

    async with contextlib.aclosing(_looks(named, stores, MOMENT)) as looks:
        await anext(looks)
        rows = await anext(looks)
    if as_json:
        sys.stdout.write(json.dumps([asdict(row) for row in rows]) + "\n")
    elif rows:
        sys.stdout.write(text(rows))
    else:
        sys.stderr.write(NOTHING + "\n")
    return 0


async def _watch(named: tuple[str, ...], stores: tuple[Path, ...]) -> int:
    from rich.live import Live

    from devsession.top.picture import drawn

    # Being interrupted is how watching ends.
    with contextlib.suppress(asyncio.CancelledError), Live(auto_refresh=False, screen=True) as live:
        async with contextlib.aclosing(_looks(named, stores, REFRESH)) as looks:
            async for rows in looks:
                live.update(drawn(rows), refresh=True)
    return 0
