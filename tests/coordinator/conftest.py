"""A coordinator of two simulated boards."""

from collections.abc import AsyncIterator

import pytest

from devsession.coordinator.coordinator import MultiSessionCoordinator


@pytest.fixture
async def coordinator() -> AsyncIterator[MultiSessionCoordinator]:
    async with MultiSessionCoordinator({"alpha": "sim:", "beta": "sim:"}) as made:
        yield made
