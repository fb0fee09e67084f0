"""The figures of pools for Prometheus (``pip install devsession[prometheus]``): worked out when asked for, so that a pool pays nothing."""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from itertools import accumulate
from pathlib import Path
from typing import Protocol

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric

from devsession.errors import PoolError, UsageError
from devsession.pool.distribution import Distribution
from devsession.pool.events import Evicted
from devsession.pool.metrics import PoolMetrics
from devsession.pool.shown import ShownPool, shown_pools
from devsession.pool.snapshot import BoardState, PoolSnapshot

# Seconds that a scrape waits for the event loop of a pool; Prometheus gives a scrape up after ten by default.
LOOP_TIMEOUT = 5.0
_POOL = ("pool", "pid")
_BOARD = (*_POOL, "board")

# devsession_pool_NAME: the field of PoolMetrics, and what it is.
_GAUGES = {
    "size": ("size", "Boards that are open or about to be"),
    "min_size": ("min_size", "Boards that stay open"),
    "max_size": ("max_size", "Boards that may be open"),
    "active": ("active", "Boards that are leased"),
    "idle": ("idle", "Boards that are ready to be leased"),
    "unhealthy": ("unhealthy", "Boards that are recovering or in quarantine"),
    "sessions": ("sessions", "Sessions that are in use or asleep"),
    "waiting": ("waiting", "Callers who wait for a board"),
    "utilisation_ratio": ("utilisation", "Part of the boards that is leased"),
    "request_rate": ("request_rate", "Callers a second over the last minute"),
    "hit_ratio": ("hit_rate", "Part of the sessions given that were the caller's own from before"),
    "health_pass_ratio": ("health_pass_rate", "Part of the health checks that passed"),
    "average_lifetime_seconds": ("average_lifetime", "How long sessions last, of those that ended"),
    "began_timestamp_seconds": ("began_at", "When the pool began"),
    "shown_timestamp_seconds": ("taken_at", "When these figures were taken"),
}
# Likewise, with _total behind the name.
_COUNTERS = {
    "sessions_created": ("created", "Clean sessions given to callers"),
    "sessions_reused": ("reused", "Sessions given to the agents whose own they were"),
    "requests": ("requests", "Callers who were answered, with a board or without"),
    "leases_revoked": ("revoked", "Leases that ended under their holders"),
    "boards_opened": ("boards_opened", "Boards that joined the pool"),
    "boards_removed": ("boards_removed", "Boards that left the pool"),
    "boards_quarantined": ("quarantined", "Boards that were put in quarantine"),
    "boards_recovered": ("recovered", "Boards that were sick and got well"),
}
# What has not happened yet counts as 0: Prometheus would not see the step from nothing to 1.
_EVICTED = dict.fromkeys((reason.value for reason in Evicted), 0)
_GIVEN_UP = dict.fromkeys(("timeout", "cancelled", "refused"), 0)
# Likewise, with a label that says which.
_LABELLED: dict[str, tuple[str, str, Callable[[PoolMetrics], dict[str, int]]]] = {
    "sessions_evicted": ("reason", "Sessions that were ended", lambda pool: _EVICTED | pool.evicted),
    "requests_given_up": (
        "reason",
        "Callers who left without a board",
        lambda pool: _GIVEN_UP | pool.given_up,
    ),
    "scaled": (
        "direction",
        "Changes of the pool's size",
        lambda pool: {"up": pool.scaled_up, "down": pool.scaled_down},
    ),
    "health_checks": (
        "result",
        "Health checks of boards",
        lambda pool: {"passed": pool.health_passed, "failed": pool.health_failed},
    ),
}
_HISTOGRAMS = {
    "wait_seconds": ("waits", "How long callers waited who were given a board"),
    "lease_seconds": ("leases", "How long boards were held"),
    "session_lifetime_seconds": ("lifetimes", "How long sessions lasted"),
}


class Measured(Protocol):
    """What is asked of a pool."""

    def snapshot(self) -> PoolSnapshot:
        """Return how the pool stands now."""

    def metrics(self) -> PoolMetrics:
        """Return the pool's figures."""


class PoolCollector:
    """The figures of this process's pools, for a registry of your own: ``registry.register(PoolCollector(pool))``.

    Make it on the event loop of the pools; any thread may collect then, and waits for that loop. Pools of ``devsession.sync`` need none.
    """

    def __init__(self, *pools: Measured) -> None:
        self._pools = pools
        self._thread = threading.get_ident()
        self._loop: asyncio.AbstractEventLoop | None = None
        with contextlib.suppress(RuntimeError):
            self._loop = asyncio.get_running_loop()

    def collect(self) -> Iterable[Metric]:
        """Return the figures as they are now; raises TimeoutError when the loop of the pools is stuck."""
        if self._loop is None or self._thread == threading.get_ident():
            return _families(self._read())
        if self._loop.is_closed():
            return _families([])
        reading = asyncio.run_coroutine_threadsafe(self._read_on_loop(), self._loop)
        try:
            return _families(reading.result(LOOP_TIMEOUT))
        finally:
            reading.cancel()

    def _read(self) -> list[ShownPool]:
        now, pid = time.time(), os.getpid()
        return [ShownPool(pid, "", now, True, pool.snapshot(), pool.metrics()) for pool in self._pools]

    async def _read_on_loop(self) -> list[ShownPool]:
        return self._read()


class HostCollector:
    """The figures of all pools of this computer that keep a store, from its file ``path`` (default: the user's)."""

    def __init__(self, path: Path | None = None) -> None:
        self._path = path

    def collect(self) -> Iterable[Metric]:
        """Return the figures as they were last shown; when the file cannot be read they say that."""
        readable = GaugeMetricFamily("devsession_store_readable", "Whether the store of pools can be read")
        try:
            pools = shown_pools(self._path)
        except PoolError:
            readable.add_metric([], 0)
            return [readable]
        readable.add_metric([], 1)
        return [readable, *_families(pools)]


@contextlib.contextmanager
def serving(registry: CollectorRegistry, *, host: str = "127.0.0.1", port: int = 0) -> Iterator[str]:
    """Serve a registry over HTTP while the block runs, in threads of its own; gives the URL. Port 0 is any that is free.

    Leaving the block takes up to half a second. Raises UsageError when the port cannot be had.
    """
    try:
        server, thread = start_http_server(port, host, registry)
    except OSError as error:
        raise UsageError(f"port {port} of {host} cannot be had: {error}", hint="name another port") from error
    try:
        name = f"[{host}]" if ":" in host else host
        yield f"http://{name}:{server.server_port}/metrics"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


# A pool with what its series are called by.
_Named = tuple[list[str], ShownPool]


def _families(pools: Iterable[ShownPool]) -> list[Metric]:
    named = list(_named(pools))
    alive = [(labels, pool) for labels, pool in named if pool.is_alive]
    up = GaugeMetricFamily("devsession_pool_up", "Whether the pool's process lives", labels=_POOL)
    for labels, pool in named:
        up.add_metric(labels, pool.is_alive)
    return [
        up,
        *_gauges(alive),
        *_counters(alive),
        *_labelled_counters(alive),
        *_histograms(alive),
        *_boards(alive),
    ]


def _named(pools: Iterable[ShownPool]) -> Iterator[_Named]:
    """Give the labels of each pool: two of one process may have one name, which Prometheus would refuse."""
    seen: Counter[tuple[str, int]] = Counter()
    for pool in pools:
        name = pool.metrics.pool
        seen[name, pool.pid] += 1
        number = seen[name, pool.pid]
        yield [name if number == 1 else f"{name} {number}", str(pool.pid)], pool


def _gauges(pools: list[_Named]) -> Iterator[Metric]:
    for name, (field, text) in _GAUGES.items():
        family = GaugeMetricFamily(f"devsession_pool_{name}", text, labels=_POOL)
        for labels, pool in pools:
            value = getattr(pool.metrics, field)
            if value is not None:
                family.add_metric(labels, value)
        yield family


def _counters(pools: list[_Named]) -> Iterator[Metric]:
    for name, (field, text) in _COUNTERS.items():
        family = CounterMetricFamily(f"devsession_pool_{name}", text, labels=_POOL)
        for labels, pool in pools:
            family.add_metric(labels, getattr(pool.metrics, field))
        yield family


def _labelled_counters(pools: list[_Named]) -> Iterator[Metric]:
    for name, (label, text, read) in _LABELLED.items():
        family = CounterMetricFamily(f"devsession_pool_{name}", text, labels=(*_POOL, label))
        for labels, pool in pools:
            for which, count in read(pool.metrics).items():
                family.add_metric([*labels, which], count)
        yield family


def _histograms(pools: list[_Named]) -> Iterator[Metric]:
    for name, (field, text) in _HISTOGRAMS.items():
        family = HistogramMetricFamily(f"devsession_pool_{name}", text, labels=_POOL)
        for labels, pool in pools:
            told: Distribution = getattr(pool.metrics, field)
            ends = [*map(str, told.bounds), "+Inf"]
            family.add_metric(labels, list(zip(ends, accumulate(told.counts), strict=True)), told.total)
        yield family


def _boards(pools: list[_Named]) -> Iterator[Metric]:
    score = GaugeMetricFamily("devsession_board_health", "Health of a board, 0 to 1", labels=_BOARD)
    strikes = GaugeMetricFamily(
        "devsession_board_strikes", "How often a board failed in a row", labels=_BOARD
    )
    uses = CounterMetricFamily("devsession_board_uses", "How often a board was leased", labels=_BOARD)
    state = GaugeMetricFamily(
        "devsession_board_state", "1 for the state in which a board is", labels=(*_BOARD, "state")
    )
    for named, pool in pools:
        for board in pool.snapshot.boards:
            labels = [*named, board.name]
            score.add_metric(labels, board.score)
            strikes.add_metric(labels, board.strikes)
            uses.add_metric(labels, board.uses)
            for each in BoardState:
                state.add_metric([*labels, each.value], each is board.state)
    yield from (score, strikes, uses, state)
