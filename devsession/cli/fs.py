"""`devsession fs`: the files of a board."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import click

from devsession.cli.fs_copy import cp_command, sync_command
from devsession.cli.fs_edit import edit_command
from devsession.cli.on_files import files_of, line, naming, remote_path
from devsession.cli.options import on_board
from devsession.cli.outcome import conclude
from devsession.cli.terminal import Stdout

if TYPE_CHECKING:
    from devsession.session.files.metadata import FileStat

# What is read at a time, in bytes.
_PIECE = 16 * 1024


@click.group("fs")
def fs_command() -> None:
    """Work with a board's files; a path on the board begins with a colon.

    \b
    devsession fs ls                         what is in the board's current directory
    devsession fs cp main.py :               a file to the board
    devsession fs cp -r :/lib backup         a directory from it
    devsession fs sync firmware/ :/          only what differs; --dry-run shows what that is
    devsession fs cat :boot.py

    Where only the board can be meant, the colon may be left out.
    """


@fs_command.command("ls")
@click.argument("paths", nargs=-1)
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object per entry.")
@on_board
def ls_command(board: str | None, paths: tuple[str, ...], *, as_json: bool) -> None:
    """List directories, or files: size in bytes and name; directories end with a slash.

    \b
    devsession fs ls :/lib
    """
    conclude(_ls(board, paths or (":",), as_json=as_json))


async def _ls(board: str | None, named: tuple[str, ...], *, as_json: bool) -> int:
    async with files_of(board) as files:
        for name in named:
            path = remote_path(name)
            with naming(path):
                is_dir = path in {".", "/"} or (await files.stat(path)).is_dir
                found = await files.scandir(path) if is_dir else (await files.stat(path),)
            if len(named) > 1 and not as_json:
                sys.stdout.write(f":{line(path)}\n")
            for stat in found:
                sys.stdout.write((json.dumps(_plain(stat)) if as_json else _told(stat)) + "\n")
    return 0


def _told(stat: FileStat) -> str:
    return f"{'' if stat.is_dir else stat.size:>10} {line(stat.name)}{'/' * stat.is_dir}"


def _plain(stat: FileStat) -> dict[str, object]:
    return {"path": stat.path, "is_dir": stat.is_dir, "size": stat.size, "mtime": stat.mtime}


@fs_command.command("cat")
@click.argument("paths", nargs=-1, required=True)
@on_board
def cat_command(board: str | None, paths: tuple[str, ...]) -> None:
    """Write what is in files to standard output; to a terminal without escape sequences.

    \b
    devsession fs cat :main.py
    """
    conclude(_cat(board, paths))


async def _cat(board: str | None, named: tuple[str, ...]) -> int:
    with Stdout() as out:
        async with files_of(board) as files:
            for name in named:
                path = remote_path(name)
                with naming(path):
                    async with files.open(path, "rb") as file:
                        while piece := await file.read(_PIECE):
                            await out.write(piece)
        await out.finish()
    return 0


@fs_command.command("rm")
@click.argument("paths", nargs=-1, required=True)
@click.option("-r", "--recursive", is_flag=True, help="Directories too, with everything in them.")
@click.option("-f", "--force", is_flag=True, help="What is not there is no error.")
@on_board
def rm_command(board: str | None, paths: tuple[str, ...], *, recursive: bool, force: bool) -> None:
    """Remove files, with -r directories too."""
    conclude(_rm(board, paths, recursive=recursive, force=force))


async def _rm(board: str | None, named: tuple[str, ...], *, recursive: bool, force: bool) -> int:
    async with files_of(board) as files:
        for path in map(remote_path, named):
            with naming(path, removing=True):
                if force and not await files.exists(path):
                    continue
                if recursive and (await files.stat(path)).is_dir:
                    await files.rmtree(path)
                else:
                    await files.remove(path)
    return 0


@fs_command.command("mv")
@click.argument("old")
@click.argument("new")
@on_board
def mv_command(board: str | None, old: str, new: str) -> None:
    """Give a file or directory another path, or move it into a directory."""
    conclude(_mv(board, remote_path(old), new))


async def _mv(board: str | None, old: str, new: str) -> int:
    async with files_of(board) as files:
        with naming(old):
            to = remote_path(new)
            if new.endswith("/") or to == "." or (await files.exists(to) and (await files.stat(to)).is_dir):
                to = f"{to.rstrip('/')}/{old.rstrip('/').rpartition('/')[2]}"
            await files.rename(old, to)
    return 0


@fs_command.command("mkdir")
@click.argument("paths", nargs=-1, required=True)
@click.option("-p", "--parents", is_flag=True, help="Those it is in too; one that is there is no error.")
@on_board
def mkdir_command(board: str | None, paths: tuple[str, ...], *, parents: bool) -> None:
    """Make directories."""
    conclude(_each(board, paths, "mkdir", parents=parents, exist_ok=parents))


@fs_command.command("rmdir")
@click.argument("paths", nargs=-1, required=True)
@on_board
def rmdir_command(board: str | None, paths: tuple[str, ...]) -> None:
    """Remove empty directories."""
    conclude(_each(board, paths, "rmdir"))


async def _each(board: str | None, named: tuple[str, ...], verb: str, **options: bool) -> int:
    async with files_of(board) as files:
        for path in map(remote_path, named):
            with naming(path, removing=verb == "rmdir"):
                await getattr(files, verb)(path, **options)
    return 0


@fs_command.command("touch")
@click.argument("paths", nargs=-1, required=True)
@on_board
def touch_command(board: str | None, paths: tuple[str, ...]) -> None:
    """Make empty files; those that are there keep what is in them."""
    conclude(_touch(board, paths))


async def _touch(board: str | None, named: tuple[str, ...]) -> int:
    async with files_of(board) as files:
        for path in map(remote_path, named):
            with naming(path):
                if not await files.exists(path):
                    await files.write_bytes(path, b"")
                    continue
                async with files.open(path, "ab"):
                    pass
    return 0


@fs_command.command("tree")
@click.argument("path", default=":")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object per directory.")
@on_board
def tree_command(board: str | None, path: str, *, as_json: bool) -> None:
    """Draw a directory with everything in it."""
    conclude(_tree(board, remote_path(path), as_json=as_json))


async def _tree(board: str | None, path: str, *, as_json: bool) -> int:
    async with files_of(board) as files:
        with naming(path):
            found = [folder async for folder in files.walk(path)]
    if as_json:
        for folder in found:
            sys.stdout.write(json.dumps(folder._asdict()) + "\n")
        return 0
    inside = {folder.path: folder for folder in found}

    def draw(path: str, before: str) -> None:
        folder = inside[path]
        names = sorted([*folder.folders, *folder.files])
        for number, name in enumerate(names, 1):
            is_last = number == len(names)
            is_dir = name in folder.folders
            sys.stdout.write(f"{before}{'└── ' if is_last else '├── '}{line(name)}{'/' * is_dir}\n")
            if is_dir:
                draw(f"{path.rstrip('/')}/{name}", before + ("    " if is_last else "│   "))

    sys.stdout.write(f":{line(found[0].path)}\n")
    draw(found[0].path, "")
    return 0


@fs_command.command("df")
@click.argument("paths", nargs=-1)
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object per file system.")
@on_board
def df_command(board: str | None, paths: tuple[str, ...], *, as_json: bool) -> None:
    """Tell how large file systems are, and how much is free; without paths all that are mounted."""
    conclude(_df(board, paths, as_json=as_json))


async def _df(board: str | None, named: tuple[str, ...], *, as_json: bool) -> int:
    async with files_of(board) as files:
        mounts = tuple(map(remote_path, named)) or await files.mounts()
        if not as_json:
            sys.stdout.write(f"{'size':>12} {'used':>12} {'free':>12}      on\n")
        for path in mounts:
            with naming(path):
                use = await files.statvfs(path)
            share = use.used * 100 // use.total if use.total else 0
            if as_json:
                told = {
                    "path": path,
                    "size": use.total,
                    "used": use.used,
                    "free": use.free,
                    "block": use.block,
                }
                sys.stdout.write(json.dumps(told) + "\n")
            else:
                sys.stdout.write(f"{use.total:>12} {use.used:>12} {use.free:>12} {share:>3}% {line(path)}\n")
    return 0


@fs_command.command("hash")
@click.argument("paths", nargs=-1, required=True)
@click.option("-a", "--algorithm", default="sha256", show_default=True, help="sha256, crc32, md5, sha1, ...")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object per file.")
@on_board
def hash_command(board: str | None, paths: tuple[str, ...], algorithm: str, *, as_json: bool) -> None:
    """Print the hashes of files, as sha256sum does; reckoned on the board where it can."""
    conclude(_hash(board, paths, algorithm, as_json=as_json))


async def _hash(board: str | None, named: tuple[str, ...], algorithm: str, *, as_json: bool) -> int:
    async with files_of(board) as files:
        for path in map(remote_path, named):
            with naming(path):
                digest = await files.hash(path, algorithm)
            told = json.dumps({"path": path, algorithm: digest}) if as_json else f"{digest}  {line(path)}"
            sys.stdout.write(told + "\n")
    return 0


for _command in (cp_command, sync_command, edit_command):
    fs_command.add_command(_command)
