"""A child process on a terminal of its own: started without blocking the loop, its end noticed, its group ended."""

from __future__ import annotations

import asyncio
import contextlib
import os
import select
import signal
import threading
from collections.abc import Callable, Sequence

# A killed process is gone within a millisecond or two; one stuck in the kernel (a dead network file system) must not hold us up.
REAP_TIMEOUT = 1.0
# What a child may see of our environment: how libraries and programs are found, and the time zone.
PASSED_ON = ("PATH", "TZ", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")


class TerminalProcess:
    """A process that leads a session whose controlling terminal is ``terminal`` (the path of a terminal device).

    Its three standard streams are that terminal. ``ended`` is called once on the loop, with the exit code or minus the signal, unless
    ``kill`` came first. Raises OSError when the program cannot be started. Must be made while the loop runs.
    """

    def __init__(self, argv: Sequence[str], terminal: str, ended: Callable[[int], None]) -> None:
        self._ended = ended
        self._loop = asyncio.get_running_loop()
        # The first terminal that a session leader opens becomes its controlling terminal, hence by path and after setsid.
        self.pid = os.posix_spawn(
            argv[0],
            list(argv),
            {name: os.environ[name] for name in PASSED_ON if name in os.environ},
            file_actions=[
                (os.POSIX_SPAWN_OPEN, 0, terminal, os.O_RDWR, 0),
                (os.POSIX_SPAWN_DUP2, 0, 1),
                (os.POSIX_SPAWN_DUP2, 0, 2),
            ],
            setsid=True,
            setsigmask=[],
            # Ignored signals stay ignored in a new program, and Python ignores this one.
            setsigdef=[signal.SIGPIPE],
        )
        self._reaped = False
        self._descriptor = self._watch()

    def kill(self) -> None:
        """End the process and what it started, at once; afterwards ``ended`` is not called any more. Twice does nothing."""
        if self._reaped:
            return
        self._end_group()
        self._reap(REAP_TIMEOUT)

    def _watch(self) -> int | None:
        if hasattr(os, "pidfd_open"):
            descriptor = os.pidfd_open(self.pid)
            self._loop.add_reader(descriptor, self._on_end)
            return descriptor
        threading.Thread(target=self._wait, name=f"wait for {self.pid}", daemon=True).start()
        return None

    def _wait(self) -> None:
        # Where there is no descriptor to watch: wait without reaping, so that the number stays ours until the loop has taken notice.
        with contextlib.suppress(ChildProcessError):
            os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOWAIT)
        with contextlib.suppress(RuntimeError):  # the loop was closed meanwhile
            self._loop.call_soon_threadsafe(self._on_end)

    def _on_end(self) -> None:
        if self._reaped:
            return
        self._end_group()
        self._ended(self._reap(REAP_TIMEOUT))

    def _end_group(self) -> None:
        # Before reaping: until then the number of the group cannot belong to anybody else.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)

    def _reap(self, timeout: float) -> int:
        self._reaped = True
        if self._descriptor is not None:
            self._loop.remove_reader(self._descriptor)
            select.select([self._descriptor], [], [], timeout)
            os.close(self._descriptor)
        try:
            flags = os.WNOHANG if self._descriptor is not None else 0
            _, status = os.waitpid(self.pid, flags)
        except ChildProcessError:  # somebody else in this process reaped it
            return 0
        return os.waitstatus_to_exitcode(status)
