"""`devsession reset`, `rescue`, `bootloader`: the interpreter starts anew, or not at all."""

from __future__ import annotations

import sys

import click

from devsession.board.board import Board
from devsession.board.connection import RESET_TIMEOUT
from devsession.board.resets import Reset
from devsession.cli.options import SECONDS, on_board, tell_progress, the_board
from devsession.cli.outcome import conclude
from devsession.links import connect


@click.command("reset")
@click.option("--soft", is_flag=True, help="boot.py runs, main.py does not (this is the default).")
@click.option("--hard", is_flag=True, help="The whole chip, by its reset line or machine.reset().")
@click.option("--run", is_flag=True, help="A soft reset that runs main.py too, which is left running.")
@click.option(
    "--timeout", type=SECONDS, default=RESET_TIMEOUT, show_default=True, help="For all of it, in seconds."
)
@click.option("--json", "as_json", is_flag=True, help="Print what the reset did as one JSON object.")
@on_board
def reset_command(board: str | None, timeout: float, *, as_json: bool, **kinds: bool) -> None:
    """Start a board anew, wait until the same board is back, and tell what ran.

    \b
    devsession reset             variables and imports are gone
    devsession reset --hard      the chip and its peripherals too
    devsession reset --run       as if it had been switched on
    """
    chosen = [kind for kind, is_chosen in kinds.items() if is_chosen]
    if len(chosen) > 1:
        raise click.UsageError(f"--{chosen[0]} and --{chosen[1]} are different resets: choose one")
    conclude(_reset(board, chosen[0] if chosen else "soft", timeout, as_json=as_json))


@click.command("rescue")
@click.option("--timeout", type=SECONDS, default=30.0, show_default=True, help="For all of it, in seconds.")
@click.option("--json", "as_json", is_flag=True, help="Print what was done as one JSON object.")
@on_board
def rescue_command(board: str | None, timeout: float, *, as_json: bool) -> None:
    """Get into a board whose main.py keeps you out: catch it at start-up and rename main.py.

    A board without a reset line is waited for: press its reset button. The file is kept, under a name that does not run.

    \b
    devsession -b /dev/ttyUSB0 rescue
    """
    conclude(_rescue(board, timeout, as_json=as_json))


@click.command("bootloader")
@on_board
def bootloader_command(board: str | None) -> None:
    """Start a board's boot loader, which waits for new firmware.

    \b
    devsession -b /dev/ttyACM0 bootloader
    """
    conclude(_bootloader(board))


async def _reset(url: str | None, how: str, timeout: float, *, as_json: bool) -> int:
    async with connect(the_board(url), tell_progress, listen=True) as board:
        if how == "run":
            await board.attach(timeout)
            await board.boot(Reset.SOFT, timeout)
            return 0
        # A reset line needs no prompt: it works when nothing answers.
        kind = Reset.RAW_SOFT if how == "soft" else Reset.LINE if board.can(Reset.LINE) else Reset.MACHINE
        if kind is not Reset.LINE:
            await board.attach(timeout)
        await _tell(board, kind, timeout, as_json=as_json)
    return 0


async def _tell(board: Board, kind: Reset, timeout: float, *, as_json: bool) -> None:
    report = await board.reset(kind, timeout)
    if as_json:
        import json

        facts = {
            "board": board.url,
            "kind": report.kind.value,
            "boot.py": report.boot.value,
            "main.py": report.main.value,
            "seconds": report.seconds,
            "reopened": report.reopened,
            "printed": report.printed,
        }
        sys.stdout.write(json.dumps(facts) + "\n")
    else:
        sys.stderr.write(
            f"{report.kind.value} reset in {report.seconds:g} s: boot.py {report.boot.value}, main.py {report.main.value}\n"
        )


async def _rescue(url: str | None, timeout: float, *, as_json: bool) -> int:
    from devsession.board.rescue import rescue

    async with connect(the_board(url), tell_progress, listen=True) as board:
        if not board.can(Reset.LINE):
            sys.stderr.write(f"if it does not answer, press its reset button within {timeout:g} s\n")
        done = await rescue(board, timeout)
    if as_json:
        import json

        sys.stdout.write(json.dumps({"renamed": done.renamed, "caught": done.caught}) + "\n")
        return 0
    for old, new in done.renamed.items():
        sys.stdout.write(f"{old} is now {new}\n")
    if not done.renamed:
        sys.stdout.write("the board answers, and has neither main.py nor code.py\n")
    return 0


async def _bootloader(url: str | None) -> int:
    async with connect(the_board(url), tell_progress) as board:
        await board.bootloader()
    return 0
