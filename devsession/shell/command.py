"""The command `devsession shell`: which boards, what is kept, and leaving."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import click

from devsession.cli.options import enable_log, the_board
from devsession.cli.outcome import conclude
from devsession.errors import DevsessionError, UsageError

if TYPE_CHECKING:
    from devsession.coordinator.coordinator import MultiSessionCoordinator


@click.command("shell")
@click.option(
    "-b", "--board", "boards", metavar="[NAME=]URL", multiple=True, help="A board to work on; several times."
)
@click.option("--raw", is_flag=True, help="Let escape sequences of boards through to this terminal.")
@click.option("--new", "is_new", is_flag=True, help="Keep nothing, and list no sessions of earlier times.")
@click.option("-v", "--verbose", count=True, help="Tell each phase on stderr; -vv the bytes on the wire too.")
@click.pass_context
def shell_command(
    ctx: click.Context, boards: tuple[str, ...], verbose: int, *, raw: bool, is_new: bool
) -> None:
    """Work with several boards and sessions at once: one in the foreground, the others run on, and their states are in the bar below.

    What is typed is Python for the session in the foreground, or the line that its program asks for with input(). Lines that begin with a
    slash are for the shell: /help lists them. Tab completes from the board. Ctrl-C interrupts the program, Ctrl-D leaves. When the shell
    is left its sessions are hibernated, and listed again the next time: /resume has them back.

    It needs prompt_toolkit: pip install 'devsession[shell]'.

    \b
    devsession shell
    devsession shell -b /dev/ttyACM0 -b lamp=/dev/ttyACM1
    devsession shell -b alpha=sim: -b beta=sim:
    """
    enable_log(verbose or ctx.obj["verbose"])
    named = boards or tuple(filter(None, [ctx.obj["board"] or os.environ.get("DEVSESSION_BOARD")]))
    conclude(_shell(named, raw=raw, is_new=is_new))


async def _shell(named: tuple[str, ...], *, raw: bool, is_new: bool) -> int:
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageError("the shell needs a terminal", hint="devsession exec and run do not")
    try:
        import prompt_toolkit  # noqa: F401 - whether it is there
    except ImportError as error:
        raise UsageError("prompt_toolkit is not installed", hint="pip install 'devsession[shell]'") from error
    from devsession.coordinator.coordinator import MultiSessionCoordinator
    from devsession.shell.places import boards_by_name, history_path, store_path
    from devsession.shell.shell import Shell

    boards = boards_by_name(named or (the_board(None),))
    async with MultiSessionCoordinator(boards, store=None if is_new else store_path()) as coordinator:
        shell = Shell(coordinator, history_path(), raw=raw)
        await _discard_empty(coordinator)
        earlier = coordinator.list()
        await _begin(coordinator, boards)
        sys.stderr.write(_greeting([session.name for session in earlier]))
        await shell.run()
    return 0


async def _discard_empty(coordinator: MultiSessionCoordinator) -> None:
    """Forget what earlier shells left of sessions in which there is nothing."""
    from devsession.coordinator.states import CoordinatedState

    for session in coordinator.list():
        asleep = session.hibernation
        is_empty = asleep is not None and not (asleep.values or asleep.methods or asleep.state)
        if is_empty or session.state is CoordinatedState.COMPLETED:
            await coordinator.close(session.name)


async def _begin(coordinator: MultiSessionCoordinator, boards: dict[str, str]) -> None:
    """Make a session on each board; raises what opening the first one does."""
    from devsession.coordinator.limits import made_up_name

    for number, board in enumerate(boards):
        taken = [session.name for session in coordinator.list()]
        try:
            session = await coordinator.create(
                made_up_name(("main" if len(boards) == 1 else board,), taken), board=board
            )
        except DevsessionError as error:
            if not number:
                raise
            sys.stderr.write(f"devsession: {board}: {error}\n")
        else:
            # Boards say what they are before the first program asks.
            await session.measure()


def _greeting(earlier: list[str]) -> str:
    asleep = (
        f"sessions of earlier times: {', '.join(earlier)} (/resume NAME or /close NAME)\n" if earlier else ""
    )
    return f"{asleep}/help lists the commands; Ctrl-D leaves\n"
