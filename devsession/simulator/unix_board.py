"""A board of MicroPython's unix port: its directory, and the interpreters that run on its terminal."""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Callable, Mapping
from pathlib import Path

from devsession.errors import InterpreterTooOldError, LinkLostError, SimulatorError
from devsession.simulator import firmware
from devsession.simulator.instance import Instance
from devsession.simulator.interpreter import Interpreter, Progress, find_interpreter
from devsession.simulator.pseudo_terminal import NUMBERS
from devsession.simulator.scratch import Scratch
from devsession.simulator.supervisor import CRASHES, NATIVE_RESETS, RESETS, Start
from devsession.simulator.url import SimUrl

# The port answers the raw REPL itself since this version.
NATIVE_VERSION = (1, 27)
INTERRUPT = b"\x03"


class UnixBoard(Instance):
    """The unix port as ``wanted`` asks for it, as ``Instance`` says; ``machine.unique_id()`` is made of its identity."""

    def __init__(
        self,
        wanted: SimUrl,
        gone: Callable[[LinkLostError], None],
        *,
        resets: Mapping[int, Start] = RESETS,
    ) -> None:
        self._native = wanted.repl == "native"
        super().__init__(
            _identity(wanted), gone, resets=NATIVE_RESETS if self._native else resets, crashes=CRASHES
        )
        self._wanted = wanted
        self._scratch: Scratch | None = None
        self._root: Path | None = None
        self._interpreter: Interpreter | None = None

    async def prepare(self, progress: Progress) -> None:
        """Find the interpreter, or fetch it; raises InterpreterNotFoundError and InterpreterTooOldError."""
        self._interpreter = await find_interpreter(progress)
        if self._native and self._interpreter.release < NATIVE_VERSION:
            raise InterpreterTooOldError(
                f"repl=native needs MicroPython 1.27 or later, this is {self._interpreter.version}",
                version=self._interpreter.version,
                hint="leave repl=native out",
            )

    def typed(self, data: bytes) -> None:
        """Know what was sent to the board: a Ctrl-C among it is watched."""
        if INTERRUPT in data and self._supervisor is not None:
            self._supervisor.interrupted()

    def end(self) -> None:
        """End the interpreter and all it started, and throw a temporary directory away; twice does nothing."""
        super().end()
        if self._scratch is not None:
            self._scratch.remove()
            self._scratch = None

    def _command(self, start: Start) -> tuple[str, ...]:
        assert self._interpreter is not None
        if self._root is None:
            self._root = self._make_root()
        heap = ("-X", f"heapsize={self._wanted.heap}") if self._wanted.heap else ()
        argv = self._native_command if self._native else self._own_command
        return (*self._interpreter.argv, *heap, *argv(self._root, start))

    def _own_command(self, root: Path, start: Start) -> tuple[str, ...]:
        return (str(firmware.directory() / "unix_repl.py"), *self._arguments(root, start))

    def _arguments(self, root: Path, start: Start) -> tuple[str, ...]:
        unique = hashlib.sha256(self.identity.encode()).hexdigest()[:16]
        return (str(root), start.value, unique, *map(str, NUMBERS))

    def _native_command(self, root: Path, start: Start) -> tuple[str, ...]:
        if start is Start.SOFT:
            self._say(b"MPY: soft reboot\r\n")
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


def _identity(wanted: SimUrl) -> str:
    # Two openers of one directory would be one board, so they share its lock; else every private board is another.
    if wanted.name is not None:
        return f"sim:{wanted.name}"
    if wanted.root is None:
        return f"sim:{secrets.token_hex(8)}"
    return f"sim:{hashlib.sha256(os.fsencode(wanted.root)).hexdigest()[:16]}"
