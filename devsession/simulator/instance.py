"""One simulated board: its terminal, its directory, and the interpreters that run on them one after the other."""

from __future__ import annotations

import hashlib
import os
import secrets
import termios
from collections.abc import Callable
from pathlib import Path

from devsession.errors import InterpreterTooOldError, LinkLostError, SimulatorError
from devsession.simulator import firmware
from devsession.simulator.interpreter import Interpreter, Progress, find_interpreter
from devsession.simulator.pseudo_terminal import NUMBERS, open_pair, set_idle
from devsession.simulator.scratch import Scratch
from devsession.simulator.supervisor import NATIVE_RESETS, RESETS, Start, Supervisor
from devsession.simulator.url import SimUrl

# The port answers the raw REPL itself since this version.
NATIVE_VERSION = (1, 27)
INTERRUPT = b"\x03"


class Instance:
    """A simulated board as ``wanted`` asks for it; its name is not looked at.

    ``identity`` is what locks are keyed by, and ``machine.unique_id()`` is made of it. ``gone`` is told once when the board does not come
    up any more; afterwards what it had printed can still be read, then reading its terminal fails.
    """

    def __init__(self, wanted: SimUrl, gone: Callable[[LinkLostError], None]) -> None:
        self.identity = _identity(wanted)
        self._wanted = wanted
        self._tell = gone
        self._scratch: Scratch | None = None
        self._supervisor: Supervisor | None = None
        self._terminal = -1

    async def start(self, progress: Progress) -> int:
        """Start the board and return our side of its terminal, which the caller closes after ``end``.

        Returns before the board has printed anything. Raises InterpreterNotFoundError, InterpreterTooOldError and SimulatorError. When
        cancelled nothing stays.
        """
        interpreter = await find_interpreter(progress)
        self._check(interpreter)
        ours, self._terminal = open_pair()
        try:
            # A line that we write on the board's side must not hold up the loop when nobody reads.
            os.set_blocking(self._terminal, False)
            self._supervise(interpreter)
        except BaseException:
            self.end()
            os.close(ours)
            raise
        return ours

    def typed(self, data: bytes) -> None:
        """Know what was sent to the board: a Ctrl-C among it is watched."""
        if INTERRUPT in data and self._supervisor is not None:
            self._supervisor.interrupted()

    def reset(self) -> None:
        """Press the board's reset button; raises SimulatorError when no new interpreter can be started."""
        if self._supervisor is not None:
            # What was typed for the old interpreter is not for the new one.
            termios.tcflush(self._terminal, termios.TCIFLUSH)
            self._supervisor.reset()

    def end(self) -> None:
        """End the interpreter and all it started, and throw a temporary directory away; twice does nothing."""
        if self._supervisor is not None:
            self._supervisor.stop()
            self._supervisor = None
        self._close_terminal()
        if self._scratch is not None:
            self._scratch.remove()
            self._scratch = None

    def _check(self, interpreter: Interpreter) -> None:
        if self._wanted.repl == "native" and interpreter.release < NATIVE_VERSION:
            raise InterpreterTooOldError(
                f"repl=native needs MicroPython 1.27 or later, this is {interpreter.version}",
                version=interpreter.version,
                hint="leave repl=native out",
            )

    def _supervise(self, interpreter: Interpreter) -> None:
        root = self._make_root()
        native = self._wanted.repl == "native"
        argv = self._native_command if native else self._own_command

        def command(start: Start) -> tuple[str, ...]:
            set_idle(self._terminal)
            heap = ("-X", f"heapsize={self._wanted.heap}") if self._wanted.heap else ()
            return (*interpreter.argv, *heap, *argv(root, start))

        self._supervisor = Supervisor(
            command, os.ttyname(self._terminal), self._gone, resets=NATIVE_RESETS if native else RESETS
        )
        self._supervisor.start()

    def _own_command(self, root: Path, start: Start) -> tuple[str, ...]:
        program = str(firmware.directory() / "unix_repl.py")
        unique = hashlib.sha256(self.identity.encode()).hexdigest()[:16]
        return (program, str(root), start.value, unique, *map(str, NUMBERS))

    def _native_command(self, root: Path, start: Start) -> tuple[str, ...]:
        if start is Start.SOFT:
            os.write(self._terminal, b"MPY: soft reboot\r\n")
        return ("-i", "-c", firmware.native_root(root))

    def _make_root(self) -> Path:
        root = self._wanted.root
        try:
            if root is None:
                self._scratch = Scratch()
                root = self._scratch.path
            else:
                root.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise SimulatorError(f"no directory for the board's files: {error}") from error
        return root

    def _gone(self, reason: LinkLostError) -> None:
        # Without the board's side a reader of ours comes to an end, after what the board had printed.
        self._close_terminal()
        self._tell(reason)

    def _close_terminal(self) -> None:
        if self._terminal >= 0:
            os.close(self._terminal)
            self._terminal = -1


def _identity(wanted: SimUrl) -> str:
    # Two openers of one directory would be one board, so they share its lock; else every private board is another.
    if wanted.name is not None:
        return f"sim:{wanted.name}"
    if wanted.root is None:
        return f"sim:{secrets.token_hex(8)}"
    return f"sim:{hashlib.sha256(os.fsencode(wanted.root)).hexdigest()[:16]}"
