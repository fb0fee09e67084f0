"""Looking at boards and sessions: those that the stores of this computer tell of, or boards that are asked."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from devsession.coordinator.states import ENDED
from devsession.coordinator.store import Record, look
from devsession.errors import DevsessionError
from devsession.pool.shown import ShownPool, shown_pools
from devsession.session.manager import DeviceSessionManager
from devsession.shell.places import boards_by_name, shells_path

# How many of the last looks the picture of the free heap shows.
HEAPS = 24
# How long a board may take to say how much heap is free, in seconds: it does nothing else meanwhile.
ASK_TIMEOUT = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A session, or a board without one: ``where`` says who has it, ``doing`` how the program that runs begins, ``queue`` how many wait.

    ``seconds`` is how long it has been in its state, ``printed`` how many bytes it has printed so far, ``rate`` how many a second of late;
    ``free_heap`` in bytes, ``heaps`` those of earlier looks with it. What is not known is ``None``.
    """

    where: str
    board: str
    session: str | None
    state: str
    seconds: float | None = None
    doing: str = ""
    queue: int | None = None
    printed: int | None = None
    rate: float | None = None
    free_heap: int | None = None
    heaps: tuple[int, ...] = ()


class Memory:
    """Remembers earlier looks, for what shows over time only."""

    def __init__(self) -> None:
        self._printed: dict[tuple[str, ...], tuple[float, int]] = {}
        self._heaps: dict[tuple[str, ...], deque[int]] = {}

    def told(self, rows: Iterable[Row]) -> list[Row]:
        """Return the rows of a look made now, with rates and with the heaps of those before; what is gone is forgotten."""
        now, known = time.monotonic(), {_key(row): row for row in rows}
        for gone in self._heaps.keys() - known.keys():
            del self._heaps[gone]
            self._printed.pop(gone, None)
        return [self._with_past(key, row, now) for key, row in known.items()]

    def _with_past(self, key: tuple[str, ...], row: Row, now: float) -> Row:
        heaps = self._heaps.setdefault(key, deque(maxlen=HEAPS))
        if row.free_heap is not None:
            heaps.append(row.free_heap)
        rate = None
        if row.printed is not None:
            at, before = self._printed.get(key, (now, row.printed))
            rate = max(0, row.printed - before) / (now - at) if now > at else None
            self._printed[key] = (now, row.printed)
        return replace(row, rate=rate, heaps=tuple(heaps))


def on_this_computer(stores: Iterable[Path]) -> list[Row]:
    """Return what is told by the shells and pools of this computer, and by coordinators that keep their sessions in ``stores``.

    Of processes that have ended nothing is told. Raises SessionError and PoolError for a store that cannot be read.
    """
    rows: list[Row] = []
    for path in (*sorted(shells_path().glob("*.sqlite3")), *stores):
        is_alive, records = look(path)
        if is_alive:
            where = f"shell {path.stem}" if path.parent == shells_path() else path.name
            rows += [_of_record(where, record) for record in records]
    for pool in shown_pools():
        if pool.is_alive:
            rows += _of_pool(pool)
    return rows


class Asked:
    """Boards that are asked themselves; one that cannot be had, or is lost, is told with the reason, and tried again."""

    def __init__(self, boards: dict[str, str], stack: AsyncExitStack) -> None:
        self._boards = boards
        self._stack = stack
        self._managers: dict[str, DeviceSessionManager] = {}

    async def look(self) -> list[Row]:
        """Ask each board, one turn for each."""
        return [await self._row(name) for name in self._boards]

    async def _row(self, name: str) -> Row:
        try:
            manager = await self._manager(name)
            free = await manager.board.eval("__import__('gc').mem_free()", timeout=ASK_TIMEOUT)
        except DevsessionError as error:
            return Row(where="-b", board=name, session=None, state="failed", doing=error.message)
        return Row(
            where="-b",
            board=name,
            session=None,
            state=manager.state.value,
            queue=0,
            printed=manager.board.output.end,
            free_heap=free if isinstance(free, int) else None,
        )

    async def _manager(self, name: str) -> DeviceSessionManager:
        if name not in self._managers:
            manager = DeviceSessionManager.open(self._boards[name])
            self._stack.push_async_callback(manager.close)
            self._managers[name] = manager
        await self._managers[name].connect()
        return self._managers[name]


@asynccontextmanager
async def asking(named: Iterable[str]) -> AsyncIterator[Asked]:
    """Have boards, given as URL or NAME=URL, to be asked; they are closed at the end. Raises UsageError."""
    async with AsyncExitStack() as stack:
        yield Asked(boards_by_name(named), stack)


def _key(row: Row) -> tuple[str, ...]:
    return (row.where, row.board, row.session or "")


def _of_record(where: str, record: Record) -> Row:
    has_ended = any(record.state == state.value for state in ENDED)
    return Row(
        where=where,
        board=record.board,
        session=record.name,
        state=record.state,
        seconds=time.time() - record.since,
        doing=record.reason if has_ended else record.doing,
        queue=record.queue,
        printed=record.printed,
        free_heap=record.free_heap,
    )


def _of_pool(pool: ShownPool) -> list[Row]:
    passed = time.time() - pool.shown_at
    return [
        Row(
            where=f"pool {pool.snapshot.name}",
            board=board.name,
            session=board.agent,
            state=board.state.value,
            seconds=board.lease_age + passed if board.lease_age is not None else None,
            doing="; ".join(board.reasons),
            queue=pool.snapshot.waiting,
            free_heap=board.free_heap,
        )
        for board in pool.snapshot.boards
    ]
