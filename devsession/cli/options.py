"""Options that every command on a board has, and the board they name."""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Callable
from typing import Any

import click

from devsession.errors import AmbiguousBoardError, BoardNotFoundError


class Seconds(click.ParamType):  # type: ignore[type-arg] # generic since click 8.3 only
    """A time in seconds, above 0."""

    name = "seconds"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return the number of seconds that ``value`` says."""
        try:
            seconds = float(value)
        except ValueError:
            self.fail(f"{value!r} is no number of seconds", param, ctx)
        if not 0 < seconds < math.inf:
            self.fail(f"{value} is no time above 0", param, ctx)
        return seconds


SECONDS = Seconds()


def on_board(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command ``-b`` and ``-v``, which may stand before or behind its name; it gets ``board``, a URL."""

    @click.option("-b", "--board", metavar="URL", help="The board to work on.")
    @click.option(
        "-v", "--verbose", count=True, help="Tell each phase on stderr; -vv the bytes on the wire too."
    )
    @click.pass_context
    def command(ctx: click.Context, /, board: str | None, verbose: int, **arguments: Any) -> Any:
        enable_log(verbose or ctx.obj["verbose"])
        url = board or ctx.obj["board"] or os.environ.get("DEVSESSION_BOARD")
        if ctx.obj["recording"] and url and url.startswith("replay:"):
            raise click.UsageError("what is played is not recorded again: name the board to record")
        return ctx.invoke(function, board=url, **arguments)

    command.__doc__ = function.__doc__
    command.__name__ = function.__name__
    return command


def enable_log(verbose: int) -> None:
    """Switch structured logging on, to stderr."""
    if verbose:
        from devsession.board.log import log

        log.enable(verbose, sys.stderr)


def tell_progress(text: str) -> None:
    """Write one line of progress to stderr."""
    sys.stderr.write(text + "\n")


def the_board(named: str | None) -> str:
    """Return the URL of the board to work on: the one named, else the one attached, else, on a terminal, a simulated one.

    Raises BoardNotFoundError, AmbiguousBoardError.
    """
    if named:
        return named
    from devsession.transport.ports import list_ports

    # The second port of a device is not another board.
    ports = [port for port in list_ports() if "#" not in port.identity]
    if len(ports) == 1:
        return ports[0].path
    if ports:
        listed = "\n".join(f"  {port.path}  {port.product or ''}".rstrip() for port in ports)
        raise AmbiguousBoardError(
            f"{len(ports)} boards are attached:\n{listed}",
            tuple(port.path for port in ports),
            hint=f"name one: -b {ports[0].path}",
        )
    if sys.stdout.isatty():
        sys.stderr.write("no board is attached: working on a simulated one (-b sim:)\n")
        return "sim:"
    raise BoardNotFoundError(
        "no board is attached", hint="-b sim: works on a simulated one, -b PORT on a port"
    )
