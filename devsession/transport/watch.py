"""Ports that come and go: noticed when the system changes what is in /dev, or by looking again and again where it does not tell.

It is /dev that is watched, with inotify, and not the kernel's own messages: those come before udev has set owner and mode, and do not
reach every container. What is in /dev is what can be opened.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import sys
from collections.abc import AsyncGenerator
from dataclasses import dataclass

from devsession.transport.ports import Port, list_ports

# Where the system does not tell: seconds between two looks, as short as people find prompt. A look costs some milliseconds.
POLL_INTERVAL = 0.5
# Silence after a change that says: the device's nodes, links and permissions are made. udev makes them within tens of milliseconds.
SETTLE = 0.1
# Devices that never fall silent are looked at all the same, after this time in seconds.
SETTLE_LIMIT = 1.0
# How long a new port that may not be opened yet is held back, in seconds: after it udev is not going to change anything.
USABLE_LIMIT = 2.0

_DEVICES = "/dev"
# <sys/inotify.h>: attributes (udev sets owner and mode), moved from and to, created, deleted.
_IN_CHANGES = 0x4 | 0x40 | 0x80 | 0x100 | 0x200
_IN_ONLYDIR = 0x1000000
# One read takes the events that wait, each at most 16 bytes and a name of 256.
_EVENTS_SIZE = 16384


@dataclass(frozen=True, slots=True)
class PortAdded:
    """A port is there, and can be opened if this user may at all."""

    port: Port


@dataclass(frozen=True, slots=True)
class PortRemoved:
    """A port is gone; ``port`` is what was known of it."""

    port: Port


PortEvent = PortAdded | PortRemoved


async def watch_ports() -> AsyncGenerator[PortEvent]:
    """Yield the ports attached now as PortAdded, then each arrival and departure as it happens, for ever.

    A port that arrives is told of once it is settled: its device is silent, and this user may open it, or still may not after two seconds.
    One that was gone and is back between two looks is told as removed and added. On Linux the system tells of changes; elsewhere, and where
    it refuses (no inotify instances left), the ports are looked at every half second. Ends by cancelling, or by closing the generator;
    nothing is left open. Raises LinkError when the ports cannot be listed.
    """
    watch = _Watch()
    with contextlib.closing(_changes()) as changes:
        while True:
            for event in await watch.look():
                yield event
            await changes.wait(watch.patience)


class _Watch:
    """What was told so far, and what is held back."""

    def __init__(self) -> None:
        self._looked = False
        self._known: dict[Port, int] = {}
        self._held: dict[Port, float] = {}

    @property
    def patience(self) -> float | None:
        """Return after which time to look again in any case, in seconds; ``None`` when only a change can bring news."""
        return SETTLE if self._held else None

    async def look(self) -> list[PortEvent]:
        """Return what is new since the last look: departures first."""
        # The system may take its time to ask a device.
        ports = await asyncio.to_thread(list_ports)
        now = asyncio.get_running_loop().time()
        present = {port: node for port in ports if (node := _node(port.path)) is not None}
        events: list[PortEvent] = [
            PortRemoved(port) for port, node in self._known.items() if present.get(port) != node
        ]
        self._known = {port: node for port, node in self._known.items() if present.get(port) == node}
        new = present.keys() - self._known.keys()
        self._held = {port: self._held.get(port, now) for port in present if port in new}
        for port in [port for port, since in self._held.items() if self._is_settled(port, now - since)]:
            del self._held[port]
            self._known[port] = present[port]
            events.append(PortAdded(port))
        self._looked = True
        return events

    def _is_settled(self, port: Port, held: float) -> bool:
        # What was there before anybody watched is as it is.
        return not self._looked or held >= USABLE_LIMIT or _usable(port.path)


def _node(path: str) -> int | None:
    """Return what tells one node at ``path`` from the next one there, ``None`` when there is none."""
    if sys.platform == "win32":
        return 0
    try:
        return os.stat(path).st_ino  # noqa: PTH116  (a device is asked, not a file)
    except OSError:
        return None


def _usable(path: str) -> bool:
    return sys.platform == "win32" or os.access(path, os.R_OK | os.W_OK)


class _Changes:
    """Where the system does not tell: every look is worth its time."""

    async def wait(self, patience: float | None) -> None:  # noqa: ARG002  (the interval is shorter)
        """Wait until it is time to look again."""
        await asyncio.sleep(POLL_INTERVAL)

    def close(self) -> None:
        """Release what it holds."""


class _DeviceChanges(_Changes):
    """Linux tells what changes in /dev: nodes made and removed by the kernel, owners and modes set by udev."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._told = asyncio.Event()
        asyncio.get_running_loop().add_reader(fd, self._read)

    async def wait(self, patience: float | None) -> None:
        """Wait for a change and then for silence, or for ``patience`` seconds."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(patience):
                await self._told.wait()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(SETTLE_LIMIT):
                while self._told.is_set():
                    self._told.clear()
                    await asyncio.sleep(SETTLE)

    def close(self) -> None:
        """Stop listening."""
        asyncio.get_running_loop().remove_reader(self._fd)
        os.close(self._fd)

    def _read(self) -> None:
        os.read(self._fd, _EVENTS_SIZE)
        self._told.set()


def _changes() -> _Changes:
    if sys.platform == "linux":
        libc = ctypes.CDLL(None, use_errno=True)
        fd: int = libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        if fd >= 0:
            if libc.inotify_add_watch(fd, os.fsencode(_DEVICES), _IN_CHANGES | _IN_ONLYDIR) >= 0:
                return _DeviceChanges(fd)
            os.close(fd)
    return _Changes()
