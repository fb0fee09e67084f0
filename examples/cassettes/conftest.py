"""The board under test: the one DEVSESSION_BOARD names, else a recording of one.

pytest examples/cassettes                                                     plays board.cassette, no board needed
DEVSESSION_BOARD=/dev/ttyACM0 DEVSESSION_RECORD=board.cassette pytest ...     records it anew
"""

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from devsession import Board, connect

CASSETTE = Path(__file__).with_name("board.cassette")


@pytest.fixture
async def board() -> AsyncIterator[Board]:
    """A board, attached, with a fresh interpreter."""
    async with connect(os.environ.get("DEVSESSION_BOARD", f"replay:{CASSETTE}")) as attached:
        await attached.soft_reset()
        yield attached
