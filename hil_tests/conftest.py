"""A real board, named by DEVSESSION_BOARD: these tests run where one is attached.

DEVSESSION_BOARD=/dev/ttyACM0 python -m pytest -c pyproject.toml hil_tests
"""

import os
from collections.abc import AsyncIterator

import pytest

from devsession import Board, connect


@pytest.fixture
async def board() -> AsyncIterator[Board]:
    url = os.environ.get("DEVSESSION_BOARD")
    if not url:
        pytest.fail("name the board: DEVSESSION_BOARD=/dev/ttyACM0")
    async with connect(url) as attached:
        yield attached
