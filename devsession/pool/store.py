"""What pools remember of boards from one run to the next, and what they show to other processes: in one SQLite file."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sqlite3
import sys
import threading
import warnings
from dataclasses import fields
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from devsession.board.log import log
from devsession.errors import PoolError
from devsession.pool.database import READ_BOARDS, default_path, locks_beside, open_database, transaction
from devsession.pool.inventory import Remembered
from devsession.pool.locks import BoardLock
from devsession.pool.metrics import PoolMetrics
from devsession.pool.shown import State, states, take_slot
from devsession.pool.snapshot import PoolSnapshot

if TYPE_CHECKING:
    from pydantic import TypeAdapter

# Seconds for which changes are gathered, so that a busy pool writes twice a second, however many they are: each takes some 3 ms.
GATHERING = 0.5
# Seconds after which a pool is shown again though nothing has happened: lower rates are all that is new then.
REMINDER = 10.0
# Seconds that `aclose` waits for what is being written: longer than others may hold the file.
CLOSING = 10.0
_FAILURES = (sqlite3.Error, OSError, PoolError)

_FIELDS = tuple(field.name for field in fields(Remembered))
_SAVE = "INSERT OR REPLACE INTO boards VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
_SHOW = "INSERT OR REPLACE INTO pools VALUES (?, ?, ?, ?, ?)"


class PoolStore:
    """Keeps what a pool knows of its boards in the file ``path`` (default: the user's, `pools.sqlite3`), one object for each pool.

    ``SessionPool(..., store=PoolStore())``. Many processes may use one file at once. What is saved and shown is written by a thread of its
    own, which lives while there is something to write. A file that is damaged or of a newer version is set aside with a warning; one that
    cannot be written is a warning, and nothing is remembered.
    """

    def __init__(self, path: Path | str | None = None) -> None:
        self.path = Path(path) if path is not None else default_path()
        self._guard = threading.Lock()
        self._boards: dict[str, Remembered] = {}
        self._state: State | None = None
        self._writer: threading.Thread | None = None
        self._hurry = threading.Event()
        self._slot: tuple[int, BoardLock] | None = None
        self._last_shown: tuple[State, float] | None = None
        self._has_warned = False

    async def load(self) -> tuple[Remembered, ...]:
        """Return all that is remembered of boards, nothing when it cannot be read."""
        return await asyncio.to_thread(self._load)

    def save(self, row: Remembered) -> None:
        """Remember what is known of a board now, in place of what was; returns at once."""
        with self._guard:
            self._boards[row.identity] = row
            self._write_soon()

    def show(self, snapshot: PoolSnapshot, metrics: PoolMetrics) -> None:
        """Let other processes see how the pool stands now; returns at once."""
        with self._guard:
            self._state = State(snapshot, metrics)
            self._write_soon()

    async def aclose(self) -> None:
        """Write what has not been written, and show the pool no longer; waits for the file for ``CLOSING`` seconds at most."""
        await asyncio.to_thread(self._close)

    def _write_soon(self) -> None:
        if self._writer is None:
            self._hurry.clear()
            # It is no daemon: what was saved last is written when the program ends without closing its pool, too.
            self._writer = threading.Thread(target=self._write, name="devsession pool store")
            self._writer.start()

    def _write(self) -> None:
        while True:
            self._hurry.wait(GATHERING)
            with self._guard:
                boards, self._boards = self._boards, {}
                state, self._state = self._state, None
                if not boards and state is None:
                    self._writer = None
                    return
            if state is not None and not self._is_news(state):
                state = None
            if boards or state is not None:
                self._write_down(boards, state)

    def _is_news(self, state: State) -> bool:
        now, timeless = state.snapshot.taken_at, state.timeless()
        if self._last_shown is not None:
            last, at = self._last_shown
            if timeless == last and abs(now - at) < REMINDER:
                return False
        self._last_shown = timeless, now
        return True

    def _write_down(self, boards: dict[str, Remembered], state: State | None) -> None:
        try:
            with contextlib.closing(self._open()) as connection:
                told = None if state is None else self._told(connection, state)
                with transaction(connection):
                    connection.executemany(_SAVE, map(_row, boards.values()))
                    if told is not None:
                        connection.execute(_SHOW, told)
        except _FAILURES as error:
            self._warn(f"what the pool knows is not kept: {self.path}: {error}")

    def _told(self, connection: sqlite3.Connection, state: State) -> tuple[object, ...]:
        self._slot = self._slot or take_slot(connection, locks_beside(self.path))
        text = states().dump_json(state).decode()
        return (self._slot[0], os.getpid(), _program(), state.snapshot.taken_at, text)

    def _load(self) -> tuple[Remembered, ...]:
        # Made now, while the pool begins: later it would hold up the loop.
        states()
        try:
            with contextlib.closing(self._open()) as connection:
                rows = connection.execute(READ_BOARDS).fetchall()
        except _FAILURES as error:
            self._warn(f"nothing is remembered of boards: {self.path}: {error}")
            return ()
        return tuple(row for row in map(_remembered, rows) if row is not None)

    def _close(self) -> None:
        writer = self._writer
        if writer is not None:
            self._hurry.set()
            writer.join(CLOSING)
        if self._slot is not None:
            slot, lock = self._slot
            self._slot = self._last_shown = None
            try:
                with contextlib.closing(self._open()) as connection, transaction(connection):
                    connection.execute("DELETE FROM pools WHERE slot = ?", (slot,))
            except _FAILURES as error:
                self._warn(f"the pool is still shown: {self.path}: {error}")
            finally:
                lock.release()

    def _open(self) -> sqlite3.Connection:
        connection, aside = open_database(self.path)
        if aside is not None:
            self._has_warned = False
            self._warn(aside)
        return connection

    def _warn(self, text: str) -> None:
        log.event("pool store", said=text)
        if not self._has_warned:
            self._has_warned = True
            # Where warnings are errors, this one is none: a pool does without a store.
            with contextlib.suppress(UserWarning):
                warnings.warn(text, stacklevel=2)


def _row(board: Remembered) -> tuple[object, ...]:
    return (
        board.identity,
        board.name,
        board.url,
        json.dumps(sorted(board.tags)),
        board.strikes,
        board.quarantined_until,
        board.last_used,
        board.uses,
        board.capabilities,
    )


def _remembered(row: tuple[Any, ...]) -> Remembered | None:
    """Return what a row says; ``None`` for one that says no such thing."""
    told = dict(zip(_FIELDS, row, strict=True))
    try:
        return _adapter().validate_python({**told, "tags": json.loads(told["tags"])})
    except ValueError:
        return None


@cache
def _adapter() -> TypeAdapter[Remembered]:
    from pydantic import TypeAdapter

    return TypeAdapter(Remembered)


def _program() -> str:
    return Path(sys.argv[0]).name or "python"
