"""Finds QEMU, and words how it is started so that its serial port is the terminal it runs on."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from devsession.errors import EmulatorNotFoundError

PROGRAM = "qemu-system-arm"
HINT = "sudo apt install qemu-system-arm (macOS: brew install qemu)"
# No screen and no monitor; the first serial port on the standard streams, where Ctrl-C is a byte. The network stays as it is by default:
# without one QEMU complains on the terminal.
SURROUNDINGS = (
    *("-no-user-config", "-display", "none", "-monitor", "none"),
    *("-chardev", "stdio,id=wire,signal=off", "-serial", "chardev:wire"),
)


def find_qemu() -> str:
    """Return the path of QEMU for Arm; raises EmulatorNotFoundError with how to install it."""
    found = shutil.which(PROGRAM)
    if found is None:
        raise EmulatorNotFoundError(
            f"{PROGRAM}, which runs the firmware of emulated boards, is not installed", hint=HINT
        )
    return found


def command(program: str, machine: Sequence[str], firmware: Path) -> tuple[str, ...]:
    """Return the argument list that starts ``machine``, whose arguments say with ``{firmware}`` where the image goes."""
    # A comma in a path would begin the next option; QEMU takes two for one.
    image = str(firmware).replace(",", ",,")
    return (program, *(word.format(firmware=image) for word in machine), *SURROUNDINGS)
