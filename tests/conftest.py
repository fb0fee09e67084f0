"""What every test must leave as it found it: descriptors, tasks, child processes."""

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from devsession.errors import EmulatorNotFoundError
from devsession.simulator.emulation.machines import MACHINES
from devsession.simulator.emulation.qemu import find_qemu

_FDS = Path("/proc/self/fd")
_CHILDREN = Path(f"/proc/self/task/{os.getpid()}/children")


def _open_descriptors() -> dict[str, str]:
    found = {}
    for entry in os.listdir(_FDS):
        try:
            found[entry] = os.readlink(_FDS / entry)
        except OSError:
            continue  # the descriptor of the listing itself
    return found


@pytest.fixture(autouse=True)
def no_leaked_descriptors() -> Iterator[None]:
    before = _open_descriptors()
    yield
    leaked = {fd: name for fd, name in _open_descriptors().items() if fd not in before}
    assert not leaked


@pytest.fixture(autouse=True)
def no_leaked_processes() -> Iterator[None]:
    before = set(_CHILDREN.read_text().split())
    yield
    assert set(_CHILDREN.read_text().split()) <= before


@pytest.fixture(autouse=True)
async def no_leaked_tasks() -> AsyncIterator[None]:
    before = asyncio.all_tasks()
    yield
    leaked = {task for task in asyncio.all_tasks() - before - {asyncio.current_task()} if not task.done()}
    assert not leaked


@pytest.fixture(scope="session")
def emulators() -> None:
    """Skip what needs an emulated board where one is missing; with DEVSESSION_EMULATED=required that is a failure."""
    try:
        find_qemu()
        for machine in MACHINES.values():
            asyncio.run(machine.image(lambda _: None))
    except EmulatorNotFoundError as error:
        if os.environ.get("DEVSESSION_EMULATED") == "required":
            raise
        pytest.skip(str(error))
