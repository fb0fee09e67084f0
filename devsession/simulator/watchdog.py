"""Ends an interpreter that Ctrl-C left waiting for a lock of its own for ever, so that the board comes back with a reset.

The unix port takes Ctrl-C as a signal and can be caught holding the lock of its heap. The console avoids those moments as well as it
can (firmware_helpers/sim_signal.py); what is left of them shows as a process that waits for a lock, prints nothing, and takes no input.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from pathlib import Path

# How often to look, and how many looks in a row must find it waiting: together longer than a loaded machine keeps a lock, and well within
# the five seconds that a caller waits for an interrupted program.
INTERVAL = 0.25
LOOKS = 6


class Watchdog:
    """Looks after one process, ``pid``, for a while after each ``interrupted``; on systems without /proc it never barks."""

    def __init__(self, pid: int) -> None:
        self._wait_channel = Path(f"/proc/{pid}/wchan")
        self._pid = pid
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._found = 0

    def interrupted(self) -> None:
        """Know that Ctrl-C was typed."""
        if self._timer is None:
            self._found = 0
            self._timer = self._loop.call_later(INTERVAL, self._look)

    def stop(self) -> None:
        """Look no more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look(self) -> None:
        self._timer = None
        if not self._waits_for_a_lock():
            return
        self._found += 1
        if self._found < LOOKS:
            self._timer = self._loop.call_later(INTERVAL, self._look)
            return
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._pid, signal.SIGKILL)

    def _waits_for_a_lock(self) -> bool:
        try:
            return self._wait_channel.read_text().startswith("futex")
        except OSError:
            return False
