"""Who holds a port: for messages, from what Linux tells in /proc; elsewhere nobody is named."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

_PROC = Path("/proc")


def holder_of(path: str, proc: Path = _PROC) -> str | None:
    """Return who has the device at ``path``, as ``name (pid N)``; ``None`` where that cannot be seen.

    Who has locked it comes before who merely has it open; of other users only the former can be seen.
    """
    for pid in (*_lockers(path, proc), *_openers(path, proc)):
        # Processes end while we look.
        with contextlib.suppress(OSError):
            name = ascii((proc / pid / "comm").read_bytes().decode(errors="replace").strip())[1:-1]
            return "this process itself" if int(pid) == os.getpid() else f"{name} (pid {pid})"
    return None


def _lockers(path: str, proc: Path) -> Iterator[str]:
    with contextlib.suppress(OSError):
        told = Path(path).stat()
        where = f"{os.major(told.st_dev):02x}:{os.minor(told.st_dev):02x}:{told.st_ino}"
        for line in (proc / "locks").read_text().splitlines():
            # 1: FLOCK  ADVISORY  WRITE 17263 fe:00:2146682 0 EOF (one who waits has an arrow before the kind)
            fields = line.split()
            if len(fields) == 8 and fields[1] == "FLOCK" and fields[5] == where:
                yield fields[4]


def _openers(path: str, proc: Path) -> Iterator[str]:
    real = os.path.realpath(path)
    for process in proc.glob("[0-9]*"):
        # Those of other users are closed to us.
        with contextlib.suppress(OSError):
            if int(process.name) != os.getpid() and any(
                _leads_to(fd, real) for fd in (process / "fd").iterdir()
            ):
                yield process.name


def _leads_to(descriptor: Path, real: str) -> bool:
    with contextlib.suppress(OSError):
        return str(descriptor.readlink()) == real
    return False
