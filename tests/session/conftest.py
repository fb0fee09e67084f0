"""A manager of a simulated board."""

from collections.abc import AsyncIterator

import pytest

from devsession.session.manager import DeviceSessionManager


@pytest.fixture
async def manager() -> AsyncIterator[DeviceSessionManager]:
    async with DeviceSessionManager.open("sim:") as opened:
        yield opened
