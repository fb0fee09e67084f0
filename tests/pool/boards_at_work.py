"""What tests do to the boards of a pool: pull their plugs, end their interpreters; and what they wait for."""

import asyncio
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

from devsession.errors import LinkLostError
from devsession.pool.events import PoolEvent
from devsession.pool.pool import SessionPool

# Seconds that anything a test waits for may take, on a busy machine.
PATIENCE = 20.0
# Seconds between two looks: short against what is waited for.
LOOK = 0.005


def unplug(pool: SessionPool, board: str) -> None:
    """Have a simulated board vanish as if its cable was pulled."""
    transport = pool._runner.pooled[board].manager.board._prompt.wire.transport
    instance = transport._instance  # type: ignore[attr-defined]
    instance._supervisor.stop()
    instance._gone(LinkLostError("unplugged"))


def kill_interpreter(pool: SessionPool, board: str) -> None:
    """Have a simulated board start anew as if it had crashed."""
    transport = pool._runner.pooled[board].manager.board._prompt.wire.transport
    process = transport._instance._supervisor._process  # type: ignore[attr-defined]
    if process is not None:
        os.kill(process.pid, signal.SIGKILL)


async def until(holds: Callable[[], object], told: Callable[[], object] = lambda: "") -> None:
    """Wait until something holds; ``told`` says how it stands when it does not come to that."""
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline, f"what was waited for did not happen: {told()}"
        await asyncio.sleep(LOOK)


def listen(pool: SessionPool) -> list[PoolEvent]:
    """Return the list to which the pool's events are added from now on."""
    events: list[PoolEvent] = []
    pool.events.add(events.append)
    return events


def told(events: list[PoolEvent], kind: type[PoolEvent]) -> list[PoolEvent]:
    return [event for event in events if isinstance(event, kind)]


def children() -> set[str]:
    return set(Path(f"/proc/self/task/{os.getpid()}/children").read_text().split())
