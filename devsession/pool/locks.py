"""One lock for each board, across processes: a file that the kernel unlocks when its holder ends, however that ends."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import stat
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from devsession.errors import PoolError

# Who holds the pool lock looks at a few files, some 100 microseconds; whoever finds it held looks again after this many seconds.
POOL_LOOK = 0.002
# So long, in seconds, nobody holds it: one who does was stopped.
POOL_PATIENCE = 10.0
_PLAIN = re.compile(r"[^A-Za-z0-9._-]+")

# Locks are shared with a forked child, and would be held until it ends: it closes its copies.
_held: set[int] = set()


@dataclass(frozen=True, slots=True)
class Holder:
    """Who has a board: the id of the process, what it calls itself, since when (``time.time()``)."""

    pid: int
    owner: str
    since: float

    def __str__(self) -> str:
        return f"{self.owner} (process {self.pid}) for {time.time() - self.since:.0f} s"


class BoardLock:
    """A lock that is held; ``release`` gives the board back, and so does the end of the process."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self._path = path
        self._descriptor: int | None = descriptor
        self._pid = os.getpid()

    def say(self, owner: str) -> None:
        """Write down who holds it: for messages alone, nothing is decided by it."""
        assert self._descriptor is not None
        told = json.dumps({"pid": self._pid, "owner": owner, "since": time.time()})
        os.ftruncate(self._descriptor, 0)
        os.lseek(self._descriptor, 0, os.SEEK_SET)
        os.write(self._descriptor, told.encode())

    def release(self) -> None:
        """Give the board back; it is the most recently used one then. Releasing again does nothing, nor does a forked child's copy."""
        if self._descriptor is not None and self._pid == os.getpid():
            os.ftruncate(self._descriptor, 0)
            # The clock of the file system itself is some milliseconds coarse.
            _date(self._path, time.time_ns())
            self.drop()

    def drop(self) -> None:
        """Let go of a board that was not used: its place in the order stays."""
        if self._descriptor is not None and self._pid == os.getpid():
            _unlock(self._descriptor)
            self._descriptor = None


class Locks:
    """The locks of all boards in one directory (default: in the user's runtime directory); not for network file systems.

    Raises PoolError where that is not a directory of this user alone.
    """

    def __init__(self, directory: Path | None = None) -> None:
        self.directory = directory or _runtime()
        try:
            self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            status = self.directory.lstat()
        except OSError as error:
            raise PoolError(f"no directory for the locks of boards: {error}") from error
        if sys.platform != "win32" and (
            not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid() or status.st_mode & 0o022
        ):
            raise PoolError(
                f"{self.directory} is not a directory that this user alone can write",
                hint=f"chmod 700 {self.directory}",
            )

    def try_lock(self, identity: str) -> BoardLock | None:
        """Return the lock of a board, ``None`` when somebody holds it."""
        path = self._path(identity)
        is_new = not path.exists()
        descriptor = _locked(path)
        if descriptor is None:
            return None
        if is_new:
            _date(path, 0)
        return BoardLock(path, descriptor)

    def holder(self, identity: str) -> Holder | None:
        """Return who wrote down that he holds a board, ``None`` when nobody did."""
        try:
            told = json.loads(self._path(identity).read_text(encoding="utf-8"))
            return Holder(int(told["pid"]), str(told["owner"]), float(told["since"]))
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def last_used(self, identity: str) -> float:
        """Return when a board was last taken or given back, 0 for never."""
        try:
            return self._path(identity).stat().st_mtime
        except OSError:
            return 0.0

    @contextlib.contextmanager
    def pool(self) -> Iterator[None]:
        """Hold the lock under which boards are chosen, so that several are taken all at once or none; raises PoolError."""
        deadline = time.monotonic() + POOL_PATIENCE
        while (descriptor := _locked(self.directory / ".pool")) is None:
            if time.monotonic() > deadline:
                raise PoolError(f"{self.directory / '.pool'} was not free for {POOL_PATIENCE:g} s")
            time.sleep(POOL_LOOK)
        try:
            yield
        finally:
            _unlock(descriptor)

    def _path(self, identity: str) -> Path:
        # What identities differ in may be what file names cannot have.
        digest = hashlib.sha256(identity.encode()).hexdigest()[:8]
        return self.directory / f"{_PLAIN.sub('_', identity)[:80]}-{digest}.lock"


def _runtime() -> Path:
    given = os.environ.get("XDG_RUNTIME_DIR")
    if given:
        return Path(given, "devsession", "boards")
    user = "" if sys.platform == "win32" else f"-{os.getuid()}"
    return Path(tempfile.gettempdir(), f"devsession-boards{user}")


def _locked(path: Path) -> int | None:
    """Return the descriptor of a file that is locked by this process now, ``None`` when it is locked by another."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o600)
    if _try(descriptor):
        _held.add(descriptor)
        return descriptor
    os.close(descriptor)
    return None


def _unlock(descriptor: int) -> None:
    # A child that is being forked has a copy for a moment, and closing this one would not be enough.
    _free(descriptor)
    _held.discard(descriptor)
    os.close(descriptor)


def _date(path: Path, nanoseconds: int) -> None:
    os.utime(path, ns=(nanoseconds, nanoseconds))


if sys.platform == "win32":
    import msvcrt

    # Behind what is written down: a locked byte cannot be read by others there.
    _FAR = 1 << 30

    def _try(descriptor: int) -> bool:
        os.lseek(descriptor, _FAR, os.SEEK_SET)
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

    def _free(descriptor: int) -> None:
        os.lseek(descriptor, _FAR, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_UNLCK, 1)

else:
    import fcntl

    def _try(descriptor: int) -> bool:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _free(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_UN)

    def _forked() -> None:
        for descriptor in _held:
            os.close(descriptor)
        _held.clear()

    os.register_at_fork(after_in_child=_forked)
