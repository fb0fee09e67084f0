"""`devsession doctor`: what is wrong, and what cures it."""

from __future__ import annotations

import contextlib
import json
import os
import sys

import click

from devsession.cli.options import on_board, tell_progress, the_board
from devsession.cli.outcome import conclude
from devsession.cli.terminal import printable
from devsession.doctor.finding import Finding, Level

_COLOURS = {Level.OK: "green", Level.NOTE: "cyan", Level.WARNING: "yellow", Level.ERROR: "red"}


@click.command("doctor")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@on_board
def doctor_command(board: str | None, *, as_json: bool) -> None:
    """Examine a board, its port and this computer; tell what is wrong, and what cures it.

    Looked at are the port's permissions and who holds it, programs that meddle with new ports (ModemManager, brltty), the firmware's
    version, heap and clock, round trip and rates of the link, and raw-paste. The board is interrupted, not reset. Exit code 1 when there is
    a warning or an error.

    \b
    devsession doctor
    devsession -b /dev/ttyACM0 doctor --json
    """
    conclude(_examine(board, as_json=as_json))


async def _examine(named: str | None, *, as_json: bool) -> int:
    from devsession.doctor.diagnose import diagnose

    board = _the_patient(named)
    findings: list[Finding] = []
    async with contextlib.aclosing(diagnose(board, tell_progress)) as found:
        async for finding in found:
            findings.append(finding)
            if not as_json:
                sys.stdout.write(_shown(finding))
                sys.stdout.flush()
    if as_json:
        sys.stdout.write(json.dumps({"board": board, "findings": [_plain(each) for each in findings]}) + "\n")
    return 0 if all(finding.level.is_healthy for finding in findings) else 1


def _the_patient(named: str | None) -> str | None:
    """Return the board named, or the only one attached; ``None`` when there is none. Raises AmbiguousBoardError."""
    from devsession.transport.ports import list_ports

    return the_board(named) if named or list_ports() else None


def _plain(finding: Finding) -> dict[str, str | None]:
    return {
        "check": finding.check,
        "level": finding.level.value,
        "seen": finding.seen,
        "cure": finding.cure,
    }


def _shown(finding: Finding) -> str:
    level = f"{finding.level.value:<8}"
    # https://no-color.org
    if sys.stdout.isatty() and not os.environ.get("NO_COLOR"):
        level = click.style(level, fg=_COLOURS[finding.level])
    text = f"{level} {finding.check:<13} {printable(finding.seen)}\n"
    return text + (f"{'':<9}{'cure':>13}: {printable(finding.cure)}\n" if finding.cure else "")
