"""A tree of files on this computer, as it is to be on a board."""

from __future__ import annotations

import hashlib
import stat
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from devsession.errors import UsageError
from devsession.session.files import paths
from devsession.session.files.patterns import Patterns
from devsession.session.files.trees import DIGEST_LENGTH, Digest, Entry

# What is never meant for a board; in a tree of a board it is left alone.
ALWAYS_EXCLUDED = (".git", ".hg", ".svn", "__pycache__", "*.pyc", ".DS_Store", f"{paths.BESIDE}????????")
_READ = 1 << 16


@dataclass(frozen=True, slots=True)
class LocalFile:
    """One file that is to go to a board: ``data`` is what it holds where that is not what ``source`` does."""

    source: Path
    size: int
    data: bytes | None = None

    @property
    def content(self) -> bytes | Path:
        """What it holds, or where that is."""
        return self.source if self.data is None else self.data

    def pieces(self) -> Iterator[bytes]:
        """Give what it holds; raises UsageError when it cannot be read."""
        if self.data is not None:
            yield self.data
            return
        try:
            with self.source.open("rb") as file:
                while piece := file.read(_READ):
                    yield piece
        except OSError as error:
            raise unreadable(self.source, error) from None

    def read(self) -> bytes:
        """Return all that it holds; raises UsageError when it cannot be read."""
        return b"".join(self.pieces())

    def is_in(self, entry: Entry) -> bool | None:
        """Whether a file of a board holds the same; ``None`` where the board cannot tell."""
        if entry.size != self.size:
            return False
        return None if entry.digest is None else self._digest(entry.digest) == entry.digest

    def _digest(self, like: Digest) -> Digest:
        if isinstance(like, int):
            crc = 0
            for piece in self.pieces():
                crc = zlib.crc32(piece, crc)
            return crc
        sha = hashlib.sha256()
        for piece in self.pieces():
            sha.update(piece)
        return sha.digest()[:DIGEST_LENGTH]


@dataclass(slots=True)
class LocalTree:
    """What is in a directory of this computer: ``folders`` and ``files`` by path from there, and what was left out."""

    root: Path
    folders: list[str] = field(default_factory=list)
    files: dict[str, LocalFile] = field(default_factory=dict)
    ignored: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, root: Path, exclude: Iterable[str] = ()) -> LocalTree:
        """Read the tree at ``root``; raises UsageError for what is none, cannot be read, or has names that no board takes.

        Symbolic links are followed; what is neither file nor directory is left out.
        """
        tree = cls(root)
        patterns = Patterns([*ALWAYS_EXCLUDED, *exclude])
        if not root.is_dir():
            raise UsageError(f"{root} is no directory of this computer", phase="files")
        tree._add(root, "", patterns, (root.resolve(),))
        return tree

    def _add(self, folder: Path, inside: str, patterns: Patterns, above: tuple[Path, ...]) -> None:
        try:
            entries = sorted(folder.iterdir())
        except OSError as error:
            raise unreadable(folder, error) from None
        for entry in entries:
            path = f"{inside}{entry.name}"
            try:
                mode, size = (found := entry.stat()).st_mode, found.st_size
            except OSError as error:
                raise unreadable(entry, error) from None
            is_dir = stat.S_ISDIR(mode)
            if patterns.match(path, is_dir=is_dir) or not (is_dir or stat.S_ISREG(mode)):
                self.ignored.append(path)
            elif not is_dir:
                self.files[paths.checked(path)] = LocalFile(entry, size)
            elif (real := entry.resolve()) in above:
                raise UsageError(f"{entry} leads back to where it is in", phase="files")
            else:
                self.folders.append(paths.checked(path))
                self._add(entry, f"{path}/", patterns, (*above, real))


def unreadable(path: Path, error: OSError) -> UsageError:
    """Return the error for what of this computer cannot be read."""
    return UsageError(f"{path}: {error.strerror}", phase="files")
