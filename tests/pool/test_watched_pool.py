"""A real pool with its figures, its store and those who look on."""

from __future__ import annotations

import asyncio
import json
import os
import time
from dataclasses import replace
from pathlib import Path
from urllib.request import urlopen

import pytest
from prometheus_client import CollectorRegistry

from devsession import BoardState, PoolStore, SessionPool, shown_pools
from devsession.pool.prometheus import PoolCollector, serving


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "pools.sqlite3"


async def test_the_figures_of_a_pool_that_is_used():
    async with SessionPool(provider="sim:", min_size=2, max_size=2, throttle_agent=None) as pool:
        before = pool.metrics()
        assert (before.size, before.idle, before.requests, before.hit_rate) == (2, 2, 0, None)
        for _ in range(10):
            for agent in ("one", "two"):
                async with pool.acquire(agent=agent) as session:
                    await session.exec("x = 1")
                    assert pool.metrics().active == 1
        told = pool.metrics()
    assert (told.created, told.reused, told.requests, told.hit_rate) == (2, 18, 20, 0.9)
    assert (told.waits.count, told.leases.count, told.boards_opened) == (20, 20, 2)
    assert told.leases.total > 0
    # The sessions ended with their boards.
    after = pool.metrics()
    assert (after.size, after.lifetimes.count, after.boards_removed) == (0, 2, 2)
    assert 0 < after.average_lifetime < 60


async def test_callers_who_got_nothing_are_counted():
    async with SessionPool(provider="sim:", min_size=1, max_size=1) as pool, pool.acquire():
        with pytest.raises(TimeoutError):
            async with pool.acquire(timeout=0.05):
                pass
        waiting = asyncio.create_task(pool.acquire().__aenter__())
        while not pool.metrics().waiting:
            await asyncio.sleep(0.01)
        waiting.cancel()
        await asyncio.wait([waiting])
        assert pool.metrics().given_up == {"timeout": 1, "cancelled": 1}


async def test_what_a_pool_knows_of_its_boards_is_there_again_after_a_restart(path: Path, tmp_path: Path):
    board = f"sim:?root={tmp_path / 'board'}"
    (tmp_path / "board").mkdir()
    async with SessionPool(provider=board, store=PoolStore(path)) as pool, pool.acquire() as session:
        await session.exec("x = 1")
    (row,) = await PoolStore(path).load()
    assert (row.url, row.uses, row.strikes) == (board, 1, 0)
    assert row.last_used > 0
    assert json.loads(row.capabilities)["implementation"] == "micropython"
    async with SessionPool(provider=board, store=PoolStore(path)) as pool:
        assert pool.snapshot().boards[0].uses == 1
        async with pool.acquire():
            pass
    (row,) = await PoolStore(path).load()
    assert row.uses == 2


async def test_a_board_in_quarantine_is_still_there_after_a_restart(path: Path, tmp_path: Path):
    (tmp_path / "board").mkdir()
    board = f"sim:?root={tmp_path / 'board'}"
    async with SessionPool(provider=board, store=PoolStore(path)):
        pass
    (row,) = await PoolStore(path).load()
    store = PoolStore(path)
    store.save(replace(row, strikes=3, quarantined_until=time.time() + 100))
    await store.aclose()
    async with SessionPool(provider=board, store=PoolStore(path)) as pool:
        (known,) = pool.snapshot().boards
        assert (known.state, known.strikes) == (BoardState.QUARANTINED, 3)
        assert 50 < known.retry_in <= 100
        assert pool.metrics().unhealthy == 1
    (row,) = await PoolStore(path).load()
    assert row.strikes == 3


async def test_prometheus_reads_a_pool_from_a_thread_of_its_own():
    async with SessionPool(provider="sim:", min_size=1, max_size=1) as pool:
        registry = CollectorRegistry()
        registry.register(PoolCollector(pool))
        async with pool.acquire(agent="one"):
            with serving(registry) as url:
                told = await asyncio.to_thread(lambda: urlopen(url, timeout=30).read().decode())
    assert f'devsession_pool_active{{pid="{os.getpid()}",pool="pool"}} 1.0' in told
    assert 'state="leased"} 1.0' in told


async def test_a_pool_does_without_a_store_that_is_damaged(path: Path):
    path.write_bytes(b"rubbish" * 1000)
    with pytest.warns(UserWarning, match="set aside"):
        async with (
            SessionPool(provider="sim:", min_size=1, max_size=1, store=PoolStore(path)) as pool,
            pool.acquire() as session,
        ):
            assert await session.eval("1") == 1


async def test_others_see_a_pool_while_it_is_open(path: Path):
    async with SessionPool(
        provider="sim:", max_size=1, name="bench", store=PoolStore(path), min_size=1
    ) as pool:
        await pool.acquire(agent="worker-1")
        async with asyncio.timeout(30):
            while not any(shown.metrics.active for shown in shown_pools(path)):
                await asyncio.sleep(0.05)
        (shown,) = shown_pools(path)
        assert (shown.pid, shown.is_alive, shown.snapshot.name) == (os.getpid(), True, "bench")
        assert (shown.metrics.created, shown.snapshot.boards[0].agent) == (1, "worker-1")
    assert shown_pools(path) == ()


async def test_a_pool_to_which_nothing_happens_is_not_written_again(path: Path):
    store = PoolStore(path)
    async with SessionPool(provider="sim:", min_size=1, max_size=1, store=store), asyncio.timeout(30):
        while not shown_pools(path):
            await asyncio.sleep(0.05)
        (first,) = shown_pools(path)
        # It is shown twice a second, and that is no news.
        await asyncio.sleep(1.5)
        (later,) = shown_pools(path)
    assert later.shown_at == first.shown_at
