"""Noticing at once that a pseudo-terminal is opened: the system tells it through inotify on Linux, elsewhere one has to look."""

from __future__ import annotations

import asyncio
import ctypes
import os
import sys
from collections.abc import Callable

# <sys/inotify.h>
_IN_OPEN = 0x20
_IN_NONBLOCK = os.O_NONBLOCK
_IN_CLOEXEC = getattr(os, "O_CLOEXEC", 0)
# Where the system does not tell: how often the caller has to look, in seconds.
LOOK_INTERVAL = 0.01
# One read takes all events that wait; each is 16 bytes and tells no name.
_EVENTS_SIZE = 4096


class Openings:
    """Calls ``opened`` whenever somebody may have opened ``path``, from creation to ``stop``, on the running loop."""

    def __init__(self, path: str, opened: Callable[[], None]) -> None:
        self._opened = opened
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._fd = _watch(path) if sys.platform == "linux" else -1
        if self._fd >= 0:
            self._loop.add_reader(self._fd, self._told)
        else:
            self._look()

    def stop(self) -> None:
        """Call nobody any more."""
        if self._timer is not None:
            self._timer.cancel()
        if self._fd >= 0:
            self._loop.remove_reader(self._fd)
            os.close(self._fd)
            self._fd = -1

    def _told(self) -> None:
        os.read(self._fd, _EVENTS_SIZE)
        self._opened()

    def _look(self) -> None:
        self._timer = self._loop.call_later(LOOK_INTERVAL, self._look)
        self._opened()


def _watch(path: str) -> int:
    """Return a descriptor that is readable when ``path`` was opened, -1 where the system refuses."""
    libc = ctypes.CDLL(None, use_errno=True)
    fd: int = libc.inotify_init1(_IN_NONBLOCK | _IN_CLOEXEC)
    if fd >= 0 and libc.inotify_add_watch(fd, os.fsencode(path), _IN_OPEN) < 0:
        os.close(fd)
        return -1
    return fd
