"""Where the MicroPython side of simulated boards is, as real files that an interpreter can be started with."""

from __future__ import annotations

import functools
import importlib.resources
import shutil
import tempfile
from pathlib import Path

PACKAGE = "firmware_helpers"


@functools.cache
def directory() -> Path:
    """Return the directory with ``unix_repl.py`` and what it imports, copied out first when the package is inside an archive."""
    source = importlib.resources.files(PACKAGE)
    if isinstance(source, Path):
        return source
    copy = Path(tempfile.mkdtemp(prefix="devsession-firmware-"))
    for entry in source.iterdir():
        if entry.name.endswith(".py"):
            with entry.open("rb") as packaged, (copy / entry.name).open("wb") as file:
                shutil.copyfileobj(packaged, file)
    return copy


def native_root(root: Path) -> str:
    """Return the program that makes ``root`` the board's ``/`` before the port's own prompt appears."""
    return (
        "import os, sys\n"
        f"files = os.VfsPosix({str(root)!r})\n"
        "os.umount('/'); os.mount(files, '/'); os.chdir('/')\n"
        "sys.path[:] = ['', '.frozen', '/lib']\n"
        "del files\n"
    )
