"""Directories of simulated boards that nobody keeps: gone with their board, also when its owner was killed."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
from pathlib import Path

_PREFIX = "devsession-sim-"
_SUFFIX = ".root"


class Scratch:
    """A new directory at ``path``, locked as long as it is used; those of owners that are gone are removed on the way."""

    def __init__(self) -> None:
        parent = Path(tempfile.gettempdir()).resolve()
        for left in parent.glob(f"{_PREFIX}*{_SUFFIX}"):
            _sweep(left)
        while True:
            self.path = Path(tempfile.mkdtemp(prefix=_PREFIX, suffix=_SUFFIX, dir=parent))
            descriptor = _lock(self.path)
            if descriptor is None:
                continue
            if self.path.exists():
                self._lock = descriptor
                return
            # Somebody who sweeps saw it before it was locked.
            os.close(descriptor)

    def remove(self) -> None:
        """Remove the directory and what is in it."""
        shutil.rmtree(self.path, ignore_errors=True)
        os.close(self._lock)


def _sweep(left: Path) -> None:
    if (descriptor := _lock(left)) is not None:
        shutil.rmtree(left, ignore_errors=True)
        os.close(descriptor)


def _lock(path: Path) -> int | None:
    """Return a descriptor that locks ``path``; ``None`` when it is in use, gone, or somebody else's."""
    with contextlib.suppress(OSError):
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            if os.fstat(descriptor).st_uid == os.getuid():
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return descriptor
        except OSError:
            os.close(descriptor)
            raise
        os.close(descriptor)
    return None
