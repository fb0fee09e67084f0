"""The command `devsession`: its options, and where its commands are."""

from __future__ import annotations

import gc
import importlib
import os
import sys
from pathlib import Path

import click

from devsession.cli.leaving import leave

# name: (module, what it does). The text stands here so that --help imports no command.
COMMANDS = {
    "exec": ("devsession.cli.execute", 'Run code on a board: devsession exec "print(6*7)"'),
    "eval": ("devsession.cli.execute", 'Print the value of an expression: devsession eval "2**100"'),
    "run": ("devsession.cli.execute", "Run a program of this computer on a board, streaming its output"),
    "fs": ("devsession.cli.fs", "List, copy, sync, edit and remove files of a board: devsession fs ls"),
    "mip": ("devsession.cli.mip", "Install packages on a board: devsession mip install NAME"),
    "info": ("devsession.cli.info", "Tell what a board is and what it can do"),
    "monitor": ("devsession.cli.monitor", "Print what a board prints, without disturbing it"),
    "repl": ("devsession.cli.repl", "Work at a board's own prompt; Ctrl-] leaves"),
    "shell": (
        "devsession.shell.command",
        "Many boards and sessions at once: one in front, the others run on",
    ),
    "top": ("devsession.top.command", "A live picture of boards, pools and sessions"),
    "reset": ("devsession.cli.reset", "Start a board anew: --soft, --hard or --run"),
    "rescue": ("devsession.cli.reset", "Get into a board whose main.py keeps you out"),
    "rtc": ("devsession.cli.rtc", "Print or set a board's clock"),
    "bootloader": ("devsession.cli.reset", "Start a board's boot loader, for new firmware"),
    "boards": ("devsession.cli.boards", "List the boards attached; --watch tells what comes and goes"),
    "doctor": ("devsession.cli.doctor", "Examine a board and its port: what is wrong, and what cures it"),
    "record": (
        "devsession.cli.cassettes",
        "Run a command and record all that passes between it and the board",
    ),
    "replay": ("devsession.cli.cassettes", "Show a recorded cassette"),
    "pool": ("devsession.cli.pool", "Pools of boards: status, and their figures for Prometheus"),
    "sim": ("devsession.cli.sim", "Simulated boards: list, install, serve"),
}

# What `record` gives the command that it runs as its object.
RECORDING = "recording"

EPILOG = """
\b
A board is named by
  sim:                  a simulated board, made for this command
  sim:NAME              one that `devsession sim serve NAME` keeps
  /dev/ttyACM0, COM3    a serial port (as in mpremote: a0, u0, c3)
  id:SERIAL             the board with this USB serial number or identity
  replay:CASSETTE       a recording made by `devsession record`
  without -b            $DEVSESSION_BOARD, else the one board attached

\b
Exit code: the program's own sys.exit, 1 after an exception on the board,
2 usage, 3 no such board, 4 link lost, 124 timeout, 130 interrupted.
Results go to stdout, everything else to stderr.
"""


class LazyGroup(click.Group):
    """A group whose commands are imported when they are called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names, in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return one command."""
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(COMMANDS[cmd_name][0])
        command: click.Command = getattr(module, f"{cmd_name}_command")
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


@click.command(cls=LazyGroup, epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("-b", "--board", metavar="URL", help="The board to work on.")
@click.option("-v", "--verbose", count=True, help="Tell each phase on stderr; -vv the bytes on the wire too.")
@click.version_option(package_name="devsession", message="%(version)s")
@click.pass_context
def devsession(ctx: click.Context, board: str | None, verbose: int) -> None:
    """Work with MicroPython and CircuitPython boards, real or simulated."""
    ctx.obj = {"board": board, "verbose": verbose, "recording": ctx.obj == RECORDING}


def main() -> None:
    """Run the command line and leave with its exit code; never returns."""
    # Nothing that start-up allocates becomes garbage: looking for some costs a command 4 ms. Work switches it on again.
    gc.disable()
    _open_streams()
    try:
        devsession(prog_name="devsession")
    except SystemExit as leaving:
        leave(leaving.code)


def _open_streams() -> None:
    # A standard stream that was closed is nothing: else the next file opened takes its number, and what is printed goes there.
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open(mode, encoding="utf-8"))  # noqa: SIM115
