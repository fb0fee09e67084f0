"""Files over a link that damages bytes, and over one that falls silent: the old content or the new, and a board in order."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from devsession import Board, DeviceError, DeviceSession, DeviceSessionManager, DevsessionError
from devsession.links import link
from devsession.pytest_plugin.config import DevsessionConfig
from devsession.transport.fault_plan import Fault, FaultKind
from devsession.transport.faults import FaultyTransport
from devsession.transport.recording import Direction

OLD, NEW = b"what was there", random.Random(5).randbytes(3000)
# How long nothing may move, in seconds: shorter than by default, and longer than a small board takes for a piece.
PATIENCE = 3.0
PLACES = 6
# When a silent link lets bytes pass again, in seconds: before those that wait for it give up.
CONTACT = 1.0


@pytest.fixture
def opened(url: str, devsession_config: DevsessionConfig):
    @asynccontextmanager
    async def opened() -> AsyncIterator[tuple[DeviceSession, FaultyTransport]]:
        wire = FaultyTransport(link(url))
        board = Board(wire, recovery=devsession_config.recovery)
        async with DeviceSessionManager(board) as faulty, faulty.session() as session:
            session.files.moving(patience=PATIENCE)
            try:
                await session.files.write_bytes("hil_keep", OLD)
            except DeviceError as error:
                if error.errno != 30:
                    raise
                pytest.skip("its file system is read-only: the host has it as a drive")
            yield session, wire
            wire.heal()
            await session.files.remove("hil_keep")

    return opened


@pytest.mark.needs("os.rename")
@pytest.mark.parametrize(
    "kind",
    [
        FaultKind.FLIP,
        FaultKind.DOUBLE,
        FaultKind.DROP,
        # Where only a reset ends it, the old content may go with that: it is in memory.
        pytest.param(FaultKind.SILENCE, marks=pytest.mark.needs("interruptible")),
    ],
)
async def test_the_old_content_or_the_new(opened, manager: DeviceSessionManager, kind: FaultKind):
    # It was opened to see what the board can do.
    await manager.close()
    chance = random.Random(kind.value)
    async with opened() as (session, wire):
        for _ in range(1 if kind is FaultKind.SILENCE else PLACES):
            wire.add(Fault(kind, Direction.UP, chance.randrange(200, 3000), 1))
            # A cable that makes contact again: what was sent meanwhile is lost.
            asyncio.get_running_loop().call_later(CONTACT, wire.heal)
            try:
                await session.files.write_bytes("hil_keep", NEW)
                arrived = True
            except DevsessionError:
                arrived = False
            wire.heal()
            session.files.invalidate()
            found = await session.files.read_bytes("hil_keep")
            assert found == NEW if arrived else found in {OLD, NEW}
            assert [name for name in await session.files.listdir() if name.startswith(".devsession-")] == []
