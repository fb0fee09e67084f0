"""What sessions cost on the simulated board: `python tests/benchmarks/bench_sessions.py [rounds]`.

Medians, beside the limits that the specification gives. The overhead of a managed exec is taken in pairs: a session's exec and a bare one
of the communicator, one after the other, and the median of the differences; the same for a call of a deployed method.
"""

from __future__ import annotations

import asyncio
import gc
import os
import statistics
import sys
import time
import tracemalloc
from collections.abc import Awaitable, Callable

from devsession import DeviceSessionManager, SessionProfile
from devsession.board.board import Board
from devsession.links import link
from devsession.transport.metering import MeteredTransport

ROUNDS = int(sys.argv[1]) if len(sys.argv) > 1 else 300
SESSIONS = 1000
PROFILE = SessionProfile(modules=["os", "struct"])


async def timed(work: Callable[[], Awaitable[object]]) -> float:
    """Return how long it took, in milliseconds."""
    begun = time.perf_counter()
    await work()
    return (time.perf_counter() - begun) * 1000


async def median(work: Callable[[], Awaitable[object]]) -> float:
    return statistics.median([await timed(work) for _ in range(ROUNDS)])


async def overhead(managed: Callable[[], Awaitable[object]], bare: Callable[[], Awaitable[object]]) -> float:
    return statistics.median([await timed(managed) - await timed(bare) for _ in range(ROUNDS)])


def row(name: str, value: float, unit: str, limit: str = "") -> None:
    print(f"  {name:<52}{value:>10.3f} {unit:<6} {limit}")


async def latency(manager: DeviceSessionManager) -> None:
    async def create_and_use() -> None:
        async with manager.session() as session:
            await session.exec("x = 1")

    async def with_modules() -> None:
        async with manager.session(profile=PROFILE) as session:
            await session.exec("os, struct")

    row("session: create, one exec, end", await median(create_and_use), "ms", "limit 20")
    row("session: two modules imported before its first exec", await median(with_modules), "ms", "limit 20")
    async with manager.session() as session:
        await session.device.define("x", 1)
        row("variable: get", await median(lambda: session.device.get("x")), "ms", "limit 2")
        row("variable: define", await median(lambda: session.device.define("x", 2)), "ms", "limit 2")
        board = manager.board
        over = await overhead(lambda: session.exec("x=1"), lambda: board.exec("x=1"))
        row("managed exec over one of the communicator", over, "ms", "limit 0.2")

        @manager.method
        def add(a, b):
            return a + b

        await add(1, 2)
        row("call of a deployed method", await median(lambda: add(1, 2)), "ms")
        row("exec of the same as text", await median(lambda: session.exec("1+2")), "ms")


async def wire() -> None:
    metered = MeteredTransport(link("sim:"))
    async with DeviceSessionManager(Board(metered)) as manager:

        @manager.method
        def add(a, b):
            return a + b

        await add(1, 2)
        before = metered.snapshot()
        await add(1, 2)
        cost = metered.meter - before
        print(
            f"  add(1, 2), deployed: {cost.turns} turn, {cost.up} bytes up, {cost.down} down, nonces included"
        )
        async with manager.session() as session:
            before = metered.snapshot()
            await session.exec("x = 1")
            first = metered.meter - before
            before = metered.snapshot()
        last = metered.meter - before
        print(
            f"  a session's first exec: {first.turns} turn, {first.up} up; its end: {last.turns} turn, {last.up} up"
        )


async def many(manager: DeviceSessionManager) -> None:
    async def free() -> int:
        return await manager.board.eval("(lambda g:(g.collect(),g.mem_free())[1])(__import__('gc'))")

    async def one() -> None:
        async with manager.session() as session:
            await session.exec("x = [1, 2, 3]\ndef f(): return x")

    for _ in range(50):
        await one()
    gc.collect()
    tracemalloc.start()
    heap, host = await free(), tracemalloc.get_traced_memory()[0]
    begun = time.perf_counter()
    for _ in range(SESSIONS):
        await one()
    lasted = time.perf_counter() - begun
    gc.collect()
    grown = tracemalloc.get_traced_memory()[0] - host
    tracemalloc.stop()
    lost = heap - await free()
    print(f"  {SESSIONS} sessions, each with a program, in {lasted:.1f} s (while memory is traced)")
    row("heap of the board that did not come back, a session", lost / SESSIONS, "bytes", "limit 2")
    row("memory of the host, a session", grown / SESSIONS, "bytes")


async def main() -> None:
    print(f"Medians of {ROUNDS} rounds on sim:, {os.cpu_count()} processors")
    async with DeviceSessionManager.open("sim:") as manager:
        await latency(manager)
        await many(manager)
    await wire()


asyncio.run(main())
