"""`devsession info`: what a board is and what it can do."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import click

from devsession.cli.options import on_board, tell_progress, the_board
from devsession.cli.outcome import conclude
from devsession.cli.terminal import printable
from devsession.links import connect

if TYPE_CHECKING:
    from devsession.session.capabilities import DeviceCapabilities


@click.command("info")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option(
    "--measure", is_flag=True, help="Measure round trip, rates of the link and speed of a loop, too."
)
@on_board
def info_command(board: str | None, *, as_json: bool, measure: bool) -> None:
    """Tell what a board is and what it can do.

    Asked are firmware, chip, heap, file systems, numbers, hashes, compression, peripherals and modules, in one exec that leaves nothing on
    the board: no peripheral is made, nothing is switched on or written. What the firmware does not tell is unknown, with the reason; in
    the JSON it is null, and "unknown" has the reason.

    \b
    devsession -b sim: info
    devsession info --measure
    devsession info --json | jq '.features.sha256'
    """
    conclude(_info(board, as_json=as_json, measure=measure))


async def _info(named: str | None, *, as_json: bool, measure: bool) -> int:
    from devsession.session.capability_cache import CapabilityCache
    from devsession.session.measure import measure as measured
    from devsession.session.probe import probe

    async with connect(the_board(named), tell_progress) as board:
        found = await probe(board)
        if measure:
            found = found.model_copy(update={"performance": await measured(board)})
    CapabilityCache().store(found)
    if as_json:
        sys.stdout.write(json.dumps(_plain(found)) + "\n")
        return 0
    from devsession.cli.facts import described

    rows = [(name, printable(text).replace("\n", " "), known) for name, text, known in described(found)]
    _draw(rows) if sys.stdout.isatty() else _print(rows)
    return 0


def _plain(found: DeviceCapabilities) -> dict[str, Any]:
    told = found.model_dump(mode="json", exclude={"version", "prerelease", "sys_version"})
    first = {name: told.pop(name) for name in ("board", "identity", "implementation")}
    second = {name: told.pop(name) for name in ("platform", "machine", "build")}
    return {**first, "version": found.version_text, **second, "sys.version": found.sys_version, **told}


def _print(rows: list[tuple[str, str, bool]]) -> None:
    width = max(len(name) for name, _, _ in rows)
    for name, text, _ in rows:
        sys.stdout.write(f"{name:<{width}}  {text}\n")


def _draw(rows: list[tuple[str, str, bool]]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for name, text, known in rows:
        table.add_row(name, Text(text, style="" if known else "dim"))
    Console().print(table)
