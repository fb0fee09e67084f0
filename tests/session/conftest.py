"""A manager of a simulated board, and a session of a metered one."""

from collections.abc import AsyncIterator

import pytest

from devsession.board.board import Board
from devsession.links import link
from devsession.session.manager import DeviceSessionManager
from devsession.session.session import DeviceSession
from devsession.transport.metering import MeteredTransport


class Metered:
    """A session of a metered board, and how many turns went by since that was last asked."""

    def __init__(self, transport: MeteredTransport, manager: DeviceSessionManager, session: DeviceSession):
        self.manager = manager
        self.session = session
        self.files = session.files
        self._transport = transport
        self._seen = 0

    @property
    def sent(self) -> int:
        """How many bytes went to the board so far."""
        return self._transport.meter.up

    def turns(self) -> int:
        now = self._transport.meter.turns
        turns, self._seen = now - self._seen, now
        return turns


@pytest.fixture
async def manager() -> AsyncIterator[DeviceSessionManager]:
    async with DeviceSessionManager.open("sim:") as opened:
        yield opened


@pytest.fixture
async def metered() -> AsyncIterator[Metered]:
    transport = MeteredTransport(link("sim:"))
    async with DeviceSessionManager(Board(transport)) as manager, manager.session() as session:
        await session.files.exists("/")
        found = Metered(transport, manager, session)
        found.turns()
        yield found
