"""The figures of a pool, without await."""

import time
from pathlib import Path

from prometheus_client import CollectorRegistry, generate_latest

from devsession.pool.prometheus import PoolCollector
from devsession.sync import PoolStore, SessionPool, shown_pools


def test_the_figures_without_await(tmp_path: Path):
    path = tmp_path / "pools.sqlite3"
    with SessionPool(provider="sim:", min_size=1, max_size=1, store=PoolStore(path)) as pool:
        with pool.acquire(agent="one") as session:
            assert session.eval("6 * 7") == 42
        assert pool.metrics().created == 1
        deadline = time.monotonic() + 30
        while not any(shown.metrics.created for shown in shown_pools(path)):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        registry = CollectorRegistry()
        registry.register(PoolCollector(pool))
        assert b"devsession_pool_sessions_created_total{" in generate_latest(registry)
    assert shown_pools(path) == ()
