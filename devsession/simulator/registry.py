"""Names of simulated boards that somebody serves: one symbolic link each, in a directory that only this user can enter."""

from __future__ import annotations

import contextlib
import fcntl
import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

from devsession.errors import SimulatorError

# The lock beside a name is held as long as its board is served; the kernel drops it when the process ends, however it ends.
LOCK_SUFFIX = ".lock"


def directory() -> Path:
    """Return the directory of names, made if missing; raises SimulatorError when it is not this user's alone."""
    given = os.environ.get("XDG_RUNTIME_DIR")
    path = (
        Path(given, "devsession-sim")
        if given
        else Path(tempfile.gettempdir(), f"devsession-sim-{os.getuid()}")
    )
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = path.lstat()
    except OSError as error:
        raise SimulatorError(f"no directory for the names of simulated boards: {error}") from error
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid() or status.st_mode & 0o077:
        raise SimulatorError(f"{path} is not a directory of this user alone", hint=f"chmod 700 {path}")
    return path


@contextlib.contextmanager
def published(name: str, terminal: str) -> Iterator[None]:
    """Make ``sim:NAME`` lead to the device ``terminal`` while the block runs; raises SimulatorError when the name is taken."""
    link = directory() / name
    with _locked(link.with_name(name + LOCK_SUFFIX), name):
        link.unlink(missing_ok=True)
        link.symlink_to(terminal)
        try:
            yield
        finally:
            link.unlink(missing_ok=True)


def resolve(name: str) -> Path | None:
    """Return the device that ``sim:NAME`` leads to, ``None`` when nobody serves it now."""
    link = directory() / name
    if not _is_held(link.with_name(name + LOCK_SUFFIX)) or not link.is_symlink():
        return None
    return link.readlink()


def names() -> list[str]:
    """Return the names that are served now, sorted."""
    return sorted(path.name for path in directory().iterdir() if path.is_symlink() and resolve(path.name))


@contextlib.contextmanager
def _locked(path: Path, name: str) -> Iterator[None]:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise SimulatorError(f"a simulated board named {name} is already served") from error
        yield
    finally:
        os.close(descriptor)


def _is_held(path: Path) -> bool:
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False
