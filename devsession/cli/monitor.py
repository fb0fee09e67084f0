"""`devsession monitor`: what a board prints, for as long as it is watched."""

from __future__ import annotations

import asyncio
import codecs
import datetime as dt
import re
import sys
from collections.abc import AsyncGenerator

import click

from devsession.board.board import Board
from devsession.board.output import Printed
from devsession.board.resets import Reset
from devsession.cli.options import SECONDS, on_board, tell_progress, the_board
from devsession.cli.outcome import TIMED_OUT, conclude
from devsession.cli.terminal import Stdout
from devsession.links import connect

# How much of what was printed before is searched together with what comes.
_TAIL = 4096


@click.command("monitor")
@click.option(
    "--reset", "reset", type=click.Choice(["soft", "hard"]), help="Start the board anew first; main.py runs."
)
@click.option("--until", metavar="REGEX", help="Leave, with exit code 0, when this is printed.")
@click.option(
    "--timeout",
    type=SECONDS,
    help="Leave after this time, in seconds: with 0, or 124 when --until was not met.",
)
@click.option("--timestamps", is_flag=True, help="Begin each line with the time it began.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON lines: time (seconds since 1970) and text.")
@on_board
def monitor_command(
    board: str | None,
    reset: str | None,
    until: str | None,
    timeout: float | None,
    *,
    timestamps: bool,
    as_json: bool,
) -> None:
    """Print what a board prints, without disturbing it, until Ctrl-C; goes on after it was unplugged and plugged in again.

    \b
    devsession monitor --timestamps
    devsession monitor --reset hard --until "ready|panic" --timeout 20
    """
    try:
        wanted = re.compile(until) if until is not None else None
    except re.error as error:
        raise click.UsageError(f"--until is no regular expression: {error}") from error
    form = JsonLines() if as_json else Stamped() if timestamps else Plain()
    conclude(_monitor(board, reset, wanted, timeout, form))


class Plain:
    """Output as it comes."""

    def form(self, piece: Printed) -> bytes:
        """Return what to print for one piece."""
        return piece.data

    def rest(self) -> bytes:
        """Return what to print at the end."""
        return b""


class Stamped(Plain):
    """Each line behind the time at which it began."""

    def __init__(self) -> None:
        self._at_start = True

    def form(self, piece: Printed) -> bytes:
        """Return what to print for one piece."""
        stamp = (
            dt.datetime.fromtimestamp(piece.time).astimezone().strftime("%H:%M:%S.%f")[:-3].encode() + b" "
        )
        lines = piece.data.splitlines(keepends=True)
        shown = [(stamp if index or self._at_start else b"") + line for index, line in enumerate(lines)]
        self._at_start = piece.data.endswith(b"\n")
        return b"".join(shown)


class JsonLines:
    """One JSON object for each piece, with the characters that are complete in it."""

    def __init__(self) -> None:
        self._decoder = _decoder()
        self._time = 0.0

    def form(self, piece: Printed) -> bytes:
        """Return what to print for one piece."""
        self._time = piece.time
        return self._line(self._decoder.decode(piece.data))

    def rest(self) -> bytes:
        """Return what to print at the end."""
        return self._line(self._decoder.decode(b"", final=True))

    def _line(self, text: str) -> bytes:
        import json

        return json.dumps({"time": self._time, "text": text}).encode() + b"\n" if text else b""


async def _monitor(
    url: str | None,
    reset: str | None,
    until: re.Pattern[str] | None,
    timeout: float | None,
    form: Plain | JsonLines,
) -> int:
    async with connect(the_board(url), tell_progress, listen=True) as board:
        pieces = board.watch()
        if reset is not None:
            await _start(board, reset)
        limit = asyncio.timeout(timeout)
        try:
            async with limit:
                while not await _print(pieces, until, form):
                    sys.stderr.write("devsession: the link was lost, waiting for the board to come back\n")
                    await board.reopen(None)
                    pieces = board.watch()
        except TimeoutError:
            if not limit.expired():
                raise
            return 0 if until is None else TIMED_OUT
        finally:
            await pieces.aclose()
    return 0


async def _start(board: Board, reset: str) -> None:
    kind = Reset.SOFT if reset == "soft" else Reset.LINE if board.can(Reset.LINE) else Reset.MACHINE
    if kind is not Reset.LINE:
        await board.attach()
    await board.boot(kind)


async def _print(
    pieces: AsyncGenerator[Printed], until: re.Pattern[str] | None, form: Plain | JsonLines
) -> bool:
    """Print what comes; return whether ``until`` was met, when nothing more comes or it was."""
    decoder, tail, met = _decoder(), "", False
    with Stdout() as out:
        async for piece in pieces:
            await out.write(form.form(piece))
            if until is not None:
                tail = tail[-_TAIL:] + decoder.decode(piece.data)
                met = until.search(tail) is not None
                if met:
                    break
        await out.write(form.rest())
        await out.finish()
    return met


def _decoder() -> codecs.IncrementalDecoder:
    # Characters come in pieces: a board prints them byte by byte.
    return codecs.getincrementaldecoder("utf-8")("backslashreplace")
