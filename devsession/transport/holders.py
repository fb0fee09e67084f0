"""Who holds a port: for messages, from what Linux tells in /proc; elsewhere nobody is named."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

_PROC = Path("/proc")


def holder_of(path: str) -> str | None:
    """Return who has the device at ``path`` open, as ``name (pid N)``; ``None`` where that cannot be seen."""
    real = os.path.realpath(path)
    for process in _PROC.glob("[0-9]*"):
        # Processes end while we look, and those of other users are closed to us.
        with contextlib.suppress(OSError):
            if int(process.name) != os.getpid() and any(
                _leads_to(fd, real) for fd in (process / "fd").iterdir()
            ):
                return f"{(process / 'comm').read_text().strip()} (pid {process.name})"
    return None


def _leads_to(descriptor: Path, real: str) -> bool:
    with contextlib.suppress(OSError):
        return str(descriptor.readlink()) == real
    return False
