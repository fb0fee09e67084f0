"""What has to be done for a tree of a board to be as one of this computer: worked out before anything is touched."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from devsession.errors import UsageError
from devsession.session.files.local_tree import LocalTree
from devsession.session.files.patterns import Patterns
from devsession.session.files.trees import Entry

# At the root of a board are other file systems, and files that are its own.
BOARDS_OWN = (
    *("/rom", "/sd", "/boot_out.txt"),
    *("/System Volume Information", "/.fseventsd", "/.metadata_never_index", "/.Trashes", "/.Spotlight-V100"),
)


@dataclass(frozen=True, slots=True)
class SyncPlan:
    """What ``sync`` does, or did; paths are those from ``local`` and ``remote`` on.

    What ``delete`` names is removed, ``folders`` are made, and ``send`` is written, with the sizes in bytes. ``unchanged`` is the same on
    both sides, ``extra`` is on the board only and stays there, ``ignored`` was left out on either side.
    """

    local: Path
    remote: str
    send: Mapping[str, int]
    folders: tuple[str, ...] = ()
    delete: tuple[str, ...] = ()
    unchanged: tuple[str, ...] = ()
    extra: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        """How many bytes are to be written."""
        return sum(self.send.values())

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to do."""
        return not (self.folders or self.send or self.delete)


@dataclass
class Comparison:
    """A tree of this computer beside one of a board, which is empty where it is not there at all."""

    local: LocalTree
    remote: str
    entries: dict[str, Entry]
    patterns: Patterns
    delete: bool
    # Files that both have with one size, and the board cannot tell whether they are the same.
    doubts: list[str] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    send: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._ignored = [path for path, entry in self.entries.items() if self._is_ignored(path, entry)]
        kept = self.entries.keys() - set(self._ignored)
        self._theirs = {path: entry for path, entry in self.entries.items() if path in kept}
        for path, file in self.local.files.items():
            entry = self._theirs.get(path)
            is_same = False if entry is None else file.is_in(entry)
            if is_same is None:
                self.doubts.append(path)
            elif is_same:
                self.unchanged.append(path)
            else:
                self.send[path] = file.size

    def plan(self) -> SyncPlan:
        """Return what is to be done; raises UsageError for a directory in the way of a file, or the reverse, that may not be deleted."""
        extra = [
            path for path in self._theirs if path not in self.local.files and path not in self.local.folders
        ]
        in_the_way = [
            *(path for path in self.local.folders if (one := self._theirs.get(path)) and not one.is_dir),
            *(path for path in self.local.files if (one := self._theirs.get(path)) and one.is_dir),
            *self._hiding(extra),
        ]
        if in_the_way and not self.delete:
            raise UsageError(
                f"on the board these are in the way: {', '.join(in_the_way[:5])}",
                phase="sync",
                hint="allow deleting: delete=True",
            )
        going = (
            [path for path in dict.fromkeys([*extra, *in_the_way]) if not self._holds_ignored(path)]
            if self.delete
            else []
        )
        return SyncPlan(
            self.local.root,
            self.remote,
            self.send,
            folders=tuple(p for p in self.local.folders if p not in self._theirs or p in going),
            delete=tuple(sorted(going, reverse=True)),
            unchanged=tuple(self.unchanged),
            extra=tuple(path for path in extra if path not in going),
            ignored=tuple(dict.fromkeys([*self.local.ignored, *self._ignored])),
        )

    def _hiding(self, extra: list[str]) -> list[str]:
        """Return what the board would import instead of what was compiled."""
        return [path for path in extra if path.endswith(".py") and f"{path[:-3]}.mpy" in self.local.files]

    def _is_ignored(self, path: str, entry: Entry) -> bool:
        place = posixpath.join(self.remote, path)
        own = any(place == one or place.startswith(f"{one}/") for one in BOARDS_OWN)
        return own or self.patterns.match(path, is_dir=entry.is_dir)

    def _holds_ignored(self, path: str) -> bool:
        return any(one.startswith(f"{path}/") for one in self._ignored)
