"""Ten sessions on four simulated boards, each printing, one waiting for input: `python tests/benchmarks/bench_coordinator.py [rounds]`.

Beside each figure is the limit of the specification. A switch is measured with what a shell does at one: the last 64 KiB of the session
replayed. A change of state is visible when a listener is told: from the moment at which the program prints its last bytes, on the board's
side of the link, is what cannot be seen here, so it is taken from a send that changes it at once, and from a line that ends a wait.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

from devsession.coordinator.coordinator import MultiSessionCoordinator
from devsession.coordinator.session import CoordinatedSession
from devsession.coordinator.states import CoordinatedState, SessionEvent, SessionEventKind

ROUNDS = int(sys.argv[1]) if len(sys.argv) > 1 else 200
PRINTING = "for n in range(200): print('a line of output, number', n)"
ASKING = "while True: input('next? ')"
REPLAYED = 64 * 1024


def row(name: str, values: list[float], limit: str) -> None:
    values = sorted(values)
    p95 = values[int(len(values) * 0.95) - 1] if len(values) > 1 else values[0]
    print(f"  {name:<48}{statistics.median(values):>9.2f}{p95:>9.2f}{values[-1]:>9.2f} ms   {limit}")


async def keep_printing(coordinator: MultiSessionCoordinator, session: CoordinatedSession) -> None:
    while True:
        await coordinator.run(PRINTING, session.name)


async def created(coordinator: MultiSessionCoordinator) -> list[float]:
    taken = []
    for number in range(10):
        # The one that asks keeps its board: it is alone there.
        board = "board-3" if number == 9 else f"board-{number % 3}"
        begun = time.perf_counter()
        await coordinator.create(f"session-{number}", board=board)
        taken.append((time.perf_counter() - begun) * 1000)
    return taken


async def switched(coordinator: MultiSessionCoordinator) -> list[float]:
    taken = []
    for number in range(ROUNDS):
        # A person's turn: what the boards print meanwhile has to be taken too.
        await asyncio.sleep(0.005)
        begun = time.perf_counter()
        coordinator.switch(f"session-{number % 10}").buffer.replay(REPLAYED)
        await asyncio.sleep(0)
        taken.append((time.perf_counter() - begun) * 1000)
    return taken


async def answered(coordinator: MultiSessionCoordinator) -> tuple[list[float], list[float]]:
    """Return how long a line took until the session was told to process it, and until it was told to wait for the next one."""
    told: list[tuple[CoordinatedState, float]] = []

    @coordinator.changes.add
    def tell(event: SessionEvent) -> None:
        if event.what is SessionEventKind.STATE and event.name == "session-9":
            assert isinstance(event.after, CoordinatedState)
            told.append((event.after, time.perf_counter()))

    taken, asked = [], []
    for _ in range(ROUNDS):
        told.clear()
        begun = time.perf_counter()
        await coordinator.send("a line", "session-9")
        assert [state for state, _ in told] == [CoordinatedState.PROCESSING, CoordinatedState.WAITING]
        taken.append((told[0][1] - begun) * 1000)
        asked.append((told[1][1] - begun) * 1000)
        await asyncio.sleep(0.005)
    coordinator.changes.remove(tell)
    return taken, asked


async def handled(coordinator: MultiSessionCoordinator) -> list[float]:
    """Return how long the commands of a shell take that wait for no board."""
    taken = []
    for number in range(ROUNDS):
        name = f"session-{number % 9}"
        begun = time.perf_counter()
        coordinator.list()
        coordinator.pause(name)
        await coordinator.resume(name)
        coordinator.rename(name, "renamed")
        coordinator.rename("renamed", name)
        coordinator.get(name).buffer.tail(20)
        await asyncio.sleep(0)
        taken.append((time.perf_counter() - begun) * 1000)
        await asyncio.sleep(0.005)
    return taken


async def main() -> None:
    print(f"Ten sessions on four simulated boards, {ROUNDS} rounds, {os.cpu_count()} processors")
    print(f"  {'':<48}{'median':>9}{'p95':>9}{'most':>9}")
    with tempfile.TemporaryDirectory() as folder:
        boards = {f"board-{number}": "sim:" for number in range(4)}
        async with MultiSessionCoordinator(boards, store=Path(folder) / "sessions.db") as coordinator:
            row("creation, opening the board included", await created(coordinator), "limit 200")
            await coordinator.send(ASKING, "session-9")
            printers = [
                asyncio.create_task(keep_printing(coordinator, session)) for session in coordinator.list()[:9]
            ]
            await asyncio.sleep(0.5)
            row("switch, and 64 KiB replayed", await switched(coordinator), "limit 50 (p95)")
            processing, waiting = await answered(coordinator)
            row("a line sent: processing is told", processing, "limit 50")
            row("a line sent, until the next is waited for", waiting, "limit 100")
            row("list, pause, resume, rename twice, tail", await handled(coordinator), "limit 100")
            for printer in printers:
                printer.cancel()
            await asyncio.wait(printers)
            printed = sum(session.buffer.end for session in coordinator.list())
            print(f"  meanwhile the sessions printed {printed / 1e6:.1f} MB, all kept on disk as they went")


asyncio.run(main())
