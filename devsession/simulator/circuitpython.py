"""A board that behaves as CircuitPython's documentation says, simulated on MicroPython's unix port."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from devsession.errors import LinkLostError
from devsession.simulator import firmware
from devsession.simulator.scratch import Scratch
from devsession.simulator.supervisor import RESETS, Start
from devsession.simulator.unix_board import UnixBoard
from devsession.simulator.url import SimUrl

# How firmware_helpers/sim_circuit_console.py ends a virtual machine for the friendly REPL, beside how every board may end.
VM_ENDS = {**RESETS, 69: Start.REPL}
# What outlives a virtual machine, a file in a directory of its own.
STATE = "state.json"


class CircuitPythonBoard(UnixBoard):
    """CircuitPython's console, files and modules as ``wanted`` asks for them; each of its virtual machines is a process.

    It is a simulation from documented behaviour, no build of CircuitPython.
    """

    def __init__(self, wanted: SimUrl, gone: Callable[[LinkLostError], None]) -> None:
        super().__init__(wanted, gone, resets=VM_ENDS)
        self._kept: Scratch | None = None

    def end(self) -> None:
        """End the interpreter and all it started, and throw what it kept away; twice does nothing."""
        super().end()
        if self._kept is not None:
            self._kept.remove()
            self._kept = None

    def _own_command(self, root: Path, start: Start) -> tuple[str, ...]:
        if self._kept is None:
            self._kept = Scratch()
        program = str(firmware.directory() / "circuitpython_repl.py")
        drive = "on" if self._wanted.drive else "off"
        state = str(self._kept.path / STATE)
        return (program, *self._arguments(root, start), state, drive, self._wanted.language)
