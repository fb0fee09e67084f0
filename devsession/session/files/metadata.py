"""What is known of a board's files, and how long that may be believed."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from weakref import WeakValueDictionary

from devsession.board.board import Board
from devsession.board.happenings import Happening
from devsession.session.files import paths

# Entries kept for one board; with more, all are forgotten: boards have tens of files, seldom hundreds.
KEPT = 4096
_DIRECTORY = 0x4000


@dataclass(frozen=True, slots=True)
class FileStat:
    """A file or directory of a board: where it is, its ``size`` in bytes, when it was written.

    ``mtime`` is in seconds of the board's own epoch (2000 or 1970, as the port has it), ``None`` where the board does not tell.
    """

    path: str
    is_dir: bool
    size: int
    mtime: int | None = None

    @property
    def name(self) -> str:
        """The last part of the path."""
        return paths.split(self.path)[1]

    @classmethod
    def read(cls, path: str, mode: int, size: int, mtime: int | None = None) -> FileStat:
        """Make one of what ``os.stat`` gave on the board."""
        folder = bool(mode & _DIRECTORY)
        return cls(path, folder, 0 if folder else size, mtime)


@dataclass(frozen=True, slots=True)
class FileFacts:
    """What a board's ``os`` has, and how many bytes of heap were free when it was asked."""

    functions: frozenset[str]
    heap: int

    @property
    def is_flat(self) -> bool:
        """Whether there are only names with sizes: no directories, no ``stat``, no ``rename`` (micro:bit)."""
        return "stat" not in self.functions


@dataclass(frozen=True, slots=True)
class CacheUse:
    """How often something was asked about a board's files: ``hits`` were known already, ``misses`` had to be asked of the board."""

    hits: int
    misses: int

    @property
    def rate(self) -> float:
        """The share that was known, from 0 to 1; 0 before anything was asked."""
        return self.hits / (self.hits + self.misses) if self.hits else 0.0


@dataclass(slots=True, eq=False)
class Look:
    """One exec of devsession's own that is known to change nothing on the file systems but what is at ``changed``."""

    changed: tuple[str, ...]
    age: int | None = None
    listings: dict[str, frozenset[str]] = field(default_factory=dict)


_look: ContextVar[Look | None] = ContextVar("devsession_look", default=None)


class FileMetadata:
    """What is known of the files of one board, shared by all who use it; what may have changed is forgotten.

    Everything is forgotten when any program begins on the board, whoever sent it, unless it is one of devsession's own that is known to
    leave files alone or to change just one; when the interpreter starts anew; when the link is lost. What threads, timers or interrupts
    of the board write while nothing is sent is not seen: ``forget`` is for that, and for a card that was changed by hand.
    """

    def __init__(self, board: Board) -> None:
        self.facts: FileFacts | None = None
        self.current: str | None = None
        # Where directories of this side are seen: what is in them may be another at any time.
        self.mounted: dict[str, int] = {}
        self._stats: dict[str, FileStat | None] = {}
        self._listings: dict[str, frozenset[str]] = {}
        self._age = 0
        self._hits = self._misses = 0
        # What is being written by those who have it open.
        self.open: set[str] = set()
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        board.add_watcher(self._happened)

    # How long it holds

    @contextmanager
    def looking(self, *changed: str) -> Iterator[Look]:
        """Have the next exec sent in this block counted as one that changes only what is at ``changed``."""
        look = Look(changed)
        token = _look.set(look)
        try:
            yield look
        finally:
            _look.reset(token)

    def forget(self) -> None:
        """Forget what is on the file systems."""
        self._age += 1
        self.current = None
        self._stats.clear()
        self._listings.clear()

    def invalidate(self, path: str) -> None:
        """Forget what is at ``path``, in it, and in the directory that it is in; a directory of a longer name is another one."""
        self._drop(path)
        self._listings.pop(paths.split(path)[0], None)

    def lock(self, path: str) -> asyncio.Lock:
        """Return the lock for what takes several execs with one file."""
        return self._locks.setdefault(path, asyncio.Lock())

    def is_mounted(self, path: str) -> bool:
        """Whether ``path`` is in a directory of this side."""
        return any(path == place or path.startswith(place + "/") for place in self.mounted)

    def _happened(self, happening: Happening) -> None:
        if happening is Happening.EXEC_BEGAN:
            self._program_began()
        elif happening in {Happening.EPOCH_ENDED, Happening.LINK_LOST}:
            self.forget()
            self.facts = None
        if happening is Happening.EPOCH_ENDED:
            self.mounted.clear()

    def _program_began(self) -> None:
        look = _look.get()
        # A listener told of this may start programs of its own, which inherit the context: a look counts once.
        if look is None or look.age is not None:
            self.forget()
            return
        for path in look.changed:
            folder = paths.split(path)[0]
            if folder in self._listings:
                look.listings[folder] = self._listings.pop(folder)
            self._drop(path)
        look.age = self._age

    def _drop(self, path: str) -> None:
        # What looked before must not store what it saw.
        self._age += 1
        folder = paths.split(path)[0]
        # The time of a directory changes with what is in it.
        self._stats.pop(folder, None)
        # FAT has one file for names that differ in case only.
        folded = path.casefold()
        inside = folded.rstrip("/") + "/"
        for known in (self._stats, self._listings):
            for key in [key for key in known if (low := key.casefold()) == folded or low.startswith(inside)]:
                del known[key]
        for other in [one for one in self._listings if one != folder and one.casefold() == folder.casefold()]:
            del self._listings[other]

    # What is known

    def saw_current(self, look: Look, current: str) -> None:
        """Know the current directory, unless something began since."""
        if look.age == self._age:
            self.current = current

    @property
    def use(self) -> CacheUse:
        """How often what was asked was known."""
        return CacheUse(self._hits, self._misses)

    def knows(self, path: str) -> bool:
        """Whether it is known what is at ``path``, or that nothing is."""
        return self._counted(path in self._stats)

    def stat(self, path: str) -> FileStat | None:
        """Return what is at ``path``, ``None`` for nothing; raises KeyError when that is not known."""
        return self._stats[path]

    def listing(self, path: str) -> tuple[FileStat, ...] | None:
        """Return what is in the directory ``path``, sorted by name; ``None`` when that is not known."""
        found = [self._stats.get(paths.join(path, name)) for name in sorted(self._listings.get(path, ()))]
        known = tuple(stat for stat in found if stat is not None)
        is_known = self._counted(path in self._listings and len(known) == len(found))
        return known if is_known else None

    def _counted(self, is_known: bool) -> bool:
        if is_known:
            self._hits += 1
        else:
            self._misses += 1
        return is_known

    def saw(self, look: Look, path: str, stat: FileStat | None) -> None:
        """Know what a look found at ``path``, or left there, unless something began since."""
        if look.age != self._age:
            return
        self._keep(path, stat)
        folder, name = paths.split(path)
        if path in look.changed and folder in look.listings:
            names = look.listings[folder] - {name}
            if name.casefold() in map(str.casefold, names):
                # On FAT it may be the same file.
                return
            self._listings[folder] = look.listings[folder] = names if stat is None else names | {name}

    def saw_listing(self, look: Look, path: str, found: tuple[FileStat, ...]) -> None:
        """Know what a look found in the directory ``path``, unless something began since."""
        if look.age == self._age and not self.is_mounted(path):
            self._listings[path] = frozenset(stat.name for stat in found)
            for stat in found:
                self._keep(stat.path, stat)

    def _keep(self, path: str, stat: FileStat | None) -> None:
        if self.is_mounted(path):
            return
        if len(self._stats) >= KEPT:
            self._stats.clear()
            self._listings.clear()
        self._stats[path] = stat
