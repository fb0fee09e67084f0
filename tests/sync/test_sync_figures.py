"""The figures of a pool, without await."""

from prometheus_client import CollectorRegistry, generate_latest

from devsession.pool.prometheus import PoolCollector
from devsession.sync import SessionPool


def test_the_figures_without_await():
    with SessionPool(provider="sim:", min_size=1, max_size=1) as pool:
        with pool.acquire(agent="one") as session:
            assert session.eval("6 * 7") == 42
        assert pool.metrics().created == 1
        registry = CollectorRegistry()
        registry.register(PoolCollector(pool))
        assert b"devsession_pool_sessions_created_total{" in generate_latest(registry)
