"""`devsession record` and `replay`: what passes between a command and a board, kept and looked at."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from devsession.cli.app import RECORDING
from devsession.cli.outcome import exit_code, tell
from devsession.errors import DevsessionError

if TYPE_CHECKING:
    from devsession.cassette import tape


@click.command(
    "record",
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False},
)
@click.argument("cassette", type=click.Path(dir_okay=False, path_type=Path))
@click.option(
    "--mask", "masks", multiple=True, metavar="TEXT", help="Never write this text down; repeatable."
)
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
@click.pass_context
def record_command(
    ctx: click.Context, cassette: Path, masks: tuple[str, ...], command: tuple[str, ...]
) -> None:
    """Run COMMAND, any other command of devsession, and write all that passes between it and the board to the file CASSETTE.

    Options of `record` stand before CASSETTE. The same command with -b replay:CASSETTE then works without the board: what it sends is
    compared with the recording, and what the board answered is answered. A CASSETTE that is there is overwritten.

    \b
    devsession record bench.cassette run measure.py
    devsession record --mask "$WIFI_PASSWORD" wifi.cassette -b /dev/ttyACM0 run wifi.py
    devsession -b replay:bench.cassette run measure.py

    Any program that uses devsession can be recorded and played, whole test runs too:

    \b
    DEVSESSION_RECORD=run.cassette DEVSESSION_BOARD=/dev/ttyACM0 pytest
    DEVSESSION_BOARD=replay:run.cassette pytest

    DEVSESSION_MASK holds what is to be masked then, one text per line.
    """
    given = ctx.obj
    if given["recording"]:
        raise click.UsageError("one recording at a time: record CASSETTE COMMAND")
    os.environ["DEVSESSION_RECORD"] = str(cassette)
    if masks:
        os.environ["DEVSESSION_MASK"] = "\n".join(masks)
    group = ctx.find_root().command
    board = ("-b", given["board"]) if given["board"] else ()
    group.main([*board, *("-v",) * given["verbose"], *command], prog_name="devsession", obj=RECORDING)


@click.command("replay")
@click.argument("cassette", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def replay_command(cassette: Path, *, as_json: bool) -> None:
    """Show what was recorded in the file CASSETTE: every program sent to the board, and what it answered.

    To play it, name it as the board: -b replay:CASSETTE, with ?timing=kept to have answers take as long as they took.

    \b
    devsession replay bench.cassette
    devsession -b replay:bench.cassette run measure.py
    """
    from devsession.cassette import tape

    try:
        found = tape.read(cassette)
    except DevsessionError as error:
        tell(error)
        sys.exit(exit_code(error))
    if as_json:
        _show_json(found)
        return
    from devsession.cassette.transcript import transcript

    for line in transcript(found):
        sys.stdout.write(line + "\n")


def _show_json(cassette: tape.Cassette) -> None:
    import json

    links = [
        [
            {"line": entry.line, "t": entry.time, entry.kind: entry.value, **entry.fields}
            for entry in (link.opened, *link.entries)
        ]
        for link in cassette.links
    ]
    sys.stdout.write(json.dumps({"header": cassette.header, "links": links, "cut": cassette.cut}) + "\n")
