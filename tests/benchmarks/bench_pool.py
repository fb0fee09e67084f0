"""Many agents on few boards, all simulated: 55 on 60, then 200 on 20, then 55 while boards are killed at random.

For each: acquire, exec, release, so many times in all; how long callers waited, how often they found their own session again, what the pool
itself took of that. Run: ``python tests/benchmarks/bench_pool.py [--turns 10000]``.
"""

import argparse
import asyncio
import random
import statistics
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "pool"))

from boards_at_work import kill_interpreter, unplug

from devsession import DevsessionError, SessionPool
from devsession.pool import events as kinds

# Seconds between two boards that are killed.
KILL_INTERVAL = 0.05


@dataclass
class Tally:
    waits: list[float] = field(default_factory=list)
    created: int = 0
    reused: int = 0
    errors: dict[str, int] = field(default_factory=dict)
    wrong: int = 0
    most: int = 0
    killed: int = 0
    warm: tuple[int, int] = (0, 0)

    def listen(self, event: kinds.PoolEvent) -> None:
        if isinstance(event, kinds.SessionCreated):
            self.created += 1
            self.waits.append(event.waited)
        elif isinstance(event, kinds.SessionReused):
            self.reused += 1
            self.waits.append(event.waited)


async def agent(pool: SessionPool, name: str, turns: int, tally: Tally) -> None:
    count = None
    for _ in range(turns):
        try:
            async with pool.acquire(agent=name, timeout=120) as session:
                tally.most = max(tally.most, sum(map(bool, pool._leases.held)), pool._planner.size)
                if pool.lease(session).is_reuse and count is not None:
                    count += 1
                    found = (await session.exec("n += 1\nprint(n)")).output
                    tally.wrong += int(found) != count
                else:
                    count = 0
                    await session.exec("n = 0")
        except DevsessionError as error:
            kind = type(error).__name__
            tally.errors[kind] = tally.errors.get(kind, 0) + 1
            count = None


async def killer(pool: SessionPool, tally: Tally) -> None:
    while True:
        await asyncio.sleep(KILL_INTERVAL)
        names = [
            member.name for member in pool._planner.members.values() if member.name in pool._runner.pooled
        ]
        victim = random.choice(names)
        if not pool._runner.pooled[victim].is_lost:
            random.choice([unplug, kill_interpreter])(pool, victim)
            tally.killed += 1


async def run(agents: int, boards: int, turns: int, *, chaos: bool = False, share: bool = False) -> Tally:
    tally = Tally()
    began = time.perf_counter()
    async with SessionPool(
        provider="sim:",
        min_size=boards,
        max_size=boards,
        share=share,
        throttle_agent=None,
        probe_timeout=1.0 if chaos else 5.0,
        connect_timeout=20.0,
    ) as pool:
        opened = time.perf_counter() - began
        pool.events.add(tally.listen)
        await asyncio.gather(*(agent(pool, f"agent-{number}", 1, tally) for number in range(agents)))
        tally.warm = tally.created, tally.reused
        tally.waits.clear()
        began = time.perf_counter()
        reaper = asyncio.create_task(killer(pool, tally)) if chaos else None
        each = -(-turns // agents)
        await asyncio.gather(*(agent(pool, f"agent-{number}", each, tally) for number in range(agents)))
        took = time.perf_counter() - began
        if reaper is not None:
            reaper.cancel()
        healed = await until_healthy(pool, boards)
    created, reused = tally.created - tally.warm[0], tally.reused - tally.warm[1]
    waits = sorted(tally.waits)
    print(
        f"{agents} agents, {boards} boards{', boards killed at random' if chaos else ''}{', shared' if share else ''}"
    )
    print(
        f"  opened in {opened:.2f} s; {each * agents} turns in {took:.2f} s: {each * agents / took:.0f} a second"
    )
    print(f"  most boards and leases at once: {tally.most} (limit {boards}); wrong answers: {tally.wrong}")
    print(
        f"  errors: {tally.errors or 'none'}; boards killed: {tally.killed}; all probed and well after {healed:.2f} s"
    )
    print(f"  own session found again: {100 * reused / max(1, created + reused):.1f} % after warm-up")
    print(
        f"  waited: median {1e3 * statistics.median(waits):.3f} ms, p99 {1e3 * at(waits, 0.99):.3f} ms,"
        f" longest {1e3 * waits[-1]:.1f} ms, longest/median {waits[-1] / statistics.median(waits):.1f}"
    )
    return tally


async def until_healthy(pool: SessionPool, boards: int) -> float:
    """Have every board probed now, and wait until all are well; return how many seconds that took."""
    began = time.perf_counter()
    passed: set[str] = set()
    pool.events.add(
        lambda event: (
            passed.add(event.board) if isinstance(event, kinds.HealthChecked) and event.passed else None
        )
    )
    for member in pool._planner.members.values():
        member.check_at = 0.0
    pool._runner.changed.set()
    while pool.snapshot().idle < boards or len(passed) < boards:
        assert time.perf_counter() - began < 60, pool.snapshot()
        await asyncio.sleep(0.01)
    return time.perf_counter() - began


def at(values: list[float], part: float) -> float:
    return values[min(len(values) - 1, int(len(values) * part))]


async def without_io() -> None:
    """What acquire and release cost by themselves, on a pool of 60 boards of which most are leased."""
    async with SessionPool(
        provider="sim:", min_size=60, max_size=60, throttle_agent=None, connect_timeout=20
    ) as pool:
        held = [await pool.acquire(agent=f"agent-{number}") for number in range(55)]
        took, gave = [], []
        for _ in range(5000):
            begun = time.perf_counter()
            session = await pool.acquire(agent="one")
            given = time.perf_counter()
            await pool.release(session)
            took.append(given - begun)
            gave.append(time.perf_counter() - given)
        for session in held:
            await pool.release(session)
    took.sort()
    gave.sort()
    print("acquire and release without I/O, 55 of 60 boards leased")
    print(f"  acquire: p50 {1e6 * at(took, 0.5):.0f} us, p99 {1e6 * at(took, 0.99):.0f} us")
    print(f"  release: p50 {1e6 * at(gave, 0.5):.0f} us, p99 {1e6 * at(gave, 0.99):.0f} us")


async def memory() -> None:
    """What a session that sleeps costs this process, beside its board."""
    import tracemalloc

    async with SessionPool(
        provider="sim:",
        min_size=1,
        max_size=1,
        share=True,
        max_sleeping=500,
        throttle_agent=None,
        min_free_heap=0,
    ) as pool:
        for number in range(20):
            async with pool.acquire(agent=f"warm-{number}") as session:
                await session.exec("x = 1")
        tracemalloc.start()
        before = tracemalloc.get_traced_memory()[0]
        for number in range(200):
            async with pool.acquire(agent=f"agent-{number}") as session:
                await session.exec("x = 1")
        after = tracemalloc.get_traced_memory()[0]
        tracemalloc.stop()
    print(f"memory of this process for each session that sleeps: {(after - before) / 200 / 1024:.1f} KiB")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--turns", type=int, default=10_000)
    turns = parser.parse_args().turns
    plain = asyncio.run(run(55, 60, turns))
    assert not plain.errors and not plain.wrong and plain.most <= 60
    few = asyncio.run(run(200, 20, turns))
    assert not few.errors and not few.wrong and few.most <= 20
    shared = asyncio.run(run(200, 20, turns, share=True))
    assert not shared.errors and not shared.wrong and shared.most <= 20
    chaos = asyncio.run(run(55, 60, turns, chaos=True))
    assert not chaos.wrong and chaos.most <= 60
    asyncio.run(without_io())
    asyncio.run(memory())


if __name__ == "__main__":
    main()
