"""What it costs a pool of 60 boards to be counted, remembered and shown: `python tests/benchmarks/bench_pool_figures.py`.

The turns of the loop are those of one that does nothing else, without a store and while 60 boards are saved and shown again and again:
the difference is what the store's thread takes from it.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from prometheus_client import CollectorRegistry, generate_latest

sys.path.insert(0, str(Path(__file__).parents[1] / "pool"))

from pools_on_show import board, reused, snapshot

from devsession import PoolStore, shown_pools
from devsession.pool.inventory import Remembered
from devsession.pool.metrics import Meter
from devsession.pool.prometheus import HostCollector
from devsession.pool.snapshot import BoardState

BOARDS = 60
SECONDS = 5.0


def row(name: str, microseconds: float) -> None:
    print(f"  {name:<58}{microseconds:>10.1f} us")


def cost(work: Callable[[], object], times: int) -> float:
    """Return the median of what one call took, in microseconds, over rounds of ``times``."""
    rounds = []
    for _ in range(9):
        begun = time.perf_counter()
        for _ in range(times):
            work()
        rounds.append((time.perf_counter() - begun) / times * 1e6)
    return statistics.median(rounds)


async def turns(store: PoolStore | None, meter: Meter) -> tuple[float, float]:
    """Return the median time between two turns of the loop and what 99.99 % of them do not exceed, in microseconds."""
    seen = []
    end = time.perf_counter() + SECONDS
    last = time.perf_counter()
    while last < end:
        if store is not None:
            store.save(Remembered(f"b{len(seen) % BOARDS}", "b", "sim:", capabilities="x" * 2000))
            if len(seen) % 1000 == 0:
                store.show(SHOWN, meter.read(SHOWN))
        await asyncio.sleep(0)
        now = time.perf_counter()
        seen.append((now - last) * 1e6)
        last = now
    seen.sort()
    return seen[len(seen) // 2], seen[-len(seen) // 10_000]


SHOWN = snapshot(*(board(f"b{number}", BoardState.IDLE, sleeping=("w",) * 5) for number in range(BOARDS)))


async def main(path: Path) -> None:
    meter, event = Meter(), reused()
    row("counting an event", cost(lambda: meter(event), 10_000))
    row("metrics()", cost(lambda: meter.read(SHOWN), 1000))
    store = PoolStore(path)
    await store.load()
    rows = [Remembered(f"b{number}", "b", "sim:") for number in range(BOARDS)]
    row("save(), on the loop", cost(lambda: [store.save(each) for each in rows], 100) / BOARDS)
    figures = meter.read(SHOWN)
    row(f"show() of {BOARDS} boards, on the loop", cost(lambda: store.show(SHOWN, figures), 1000))
    for name, used in (("without a store", None), ("with a save, while a thread writes", store)):
        usual, slow = await turns(used, meter)
        row(f"a turn of the loop {name}", usual)
        row("  99.99 % within", slow)
    row("shown_pools(), for another process", cost(lambda: shown_pools(path), 20))
    registry = CollectorRegistry()
    registry.register(HostCollector(path))
    row(f"a scrape of {BOARDS} boards", cost(lambda: generate_latest(registry), 5))
    await store.aclose()


print(f"a pool of {BOARDS} boards:")
with tempfile.TemporaryDirectory() as directory:
    asyncio.run(main(Path(directory) / "pools.sqlite3"))
