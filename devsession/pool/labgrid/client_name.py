"""Who a pool is to labgrid's coordinator: a name that no other living pool has, and that tells when its owner is dead.

The coordinator believes any name, and lets everybody of one name use what one of them has; and what a client had acquired when it died
stays acquired for ever. So names are numbered places of this user on this computer, each held by the lock of a file, which the system
opens when its holder dies: whoever gets the lock knows that nobody uses what is acquired under that name.
"""

from __future__ import annotations

import getpass
import os
import re
import secrets
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count

from devsession.pool.locks import BoardLock, Locks

_ODD = re.compile(r"[^A-Za-z0-9_.-]+")
# In the directory of locks: what tells its names from those of another directory, as of a container whose host has the same name.
_MARK = "labgrid-mark"


class ClientName:
    """The name of a client, ``HOST/USER-devsession-MARK-NUMBER``, held until ``give_back``.

    HOST and USER are the environment's LG_HOSTNAME and LG_USERNAME, as for labgrid's own client, else those of the system.
    """

    def __init__(self, locks: Locks) -> None:
        self._locks = locks
        self._family = f"{_host()}/{_user()}-devsession-{_mark(locks)}-"
        self._lock, number = self._first_free()
        self._lock.say(self._family + str(number))
        self.name = self._family + str(number)

    def give_back(self) -> None:
        """Let others have the name."""
        self._lock.release()

    @contextmanager
    def dead(self, other: str) -> Iterator[bool]:
        """Tell the block whether ``other`` is the name of a client that has died; while it runs nobody else can take that name."""
        number = other.removeprefix(self._family)
        lock = None
        if other != self.name and other.startswith(self._family) and number.isdecimal():
            lock = self._locks.try_lock(_identity(int(number)))
        try:
            yield lock is not None
        finally:
            if lock is not None:
                lock.drop()

    def _first_free(self) -> tuple[BoardLock, int]:
        for number in count():
            lock = self._locks.try_lock(_identity(number))
            if lock is not None:
                return lock, number
        raise AssertionError


def _identity(number: int) -> str:
    return f"labgrid-client-{number}"


def _host() -> str:
    return _ODD.sub("-", os.environ.get("LG_HOSTNAME") or socket.gethostname())


def _user() -> str:
    # Of a user whom the system does not know the coordinator is told nothing.
    try:
        user = os.environ.get("LG_USERNAME") or getpass.getuser()
    except (KeyError, OSError):
        user = "somebody"
    return _ODD.sub("-", user)


def _mark(locks: Locks) -> str:
    path = locks.directory / _MARK
    with locks.pool():
        if not path.exists():
            path.write_text(secrets.token_hex(3), encoding="ascii")
        return path.read_text(encoding="ascii")
