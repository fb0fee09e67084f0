"""`devsession fs edit`: a file of a board in an editor of this computer."""

from __future__ import annotations

import asyncio
import os
import shlex
import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

import click

from devsession.cli.on_files import files_of, line, naming, remote_path
from devsession.cli.options import on_board
from devsession.cli.outcome import conclude
from devsession.errors import DevsessionError, UsageError


@click.command("edit")
@click.argument("path")
@on_board
def edit_command(board: str | None, path: str) -> None:
    """Edit a file of the board in $VISUAL or $EDITOR, and put it back if it was changed; a new one if there is none.

    \b
    EDITOR=nano devsession fs edit :main.py
    """
    conclude(_edit(board, remote_path(path)))


async def _edit(board: str | None, path: str) -> int:
    async with files_of(board) as files:
        with naming(path):
            before = await files.read_bytes(path) if await files.exists(path) else None
        with tempfile.TemporaryDirectory(prefix="devsession-edit-") as folder:
            # Its own name tells an editor what it is; it came from the command line, not from the board.
            local = Path(folder, PurePosixPath(path).name or "file")
            _write(local, before or b"")
            await _run_editor(local)
            after = _read(local)
        if after == (before or b""):
            sys.stderr.write("not changed\n")
            return 0
        try:
            with naming(path):
                await files.write_bytes(path, after)
        except DevsessionError as error:
            kept = _keep(after, PurePosixPath(path).suffix)
            error.hint = f"what you wrote is in {kept}" + (f"; {error.hint}" if error.hint else "")
            raise
    sys.stderr.write(f":{line(path)}: {len(after)} bytes written\n")
    return 0


def _write(local: Path, data: bytes) -> None:
    local.write_bytes(data)


def _read(local: Path) -> bytes:
    try:
        return local.read_bytes()
    except OSError as error:
        raise UsageError(f"the editor left no file: {error.strerror}", phase="edit") from None


async def _run_editor(local: Path) -> None:
    editor = shlex.split(os.environ.get("VISUAL") or os.environ.get("EDITOR") or "vi")
    with _ctrl_c_is_the_editors():
        try:
            process = await asyncio.create_subprocess_exec(*editor, str(local))
        except OSError as error:
            raise UsageError(
                f"the editor {editor[0]!r} cannot be run: {error.strerror}", phase="edit", hint="set EDITOR"
            ) from None
        try:
            code = await process.wait()
        except BaseException:
            process.terminate()
            await process.wait()
            raise
    if code:
        raise UsageError(f"the editor ended with exit code {code}: nothing is put back", phase="edit")


@contextmanager
def _ctrl_c_is_the_editors() -> Iterator[None]:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _keep(data: bytes, suffix: str) -> str:
    with tempfile.NamedTemporaryFile(prefix="devsession-edit-", suffix=suffix, delete=False) as file:
        file.write(data)
    return file.name
