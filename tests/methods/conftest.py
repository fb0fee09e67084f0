"""A simulated board, attached."""

from collections.abc import AsyncIterator

import pytest

from devsession import connect
from devsession.board.board import Board


@pytest.fixture
async def board() -> AsyncIterator[Board]:
    async with connect("sim:") as attached:
        yield attached
