"""Links to simulated boards: a private one made for its opener, or one that somebody serves under a name."""

from __future__ import annotations

import fcntl
import hashlib
import os
import secrets
import shutil
import tempfile
import termios
from pathlib import Path

from devsession.errors import (
    BoardNotFoundError,
    InterpreterTooOldError,
    LinkLostError,
    PortBusyError,
    SimulatorError,
    UsageError,
)
from devsession.simulator import firmware, registry
from devsession.simulator.interpreter import Interpreter, Progress, find_interpreter
from devsession.simulator.pseudo_terminal import NUMBERS, open_pair, set_idle
from devsession.simulator.supervisor import NATIVE_RESETS, RESETS, Start, Supervisor
from devsession.simulator.url import SimUrl
from devsession.transport.base import Transport
from devsession.transport.descriptor import DescriptorTransport

# The port answers the raw REPL itself since this version.
NATIVE_VERSION = (1, 27)


def open_simulator(url: str, *, progress: Progress = lambda _: None) -> Transport:
    """Return the link, not opened yet, to the simulated board that ``url`` names.

    ``progress`` is told in words what takes time, such as fetching the interpreter. Raises UsageError for a URL that cannot be.
    """
    wanted = SimUrl.parse(url)
    if wanted.name is None:
        return SimulatedBoard(url, progress=progress)
    if wanted != SimUrl(name=wanted.name):
        raise UsageError("the options of a named board are given where it is served", board=url)
    return PublishedBoard(url)


class SimulatedBoard(DescriptorTransport):
    """A simulated board of one's own: started by ``open``, ended with all it started by ``close``.

    ``url`` as in ``SimUrl`` without a name. ``open`` raises InterpreterNotFoundError, InterpreterTooOldError and SimulatorError; it
    returns before the board has printed its banner. The board survives its own resets and crashes; one that only crashes loses the link.
    """

    def __init__(self, url: str = "sim:", *, progress: Progress = lambda _: None) -> None:
        self._wanted = SimUrl.parse(url)
        if self._wanted.name is not None:
            raise UsageError("a named board is not private: open_simulator finds it", board=url)
        super().__init__(url, identity=_identity(self._wanted))
        self._progress = progress
        self._temporary: Path | None = None
        self._supervisor: Supervisor | None = None
        self._reason: LinkLostError | None = None
        self._terminal = -1

    async def _open_descriptor(self) -> int:
        interpreter = await find_interpreter(self._progress)
        if self._wanted.repl == "native" and interpreter.release < NATIVE_VERSION:
            raise InterpreterTooOldError(
                f"repl=native needs MicroPython 1.27 or later, this is {interpreter.version}",
                version=interpreter.version,
                hint="leave repl=native out",
            )
        ours, self._terminal = open_pair()
        try:
            self._start(interpreter)
        except BaseException:
            self._end_board()
            os.close(ours)
            raise
        return ours

    def _start(self, interpreter: Interpreter) -> None:
        # A line that we write there must not hold up the loop when nobody reads.
        os.set_blocking(self._terminal, False)
        root = self._make_root()

        def command(start: Start) -> tuple[str, ...]:
            set_idle(self._terminal)
            return self._command(interpreter, root, start)

        native = self._wanted.repl == "native"
        self._supervisor = Supervisor(
            command, os.ttyname(self._terminal), self._gone, resets=NATIVE_RESETS if native else RESETS
        )
        self._supervisor.start()

    def _gone(self, reason: LinkLostError) -> None:
        # Without the board's side the reader comes to an end, after what the board had printed.
        self._reason = reason
        self._close_terminal()

    def _lost(self, error: OSError | None) -> LinkLostError:
        return self._reason or super()._lost(error)

    def _command(self, interpreter: Interpreter, root: Path, start: Start) -> tuple[str, ...]:
        heap = ("-X", f"heapsize={self._wanted.heap}") if self._wanted.heap else ()
        if self._wanted.repl == "native":
            if start is Start.SOFT:
                os.write(self._terminal, b"MPY: soft reboot\r\n")
            return (*interpreter.argv, *heap, "-i", "-c", firmware.native_root(root))
        numbers = (str(number) for number in NUMBERS)
        identity = hashlib.sha256(self.identity.encode()).hexdigest()[:16]
        program = str(firmware.directory() / "unix_repl.py")
        return (*interpreter.argv, *heap, program, str(root), start.value, identity, *numbers)

    def _make_root(self) -> Path:
        root = self._wanted.root
        try:
            if root is None:
                root = self._temporary = Path(tempfile.mkdtemp(prefix="devsession-sim-")).resolve()
            else:
                root.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise SimulatorError(f"no directory for the board's files: {error}", board=self.url) from error
        return root

    def _release(self, fd: int) -> None:
        self._end_board()
        super()._release(fd)

    def _end_board(self) -> None:
        if self._supervisor is not None:
            self._supervisor.stop()
            self._supervisor = None
        self._close_terminal()
        if self._temporary is not None:
            shutil.rmtree(self._temporary, ignore_errors=True)
            self._temporary = None

    def _close_terminal(self) -> None:
        if self._terminal >= 0:
            os.close(self._terminal)
            self._terminal = -1


class PublishedBoard(DescriptorTransport):
    """A simulated board that another process serves as ``sim:NAME``; one opener at a time.

    ``open`` raises BoardNotFoundError when nobody serves it and PortBusyError when another program has it open.
    """

    def __init__(self, url: str) -> None:
        name = SimUrl.parse(url).name
        if name is None:
            raise UsageError("a published board has a name", board=url)
        super().__init__(url, identity=f"sim:{name}")
        self._name = name

    async def _open_descriptor(self) -> int:
        path = registry.resolve(self._name)
        if path is None:
            raise BoardNotFoundError(
                f"no simulated board named {self._name} is served", hint=f"devsession sim serve {self._name}"
            )
        return _open_exclusively(path, self.url)


def _open_exclusively(path: Path, url: str) -> int:
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
    except OSError as error:
        raise BoardNotFoundError(f"{path} cannot be opened: {error.strerror}", board=url) from error
    try:
        # The same lock that pyserial's exclusive mode takes.
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        set_idle(descriptor)
    except BlockingIOError as error:
        os.close(descriptor)
        raise PortBusyError("another program has this board open", board=url) from error
    except (OSError, termios.error) as error:
        os.close(descriptor)
        raise BoardNotFoundError(f"{path} is no terminal: {error}", board=url) from error
    return descriptor


def _identity(wanted: SimUrl) -> str:
    # Two openers of one directory would be one board, so they share its lock; without a directory every board is another.
    if wanted.root is None:
        return f"sim:{secrets.token_hex(8)}"
    return f"sim:{hashlib.sha256(os.fsencode(wanted.root)).hexdigest()[:16]}"
