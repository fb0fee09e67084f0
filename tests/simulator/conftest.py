"""Simulated boards for tests, and a check that nothing is left behind."""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from console import PROMPT, Console, children

from devsession.simulator.board import SimulatedBoard
from devsession.simulator.interpreter import find_interpreter

Opener = Callable[..., Awaitable[Console]]


@pytest.fixture(scope="session", autouse=True)
def interpreter() -> None:
    # Fetched once, if at all, so that no single test's deadline has to cover it; and examined, so that no test pays for that.
    asyncio.run(find_interpreter())


@pytest.fixture(autouse=True)
async def no_leaks() -> AsyncIterator[None]:
    """Fail a test that leaves descriptors, tasks or processes."""
    descriptors = set(os.listdir("/proc/self/fd"))
    running = set(children())
    tasks = asyncio.all_tasks()
    yield
    await asyncio.sleep(0)
    assert asyncio.all_tasks() <= tasks | {asyncio.current_task()}
    assert set(children()) <= running
    left = {
        f"{fd} {os.readlink(f'/proc/self/fd/{fd}')}"
        for fd in set(os.listdir("/proc/self/fd")) - descriptors
        if os.path.lexists(f"/proc/self/fd/{fd}")
    }
    assert not left


@pytest.fixture
async def opened() -> AsyncIterator[Opener]:
    """Open boards that are closed at the end."""
    links: list[SimulatedBoard] = []

    async def opener(url: str = "sim:") -> Console:
        link = SimulatedBoard(url)
        links.append(link)
        console = Console(link)
        await link.open(console)
        return console

    yield opener
    for link in links:
        await link.close()


@pytest.fixture
async def friendly(opened: Opener) -> Console:
    console = await opened()
    await console.until(PROMPT)
    return console


@pytest.fixture
async def raw(friendly: Console) -> Console:
    await friendly.enter_raw()
    return friendly
