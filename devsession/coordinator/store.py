"""What is kept of a coordinator's sessions on disk, in SQLite: after a crash of the host program they are listed again."""

from __future__ import annotations

import sqlite3
import time
import warnings
from collections.abc import Iterable
from contextlib import closing, suppress
from dataclasses import astuple, dataclass, fields
from pathlib import Path

from devsession.errors import SessionError
from devsession.pool.locks import BoardLock, Locks

# Of this layout; one of another program is set aside, as a damaged one is.
VERSION = 2
# How long another process may hold the file: it reads and writes for milliseconds.
PATIENCE = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What is kept of one session: ``tail`` the last bytes it printed, of ``printed`` in all, ``hibernation`` as text.

    ``doing`` is how the program that runs begins, ``queue`` how many wait behind it, ``free_heap`` what the board last told, in bytes.
    """

    id: str
    name: str
    kind: str
    board: str
    is_private: bool
    state: str
    reason: str
    created: float
    since: float
    namespace: int | None
    printed: int
    tail: bytes
    hibernation: str | None
    doing: str
    queue: int
    free_heap: int | None


_COLUMNS = ",".join(field.name for field in fields(Record))
_PLACES = ",".join("?" for _ in fields(Record))


class Store:
    """The records of one coordinator in the file ``path``, which no other has meanwhile.

    A file that is damaged, or of another layout, is renamed, with a warning, and a new one is begun. Raises SessionError when another
    coordinator has the file, or it cannot be made.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise SessionError(f"cannot keep sessions in {path}: {error.strerror}", phase="store") from error
        locks = Locks()
        # Who looks whether somebody has the file has it for a moment.
        with locks.pool():
            lock = locks.try_lock(_identity(path))
        if lock is None:
            raise SessionError(
                f"another coordinator has {path}", hint="end that one, or give another file", phase="store"
            )
        self._lock: BoardLock = lock
        try:
            self._file = self._opened()
        except sqlite3.Error as error:
            lock.release()
            raise SessionError(f"cannot keep sessions in {path}: {error}", phase="store") from error

    def load(self) -> list[Record]:
        """Return what is kept, in the order in which the sessions were made."""
        return _records(self._file)

    def save(self, records: Iterable[Record]) -> None:
        """Keep records, all or none; those of the same sessions are replaced."""
        with self._file:
            self._file.executemany(
                f"INSERT OR REPLACE INTO sessions ({_COLUMNS}) VALUES ({_PLACES})",  # noqa: S608 - names of our own
                map(astuple, records),
            )

    def forget(self, session: str) -> None:
        """Keep nothing more of a session, given by its id."""
        with self._file:
            self._file.execute("DELETE FROM sessions WHERE id = ?", (session,))

    def close(self) -> None:
        """Close the file; another coordinator may have it then."""
        self._file.close()
        self._lock.release()

    def _opened(self) -> sqlite3.Connection:
        try:
            return self._connected()
        except sqlite3.DatabaseError as error:
            if isinstance(error, sqlite3.OperationalError):
                raise
            self._set_aside(f"is damaged ({error})")
            return self._connected()

    def _connected(self) -> sqlite3.Connection:
        file = sqlite3.connect(self.path, timeout=PATIENCE)
        try:
            (version,) = file.execute("PRAGMA user_version").fetchone()
            if version not in {0, VERSION}:
                file.close()
                self._set_aside(f"is of another devsession (layout {version})")
                return self._connected()
            _check(file)
            # Readers and a crash in the middle of writing do no harm, and no write waits for the disk.
            file.execute("PRAGMA journal_mode = WAL")
            file.execute("PRAGMA synchronous = NORMAL")
            with file:
                file.execute(f"CREATE TABLE IF NOT EXISTS sessions ({_COLUMNS}, PRIMARY KEY (id))")
                file.execute(f"PRAGMA user_version = {VERSION}")
            file.execute(f"SELECT {_COLUMNS} FROM sessions LIMIT 1")  # noqa: S608 - names of our own
        except BaseException:
            file.close()
            raise
        return file

    def _set_aside(self, why: str) -> None:
        aside = self.path.with_name(f"{self.path.name}.{time.time_ns()}")
        for ending in ("", "-wal", "-shm"):
            with suppress(FileNotFoundError):
                Path(f"{self.path}{ending}").rename(f"{aside}{ending}")
        warnings.warn(f"{self.path} {why}: it is {aside.name} now, and a new one was begun", stacklevel=5)


def look(path: Path) -> tuple[bool, list[Record]]:
    """Return whether a coordinator that lives has the file, and what is kept there; from any process, and changing nothing.

    Raises SessionError when the file cannot be read, PoolError.
    """
    is_alive = is_taken(path)
    try:
        with closing(
            sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, timeout=PATIENCE)
        ) as file:
            return is_alive, _records(file)
    except sqlite3.Error as error:
        raise SessionError(f"{path} cannot be read: {error}", phase="store") from error


def is_taken(path: Path) -> bool:
    """Whether a coordinator that lives has the file; raises PoolError."""
    locks = Locks()
    with locks.pool():
        lock = locks.try_lock(_identity(path))
        if lock is not None:
            lock.drop()
    return lock is None


def _records(file: sqlite3.Connection) -> list[Record]:
    rows = file.execute(f"SELECT {_COLUMNS} FROM sessions ORDER BY created")  # noqa: S608 - names of our own
    return [Record(**dict(zip(_COLUMNS.split(","), row, strict=True))) for row in rows]


def _identity(path: Path) -> str:
    return f"coordinator:{path.resolve()}"


def _check(file: sqlite3.Connection) -> None:
    (found,) = file.execute("PRAGMA quick_check").fetchone()
    if found != "ok":
        raise sqlite3.DatabaseError(found)
