"""The file that the pools of a computer share: SQLite with a write-ahead log, so that several processes write and read at once."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

from platformdirs import user_state_path

from devsession.errors import PoolError
from devsession.pool.locks import Locks

# What is written in the file's header; a file with a higher number was made by a newer version, and may mean anything.
FORMAT = 1
# Seconds that a transaction waits for those of other processes, each of which takes some milliseconds.
BUSY_TIMEOUT = 5.0

READ_BOARDS = """SELECT identity, name, url, tags, strikes, quarantined_until, last_used, uses, capabilities FROM boards"""
READ_POOLS = """SELECT slot, pid, program, shown_at, state FROM pools ORDER BY slot"""
_TABLES = (
    """CREATE TABLE boards (identity TEXT PRIMARY KEY, name TEXT NOT NULL, url TEXT NOT NULL, tags TEXT NOT NULL,
    strikes INTEGER NOT NULL, quarantined_until REAL NOT NULL, last_used REAL NOT NULL, uses INTEGER NOT NULL,
    capabilities TEXT NOT NULL)""",
    """CREATE TABLE pools (slot INTEGER PRIMARY KEY, pid INTEGER NOT NULL, program TEXT NOT NULL, shown_at REAL NOT NULL,
    state TEXT NOT NULL)""",
)
# Errors of a file that will not get better; others, of a full disk or a directory that cannot be written, may pass.
_DAMAGED = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR})
# What SQLite keeps beside a file, which has to keep its name.
_COMPANIONS = ("", "-wal", "-shm")


def default_path() -> Path:
    """Return where the file is when nothing else is said: among what programs keep for this user."""
    return user_state_path("devsession") / "pools.sqlite3"


def locks_beside(path: Path) -> Locks:
    """Return the locks that go with a database; raises PoolError where others could write them."""
    return Locks(path.with_name(f"{path.name}.locks"))


def open_database(path: Path) -> tuple[sqlite3.Connection, str | None]:
    """Return a connection to the file, made if missing; and, when one had to be set aside for that, a sentence that says why and where.

    Set aside, which is to be renamed, is a file that is damaged, another program's, or of a newer version. Raises sqlite3.Error, OSError
    and PoolError for what has other reasons: a disk that is full, a directory that cannot be written.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # Of two that find the same fault, the second would rename the new file.
    with locks_beside(path).pool():
        connection, fault = _opened(path)
        if connection is not None:
            return connection, None
        aside = _set_aside(path)
        connection, new_fault = _opened(path)
    if connection is None:
        raise PoolError(f"{path} is {new_fault}, though it is new")
    return connection, f"{path} is {fault}: it was set aside as {aside.name}, and a new one begun"


def open_to_look(path: Path) -> sqlite3.Connection | None:
    """Return a connection to a file that is there, ``None`` when none is; one that is not usable is left alone, and a PoolError."""
    try:
        if not path.exists():
            return None
        with locks_beside(path).pool():
            connection, fault = _opened(path)
    except (sqlite3.Error, OSError) as error:
        raise PoolError(f"{path} cannot be read: {error}") from error
    if connection is None:
        raise PoolError(f"{path} is {fault}", hint="the next pool that starts sets it aside")
    return connection


@contextlib.contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    """Do what the block does as a whole or not at all; the others who write wait meanwhile."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield connection
    except BaseException:
        connection.rollback()
        raise
    connection.commit()


def _opened(path: Path) -> tuple[sqlite3.Connection | None, str]:
    """Return a connection, or what is wrong with the file."""
    connection = sqlite3.connect(path, timeout=BUSY_TIMEOUT, isolation_level=None)
    try:
        # A power cut may lose the last transactions, never the file.
        connection.execute("PRAGMA synchronous = NORMAL")
        fault = _fault(connection)
    except sqlite3.DatabaseError as error:
        connection.close()
        if error.sqlite_errorcode & 0xFF in _DAMAGED:
            return None, f"damaged ({error})"
        raise
    except BaseException:
        connection.close()
        raise
    if fault:
        connection.close()
        return None, fault
    return connection, ""


def _fault(connection: sqlite3.Connection) -> str:
    """Return why a file is not usable, ``""`` when it is; an empty one is made into one that is."""
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version > FORMAT:
        return f"of a newer version of devsession (format {version}, known here is {FORMAT})"
    if version != FORMAT:
        if version or connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
            return "another program's"
        _make(connection)
    found = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    if found != "ok":
        return f"damaged ({found.splitlines()[-1]})"
    for statement in (READ_BOARDS, READ_POOLS):
        connection.execute(statement).fetchone()
    return ""


def _make(connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA journal_mode = WAL")
    with transaction(connection):
        for statement in _TABLES:
            connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {FORMAT}")


def _set_aside(path: Path) -> Path:
    aside = path.with_name(f"{path.name}.{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}")
    for companion in _COMPANIONS:
        with contextlib.suppress(FileNotFoundError):
            path.with_name(path.name + companion).rename(aside.with_name(aside.name + companion))
    return aside
