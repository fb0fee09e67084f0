"""`devsession exec`, `eval` and `run`: programs on a board."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from pathlib import Path

import click

from devsession.board.connection import ATTACH_TIMEOUT, EXEC_TIMEOUT
from devsession.board.execution import Execution
from devsession.board.running import Running
from devsession.cli.json_values import to_json
from devsession.cli.mounting import Seen, seeing, seen_by
from devsession.cli.options import SECONDS, on_board, tell_progress, the_board
from devsession.cli.outcome import conclude, tell
from devsession.cli.terminal import Stdout, printable
from devsession.errors import DevsessionError
from devsession.links import connect

# A reader that takes nothing for so many seconds is not waited for any longer, once the program's time is over.
_STALLED = 0.5
_TIMEOUT_HELP = (
    "Interrupt the program after this time, in seconds; exit code 124. It begins with the program: before that, a link may take up to "
    f"{ATTACH_TIMEOUT:g} s to open, and a board up to {ATTACH_TIMEOUT:g} s to answer."
)


@click.command("exec")
@click.argument("code")
@click.option("--timeout", type=SECONDS, help=_TIMEOUT_HELP)
@seeing
@on_board
def exec_command(
    board: str | None, code: str, timeout: float | None, mount: Path | None, *, writable: bool
) -> None:
    """Run CODE on a board and print what it prints; "-" reads it from standard input.

    \b
    devsession -b sim: exec "print(6*7)"
    devsession exec --mount src "import thermometer; thermometer.main()"
    """
    program = sys.stdin.read() if code == "-" else code
    conclude(_run(board, program, (), timeout, Seen.of(mount, writable=writable)))


@click.command("run")
@click.argument("file", type=click.Path(path_type=Path, allow_dash=True))
@click.argument("args", nargs=-1)
@click.option("--timeout", type=SECONDS, help=_TIMEOUT_HELP)
@seeing
@on_board
def run_command(
    board: str | None,
    file: Path,
    args: tuple[str, ...],
    timeout: float | None,
    mount: Path | None,
    *,
    writable: bool,
) -> None:
    """Run the program FILE of this computer on a board; "-" reads it from standard input.

    Its output streams while it runs, its sys.exit is the exit code, its traceback names FILE. Ctrl-C interrupts it. ARGS become its
    sys.argv.

    \b
    devsession run blink.py
    devsession run measure.py --timeout 30 -- --samples 8
    devsession run --mount . main.py
    """
    program = sys.stdin.read() if str(file) == "-" else file
    conclude(_run(board, program, args, timeout, Seen.of(mount, writable=writable)))


@click.command("eval")
@click.argument("expression")
@click.option("--timeout", type=SECONDS, default=EXEC_TIMEOUT, show_default=True, help=_TIMEOUT_HELP)
@click.option("--json", "as_json", is_flag=True, help="Print the value as JSON.")
@on_board
def eval_command(board: str | None, expression: str, timeout: float, *, as_json: bool) -> None:
    """Print the value of EXPRESSION on a board, as Python writes it; what it prints itself goes to standard error.

    With --json tuples, sets and ranges are arrays, and bytes are strings of hexadecimal digits; what JSON cannot hold is an error.

    \b
    devsession -b sim: eval "[2**n for n in range(8)]"
    """
    conclude(_eval(board, expression, timeout, as_json=as_json))


async def _run(
    board: str | None, program: str | Path, args: tuple[str, ...], timeout: float | None, seen: Seen | None
) -> int:
    running: Running | None = None
    with Stdout() as out:
        try:
            async with (
                connect(the_board(board), tell_progress) as target,
                seen_by(target, seen) as programs,
                programs.start(program, args=args, timeout=timeout) as running,
            ):
                execution = await _follow(running, out)
        except DevsessionError:
            if running is not None:
                await _last_words(running, out)
            raise
        # Whoever reads slowly keeps the board no longer than the program takes.
        await _copy(running, out)
        await out.finish()
    if running.dropped:
        sys.stderr.write(
            f"devsession: {running.dropped} bytes of output were dropped, the reader was too slow\n"
        )
    if execution.exit_message is not None:
        sys.stderr.write(printable(execution.exit_message) + "\n")
    if execution.error is not None:
        tell(execution.error)
    return execution.exit_code


async def _follow(running: Running, out: Stdout) -> Execution:
    """Write what a program prints until it has ended, and return what came of it; some may be left to write."""
    copying = asyncio.create_task(_copy(running, out))
    ended = asyncio.create_task(running.result())
    try:
        await asyncio.wait((copying, ended), return_when=asyncio.FIRST_COMPLETED)
        if not ended.done():
            # Everything is written, or nobody reads any more.
            await copying
        return await ended
    finally:
        for task in (copying, ended):
            task.cancel()
        await asyncio.gather(copying, ended, return_exceptions=True)


async def _copy(running: Running, out: Stdout) -> None:
    async for chunk in running:
        await out.write(chunk)


async def _last_words(running: Running, out: Stdout) -> None:
    """Write what is left of a program that failed, for as long as somebody takes it: why it did is to be told."""
    before = None
    while out.waiting != before:
        before = out.waiting
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_STALLED):
                await _copy(running, out)
                await out.finish()


async def _eval(board: str | None, expression: str, timeout: float, *, as_json: bool) -> int:
    async with connect(the_board(board), tell_progress) as target:
        execution = await target.evaluate(expression, timeout=timeout)
    sys.stderr.write(printable(execution.output))
    if execution.exit_message is not None:
        sys.stderr.write(printable(execution.exit_message) + "\n")
    if not execution.exit_code:
        sys.stdout.write((to_json(execution.value) if as_json else repr(execution.value)) + "\n")
    return execution.exit_code
