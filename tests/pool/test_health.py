"""Boards that fail under a pool: nobody is given a sick one, who had it is told, and the pool is whole again by itself."""

import asyncio
import time
from collections.abc import Iterable
from pathlib import Path

import pytest
from boards_at_work import kill_interpreter, listen, told, unplug, until

from devsession import (
    Board,
    BoardOffer,
    BoardState,
    DevsessionError,
    InterpreterNotFoundError,
    LeaseLost,
    LeaseTimeoutError,
    LinkLostError,
    LocalBoards,
    PoolMetrics,
    ProviderError,
    SessionPool,
    SimulatedBoards,
    UncertainExecutionError,
    UsageError,
)
from devsession.pool import events as kinds
from devsession.pool.inventory import Remembered
from devsession.pool.locks import Locks
from devsession.pool.snapshot import PoolSnapshot


@pytest.fixture
def one_board(tmp_path: Path) -> LocalBoards:
    """A board of which there is only one: it has its directory for itself."""
    locks = Locks(tmp_path / "locks")
    board = BoardOffer("bench", f"sim:?root={tmp_path / 'files'}", f"sim:{tmp_path}", frozenset({"relay"}))
    return LocalBoards([board], locks=locks)


async def test_the_holder_of_a_board_that_vanishes_is_told_and_the_pool_is_whole_again():
    async with SessionPool(provider="sim:", min_size=2, max_size=2) as pool:
        events = listen(pool)
        with pytest.raises(LeaseLost) as lost:
            async with pool.acquire(agent="one") as session:
                await session.exec("x = 1")
                unplug(pool, pool.lease(session).board)
                await session.exec("while True: pass", timeout=None)
        assert isinstance(lost.value.__cause__, LinkLostError | UncertainExecutionError)
        with pytest.raises(LeaseLost, match="link to its board is lost"):
            await session.eval("x")
        async with pool.acquire(agent="one", timeout=10) as clean:
            assert not await clean.device.is_defined("x")
        await until(lambda: pool.snapshot().idle == 2)
        assert pool.snapshot().unhealthy == 0
        (recovered,) = told(events, kinds.BoardRecovered)
        assert isinstance(recovered, kinds.BoardRecovered)
        assert recovered.rung == "new link"


async def test_a_block_that_ends_after_its_board_was_lost_says_so():
    async with SessionPool(provider="sim:", min_size=1, max_size=1) as pool:
        with pytest.raises(LeaseLost):
            async with pool.acquire() as session:
                unplug(pool, pool.lease(session).board)
                await until(lambda: pool.snapshot().active == 0)
        with pytest.raises(ZeroDivisionError):
            async with pool.acquire(timeout=10) as session:
                unplug(pool, pool.lease(session).board)
                await until(lambda: pool.snapshot().active == 0)
                raise ZeroDivisionError


async def test_a_board_that_starts_anew_keeps_nothing_for_those_who_sleep():
    async with SessionPool(
        provider="sim:", min_size=1, max_size=1, share=True, trust=0, probe_timeout=0.5
    ) as pool:
        events = listen(pool)
        async with pool.acquire(agent="one") as session:
            await session.exec("x = 1")
        kill_interpreter(pool, "sim-1")
        async with pool.acquire(agent="two", timeout=10) as session:
            await session.exec("y = 2")
        async with pool.acquire(agent="one", timeout=10) as session:
            assert not await session.device.is_defined("x")
            assert not pool.lease(session).is_reuse
        assert any(e.reason is kinds.Evicted.RESET for e in events if isinstance(e, kinds.SessionEvicted))


async def test_a_sick_board_is_given_to_nobody():
    async with SessionPool(provider="sim:", min_size=1, max_size=1, trust=0) as pool:
        async with pool.acquire(agent="one"):
            pass
        unplug(pool, "sim-1")
        began = time.monotonic()
        async with pool.acquire(agent="two", timeout=10) as session:
            assert await session.eval("1 + 1") == 2
        assert time.monotonic() - began < 10


async def test_a_board_that_fails_again_and_again_is_left_alone_and_comes_back(one_board: LocalBoards):
    is_fit = True

    async def fit(board: Board) -> bool:
        assert await board.eval("1 + 1") == 2
        return is_fit

    async with SessionPool(
        provider=one_board,
        probes=[fit],
        health_interval=0.05,
        strikes=2,
        quarantine=0.1,
        quarantine_longest=0.2,
    ) as pool:
        events = listen(pool)
        async with pool.acquire(requires=["relay", "hashlib"], agent="one") as session:
            await session.exec("x = 1")
        is_fit = False
        await until(lambda: told(events, kinds.BoardQuarantined))
        (first, *_) = told(events, kinds.BoardQuarantined)
        assert isinstance(first, kinds.BoardQuarantined)
        assert (first.board, first.reasons) == ("bench", ("fit found it unfit",))
        await until(lambda: pool.snapshot().unhealthy == 1)
        with pytest.raises(LeaseTimeoutError, match="bench is"):
            await pool.acquire(timeout=0.02)
        waiting = asyncio.create_task(pool.acquire(agent="one", timeout=20).have())
        is_fit = True
        session = await waiting
        assert not await session.device.is_defined("x")
        await pool.release(session)
        # A probe that it passes makes up for its failures.
        await until(lambda: pool.snapshot().boards[0].strikes == 0)
        assert pool.snapshot().boards[0].state in {BoardState.IDLE, BoardState.CHECKING}


async def test_a_probe_that_raises_is_a_reason():
    def broken(_: Board) -> None:
        raise KeyError("no such relay")

    async with SessionPool(provider="sim:", min_size=1, max_size=1, probes=[broken], pass_score=0.3) as pool:
        (board,) = pool.snapshot().boards
        assert (board.score, board.reasons) == (0.4, ("broken failed: 'no such relay'",))
        async with pool.acquire():
            pass


async def test_the_power_hook_is_the_last_rung(one_board: LocalBoards):
    cycled = []
    is_fit = True

    async def cycle(offer: BoardOffer) -> bool:
        nonlocal is_fit
        cycled.append(offer.name)
        is_fit = True
        return True

    async with SessionPool(
        provider=one_board, probes=[lambda _: is_fit], power=cycle, health_interval=0.05
    ) as pool:
        events = listen(pool)
        is_fit = False
        await until(lambda: told(events, kinds.BoardRecovered))
        (recovered,) = told(events, kinds.BoardRecovered)
        assert isinstance(recovered, kinds.BoardRecovered)
        assert (recovered.rung, cycled) == ("power", ["bench"])


async def test_old_boards_start_anew_when_nobody_has_them():
    async with SessionPool(provider="sim:", min_size=1, max_size=1, max_lifetime=0.2) as pool:
        events = listen(pool)
        await until(lambda: told(events, kinds.BoardRemoved) and told(events, kinds.BoardOpened))
        (removed, *_) = told(events, kinds.BoardRemoved)
        assert isinstance(removed, kinds.BoardRemoved)
        assert removed.reason == "old"
        async with pool.acquire(timeout=10) as session:
            assert await session.eval("1") == 1


class Unlucky(SimulatedBoards):
    """Makes boards only while it may."""

    may = True

    async def create(self) -> BoardOffer:
        if not self.may:
            raise ProviderError("the farm is closed")
        return await super().create()


async def test_boards_that_cannot_be_made_are_told_and_tried_again():
    provider = Unlucky()
    provider.may = False
    with pytest.raises(ProviderError, match="the farm is closed"):
        async with SessionPool(provider=provider, min_size=1):
            raise AssertionError
    async with SessionPool(provider=provider, min_size=0, max_size=2) as pool:
        with pytest.raises(LeaseTimeoutError, match="the farm is closed"):
            await pool.acquire(timeout=0.1)
        waiting = asyncio.create_task(pool.acquire(timeout=20).have())
        provider.may = True
        await pool.release(await waiting)


async def test_a_board_that_does_not_open_is_no_board(monkeypatch: pytest.MonkeyPatch):
    async def prepare(*_: object) -> None:
        raise InterpreterNotFoundError("no interpreter here")

    monkeypatch.setattr("devsession.simulator.unix_board.UnixBoard.prepare", prepare)
    with pytest.raises(InterpreterNotFoundError):
        async with SessionPool(provider="sim:", min_size=2):
            raise AssertionError


class Memory:
    """A store in memory."""

    def __init__(self) -> None:
        self.rows: dict[str, Remembered] = {}
        self.shown: list[PoolSnapshot] = []
        self.is_closed = False

    async def load(self) -> Iterable[Remembered]:
        return tuple(self.rows.values())

    def save(self, row: Remembered) -> None:
        self.rows[row.identity] = row

    def show(self, snapshot: PoolSnapshot, metrics: PoolMetrics) -> None:
        assert metrics.size == snapshot.size
        self.shown.append(snapshot)

    async def aclose(self) -> None:
        self.is_closed = True


async def test_what_is_known_of_boards_survives_the_pool(one_board: LocalBoards):
    store, is_fit = Memory(), True
    async with SessionPool(provider=one_board, store=store, probes=[lambda _: is_fit], strikes=1) as pool:
        async with pool.acquire():
            pass
        is_fit = False
        pool._planner.members["bench"].check_at = 0
        pool._runner.changed.set()
        await until(lambda: pool.snapshot().unhealthy == 1)
    (row,) = store.rows.values()
    assert (row.name, row.strikes, row.uses, row.tags) == ("bench", 1, 1, {"relay"})
    assert row.quarantined_until > time.time()
    assert row.last_used > time.time() - 60
    assert '"implementation":"micropython"' in row.capabilities
    assert store.is_closed
    assert store.shown[-1].size == 0
    async with SessionPool(provider=one_board, store=store) as pool:
        (board,) = pool.snapshot().boards
        assert (board.state, board.strikes) == (BoardState.QUARANTINED, 1)
        # What it can do is known although it was not asked.
        with pytest.raises(DevsessionError, match="bench has no teleport"):
            await pool.acquire(requires="teleport")


def test_a_weight_is_above_nothing():
    with pytest.raises(UsageError):
        BoardOffer("a", "sim:", weight=0)


@pytest.mark.parametrize("recovery", [True, False])
async def test_a_program_that_cannot_be_stopped_costs_its_holder_no_more_than_the_board(
    monkeypatch: pytest.MonkeyPatch, recovery: bool
):
    monkeypatch.setattr("devsession.board.recovery.RUNG_LIMIT", 1.0)
    monkeypatch.setattr("devsession.board.recovery.STOP_LIMIT", 0.5)
    async with SessionPool(
        provider="sim:", min_size=1, max_size=1, recovery=recovery, probe_timeout=1.0
    ) as pool:
        with pytest.raises(DevsessionError):
            async with pool.acquire(agent="one") as session:
                await session.exec(
                    "import micropython\nmicropython.kbd_intr(-1)\nwhile True: pass", timeout=0.2
                )
        async with pool.acquire(agent="two", timeout=30) as session:
            assert await session.eval("1 + 1") == 2
