"""One simulated board: its terminal, and the processes that are the board on it, one after the other."""

from __future__ import annotations

import abc
import os
import termios
from collections.abc import Callable, Mapping

from devsession.errors import LinkLostError
from devsession.simulator.interpreter import Progress
from devsession.simulator.pseudo_terminal import open_pair, set_idle
from devsession.simulator.supervisor import Start, Supervisor


class Instance(abc.ABC):
    """A simulated board; subclasses say which process it is.

    ``identity`` is what locks are keyed by. ``gone`` is told once when the board does not come up any more; afterwards what it had
    printed can still be read, then reading its terminal fails. ``resets`` and ``crashes`` as for ``Supervisor``.
    """

    def __init__(
        self,
        identity: str,
        gone: Callable[[LinkLostError], None],
        *,
        resets: Mapping[int, Start],
        crashes: int,
    ) -> None:
        self.identity = identity
        self._tell = gone
        self._resets = resets
        self._crashes = crashes
        self._supervisor: Supervisor | None = None
        self._terminal = -1

    @abc.abstractmethod
    async def prepare(self, progress: Progress) -> None:
        """Find the programs that the board needs, or fetch them; raises SimulatorError. When cancelled nothing half-done stays."""

    @abc.abstractmethod
    def _command(self, start: Start) -> tuple[str, ...]:
        """Return the argument list of the process for a start; raises SimulatorError when there can be none."""

    async def _come_up(self, ours: int) -> None:  # noqa: B027 - a process may be ready at once
        """Wait until the board can be used; ``ours`` is our side of its terminal. Raises SimulatorError."""

    async def start(self, progress: Progress) -> int:
        """Start the board and return our side of its terminal, which the caller closes after ``end``.

        Nothing that the board prints is read here. Raises SimulatorError and those below it. When cancelled nothing stays.
        """
        await self.prepare(progress)
        ours, self._terminal = open_pair()
        try:
            # A line that we write on the board's side must not hold up the loop when nobody reads.
            os.set_blocking(self._terminal, False)
            os.set_blocking(ours, False)
            self._supervisor = Supervisor(
                self._start_command,
                os.ttyname(self._terminal),
                self._gone,
                resets=self._resets,
                crashes=self._crashes,
            )
            self._supervisor.start()
            await self._come_up(ours)
        except BaseException:
            self.end()
            os.close(ours)
            raise
        return ours

    def typed(self, data: bytes) -> None:  # noqa: B027 - most boards get over everything by themselves
        """Know what was sent to the board."""

    def reset(self) -> None:
        """Press the board's reset button; raises SimulatorError when no new process can be started."""
        if self._supervisor is not None:
            # What was typed for the old process is not for the new one.
            termios.tcflush(self._terminal, termios.TCIFLUSH)
            self._supervisor.reset()

    def end(self) -> None:
        """End the process and all it started; twice does nothing."""
        if self._supervisor is not None:
            self._supervisor.stop()
            self._supervisor = None
        self._close_terminal()

    def _say(self, text: bytes) -> None:
        """Print ``text`` as if the board had."""
        os.write(self._terminal, text)

    def _start_command(self, start: Start) -> tuple[str, ...]:
        set_idle(self._terminal)
        return self._command(start)

    def _gone(self, reason: LinkLostError) -> None:
        # Without the board's side a reader of ours comes to an end, after what the board had printed.
        self._close_terminal()
        self._tell(reason)

    def _close_terminal(self) -> None:
        if self._terminal >= 0:
            os.close(self._terminal)
            self._terminal = -1
