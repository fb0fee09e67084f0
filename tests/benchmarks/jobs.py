"""What the tools are to do, each job with what it needs beforehand and how its result is checked."""

from __future__ import annotations

import random
import shutil
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from contenders import Contender
from station import Blast, Station

PROJECT = Path(__file__).parents[2]
KIB = 1024
TREES = "trees"
FILES, DIRECTORIES = 200, 10


class WrongResultError(Exception):
    """What arrived is not what was sent."""


@dataclass
class Bench:
    """One tool on one board, and a place of its own on the host; ``run`` numbers what it does, so that no name comes twice."""

    contender: Contender
    station: Station
    directory: Path
    run: int = 0


@cache
def source(size: int) -> bytes:
    """Return the first bytes of the project's own modules, one behind the other."""
    text = b"".join(path.read_bytes() for path in sorted((PROJECT / "devsession").rglob("*.py")))
    assert len(text) >= size
    return text[:size]


def noise(size: int, run: int) -> bytes:
    """Return random bytes, others in each run."""
    return random.Random(f"{size} {run}").randbytes(size)


def make_tree(directory: Path) -> int:
    """Write many small files of real source into ``directory``; return how many bytes they are."""
    sizes = random.Random(1)
    text, at = source(128 * KIB), 0
    for number in range(FILES):
        size = sizes.randrange(100, 500)
        file = directory / f"part{number % DIRECTORIES}" / f"module{number}.py"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text[at : at + size])
        at += size
    return at


def contents(directory: Path) -> dict[str, bytes]:
    """Return what is in a directory, by path."""
    return {
        str(file.relative_to(directory)): file.read_bytes() for file in directory.rglob("*") if file.is_file()
    }


def need(right: bool, what: str) -> None:
    if not right:
        raise WrongResultError(what)


class Job:
    """``up`` and ``down`` are the bytes of payload; a ``fresh`` job has a board of its own in each run, that nobody has used."""

    up = down = 0
    fresh = False

    def __init__(self, name: str) -> None:
        self.name = name

    def prepare(self, at: Bench) -> None:
        """Do what is not measured."""

    def perform(self, at: Bench) -> object:
        """Do what is measured, and return what is checked."""
        raise NotImplementedError

    def check(self, at: Bench, result: object) -> None:
        """Raise WrongResultError for what did not go as it should."""

    def limit(self, blast: Blast) -> float:
        """Return the seconds that the payload takes on a plain link, with one turn."""
        return blast.seconds(self.up, self.down)


class Attach(Job):
    """From a closed port to the first result."""

    fresh = True

    def perform(self, at: Bench) -> object:
        at.contender.attach(at.station.port)
        return at.contender.exec("print(6*7)")

    def check(self, at: Bench, result: object) -> None:
        need(str(result).strip() == "42", f"{result!r} for 42")


class Execs(Job):
    """Many short programs on a board that is attached."""

    def __init__(self, name: str, count: int) -> None:
        super().__init__(name)
        self._count = count

    def perform(self, at: Bench) -> object:
        return [at.contender.exec(f"print({n})").strip() for n in range(self._count)]

    def check(self, at: Bench, result: object) -> None:
        need(result == [str(n) for n in range(self._count)], "an output that is another")

    def limit(self, blast: Blast) -> float:
        return sum(blast.seconds(0, 0) for _ in range(self._count))


class Put(Job):
    """A file to the board; ``text`` is the project's own source, other content is random."""

    def __init__(self, name: str, size: int, *, text: bool = False) -> None:
        super().__init__(name)
        self.up, self._text = size, text

    def perform(self, at: Bench) -> object:
        at.contender.write(f"/put{at.run}", self._data(at))
        return None

    def check(self, at: Bench, result: object) -> None:
        need(
            (at.station.root / f"put{at.run}").read_bytes() == self._data(at), "another content on the board"
        )

    def _data(self, at: Bench) -> bytes:
        return source(self.up) if self._text else noise(self.up, at.run)


class FirstPut(Put):
    """The same right behind the attach: with what a tool asks or sends but once."""

    fresh = True

    def prepare(self, at: Bench) -> None:
        at.contender.attach(at.station.port)
        at.contender.exec("print(6*7)")


class Get(Job):
    """A file from the board."""

    def __init__(self, name: str, size: int, *, text: bool = False) -> None:
        super().__init__(name)
        self.down, self._text = size, text

    def prepare(self, at: Bench) -> None:
        (at.station.root / f"get{at.run}").write_bytes(self._data(at))

    def perform(self, at: Bench) -> object:
        return at.contender.read(f"/get{at.run}")

    def check(self, at: Bench, result: object) -> None:
        need(result == self._data(at), "another content than on the board")

    def _data(self, at: Bench) -> bytes:
        return source(self.down) if self._text else noise(self.down, at.run)


class PutTree(Job):
    """Many small files to a new directory of the board."""

    def __init__(self, name: str, size: int) -> None:
        super().__init__(name)
        self.up = size

    def prepare(self, at: Bench) -> None:
        make_tree(at.directory / f"tree{at.run}")

    def perform(self, at: Bench) -> object:
        at.contender.put_tree(at.directory / f"tree{at.run}", f"/{TREES}/tree{at.run}")
        return None

    def check(self, at: Bench, result: object) -> None:
        ours, theirs = at.directory / f"tree{at.run}", at.station.root / TREES / f"tree{at.run}"
        need(contents(ours) == contents(theirs), "another tree on the board")


class Sync(PutTree):
    """The same tree when it is there already: nothing is to be sent, and nothing to be touched."""

    up = 0

    def __init__(self, name: str) -> None:
        super().__init__(name, 0)

    def prepare(self, at: Bench) -> None:
        super().prepare(at)
        # By another way than the tool's: what it remembers of its own puts does not count.
        shutil.copytree(at.directory / f"tree{at.run}", at.station.root / TREES / f"tree{at.run}")
        self._before = self._times(at)

    def perform(self, at: Bench) -> object:
        at.contender.sync_tree(at.directory / f"tree{at.run}", f"/{TREES}/tree{at.run}")
        return None

    def check(self, at: Bench, result: object) -> None:
        super().check(at, result)
        need(self._times(at) == self._before, "files that were as they should be were written")

    def _times(self, at: Bench) -> dict[str, int]:
        tree = at.station.root / TREES / f"tree{at.run}"
        return {str(file): file.stat().st_mtime_ns for file in tree.rglob("*") if file.is_file()}


def jobs(link: str, tree_size: int) -> list[Job]:
    """Return what is done on a link of this name: on a slow one what takes no more than a minute with any tool."""
    small = [Put("put 32 KiB random", 32 * KIB), Get("get 32 KiB random", 32 * KIB)]
    large = [Put("put 1 MiB random", 1024 * KIB), Get("get 1 MiB random", 1024 * KIB)]
    slow = [Put("put 64 KiB random", 64 * KIB), Get("get 64 KiB random", 64 * KIB)]
    return [
        Attach("attach + first exec"),
        FirstPut("first put of 32 KiB random", 32 * KIB),
        Execs("100 warm execs", 100),
        *(slow if link == "115200" else small + large),
        Put("put 32 KiB source", 32 * KIB, text=True),
        Get("get 32 KiB source", 32 * KIB, text=True),
        PutTree("put 200 small files", tree_size),
        Sync("sync them unchanged"),
    ]
