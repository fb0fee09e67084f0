"""A board that behaves as CircuitPython's documentation says, simulated on MicroPython's unix port."""

from __future__ import annotations

import asyncio
import json
import termios
from collections.abc import Callable
from pathlib import Path

from devsession.errors import LinkLostError, SimulatorError
from devsession.simulator import firmware
from devsession.simulator.scratch import Scratch
from devsession.simulator.supervisor import RESETS, Start
from devsession.simulator.unix_board import UnixBoard
from devsession.simulator.url import SimUrl

# How firmware_helpers/sim_circuit_console.py ends a virtual machine for the friendly REPL, beside how every board may end.
VM_ENDS = {**RESETS, 69: Start.REPL}
# What outlives a virtual machine, a file in a directory of its own.
STATE = "state.json"
# What the board itself writes at each start.
OWN_FILE = "boot_out.txt"
# How often to look whether somebody changed the board's files, in seconds; not while its REPL is used, when that starts nothing.
LOOK_INTERVAL = 0.1
# CircuitPython starts code.py anew when nothing has been written for so long, in seconds.
QUIET = 0.75

Files = dict[Path, tuple[int, int]]


class CircuitPythonBoard(UnixBoard):
    """CircuitPython's console, files and modules as ``wanted`` asks for them; each of its virtual machines is a process.

    It is a simulation from documented behaviour, no build of CircuitPython.
    """

    def __init__(self, wanted: SimUrl, gone: Callable[[LinkLostError], None]) -> None:
        super().__init__(wanted, gone, resets=VM_ENDS)
        self._kept: Scratch | None = None
        self._seen: Files = {}
        self._timer: asyncio.TimerHandle | None = None
        # When the last change was seen, while the start that it asks for is still to come.
        self._changed: float | None = None

    def reset(self) -> None:
        """Press the reset button: all virtual machines are gone, and boot.py runs."""
        self._stop_watching()
        super().reset()

    def end(self) -> None:
        """End the interpreter and all it started, and throw what it kept away; twice does nothing."""
        self._stop_watching()
        super().end()
        if self._kept is not None:
            self._kept.remove()
            self._kept = None

    def _own_command(self, root: Path, start: Start) -> tuple[str, ...]:
        program = str(firmware.directory() / "circuitpython_repl.py")
        drive = "on" if self._wanted.drive else "off"
        return (
            program,
            *self._arguments(root, start),
            str(self._state_file()),
            drive,
            self._wanted.language,
        )

    def _state_file(self) -> Path:
        if self._kept is None:
            self._kept = Scratch()
        return self._kept.path / STATE

    def _start_command(self, start: Start) -> tuple[str, ...]:
        command = super()._start_command(start)
        self._stop_watching()
        if self._wanted.drive and start not in {Start.RAW, Start.REPL}:
            self._seen = self._files()
            self._timer = asyncio.get_running_loop().call_later(LOOK_INTERVAL, self._look)
        return command

    def _gone(self, reason: LinkLostError) -> None:
        self._stop_watching()
        super()._gone(reason)

    # Auto-reload: what is saved on the drive stops code.py, and starts it anew

    def _look(self) -> None:
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(LOOK_INTERVAL, self._look)
        files, seen = self._files(), self._seen
        self._seen = files
        if files != seen and self._reloads():
            self._changed = loop.time()
            if self._supervisor is not None:
                self._supervisor.stop()
        elif self._changed is not None and loop.time() - self._changed >= QUIET:
            self._reload()

    def _reload(self) -> None:
        self._stop_watching()
        # What is typed meanwhile is ignored.
        termios.tcflush(self._terminal, termios.TCIFLUSH)
        if self._supervisor is not None:
            try:
                self._supervisor.start(Start.RELOAD)
            except SimulatorError as error:
                self._gone(LinkLostError(f"the simulated board does not come up: {error.message}"))

    def _reloads(self) -> bool:
        """Whether a change starts code.py anew: it is the host's, and nobody switched that off."""
        try:
            state = json.loads(self._state_file().read_text("utf-8"))
        except FileNotFoundError:  # it has only just been switched on
            return False
        return bool(state["autoreload"]) and not state["writable"]

    def _stop_watching(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._changed = None

    def _files(self) -> Files:
        assert self._root is not None
        found: Files = {}
        for path in self._root.rglob("*"):
            try:
                status = path.lstat()
            except FileNotFoundError:  # removed meanwhile
                continue
            if path.name != OWN_FILE and path.is_file():
                found[path] = (status.st_mtime_ns, status.st_size)
        return found
