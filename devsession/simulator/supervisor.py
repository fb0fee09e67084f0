"""Keeps a simulated board alive: a new interpreter on the same terminal after each reset, and an end to boards that only crash."""

from __future__ import annotations

import collections
import signal
import time
from collections.abc import Callable, Mapping
from enum import Enum

from devsession.errors import LinkLostError, SimulatorError
from devsession.simulator.process import TerminalProcess
from devsession.simulator.watchdog import Watchdog

# A board that dies this often within this many seconds will not come up; one that resets itself on purpose may.
CRASHES = 5
CRASH_WINDOW = 10.0


class Start(Enum):
    """What a new interpreter comes after, which decides whether main.py runs, which prompt it shows, and what it tells programs."""

    POWER = "power"
    HARD = "hard"
    WATCHDOG = "watchdog"
    DEEPSLEEP = "deepsleep"
    SOFT = "soft"
    RAW = "raw"
    REPL = "repl"
    RELOAD = "reload"


# How firmware_helpers/sim_console.py and machine.py end the process; every other way is a crash.
RESETS = {64: Start.SOFT, 65: Start.RAW, 66: Start.HARD, 67: Start.WATCHDOG, 68: Start.DEEPSLEEP}
# The port's own prompt ends with 0 at Ctrl-D and at SystemExit.
NATIVE_RESETS = {0: Start.SOFT}


class Supervisor:
    """Runs interpreters one after the other on the terminal at path ``terminal``.

    ``command`` gives the argument list for a start, or raises SimulatorError; ``resets`` says what exit codes ask for, every other end is a
    crash, and so many ``crashes`` within ten seconds are too many. ``gone`` is told once when the board will not come up again. All on one
    loop.
    """

    def __init__(
        self,
        command: Callable[[Start], tuple[str, ...]],
        terminal: str,
        gone: Callable[[LinkLostError], None],
        *,
        resets: Mapping[int, Start],
        crashes: int,
    ) -> None:
        self._command = command
        self._terminal = terminal
        self._gone = gone
        self._resets = resets
        self._process: TerminalProcess | None = None
        self._watchdog: Watchdog | None = None
        self._crashes: collections.deque[float] = collections.deque(maxlen=crashes)

    def start(self, start: Start = Start.POWER) -> None:
        """Start an interpreter; raises SimulatorError when the system refuses. Does not wait for it."""
        try:
            self._process = TerminalProcess(self._command(start), self._terminal, self._ended)
            self._watchdog = Watchdog(self._process.pid)
        except OSError as error:
            raise SimulatorError(f"the interpreter cannot be started: {error}", phase="open") from error

    def stop(self) -> None:
        """End the interpreter and all it started; twice does nothing."""
        self._call_off()
        if self._process is not None:
            self._process.kill()
            self._process = None

    def reset(self) -> None:
        """End the interpreter and start a new one, as a board's reset button does."""
        self.stop()
        self.start(Start.HARD)

    def came_up(self) -> None:
        """Know that the board works: the crashes before are not counted any more."""
        self._crashes.clear()

    def interrupted(self) -> None:
        """Know that Ctrl-C was typed: an interpreter that never gets over it is ended, and started anew."""
        if self._watchdog is not None:
            self._watchdog.interrupted()

    def _call_off(self) -> None:
        if self._watchdog is not None:
            self._watchdog.stop()
            self._watchdog = None

    def _ended(self, code: int) -> None:
        self._call_off()
        self._process = None
        start = self._resets.get(code)
        if start is None:
            start = Start.HARD
            self._crashes.append(time.monotonic())
            if self._is_hopeless():
                self._give_up(
                    f"it ended {len(self._crashes)} times within {CRASH_WINDOW:g} s, last {_how(code)}"
                )
                return
        try:
            self.start(start)
        except SimulatorError as error:
            self._give_up(error.message)

    def _is_hopeless(self) -> bool:
        return (
            len(self._crashes) == self._crashes.maxlen and self._crashes[-1] - self._crashes[0] < CRASH_WINDOW
        )

    def _give_up(self, reason: str) -> None:
        self._gone(LinkLostError(f"the simulated board does not come up: {reason}"))


def _how(code: int) -> str:
    if code >= 0:
        return f"with exit code {code}"
    try:
        return f"by {signal.Signals(-code).name}"
    except ValueError:
        return f"by signal {-code}"
