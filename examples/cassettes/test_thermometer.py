"""A test suite that runs without a board: each test plays the cassette that was recorded for it.

pytest examples/cassettes                                             plays; no board, no interpreter
DEVSESSION_BOARD=/dev/ttyACM0 pytest examples/cassettes               on a board
RECORD=1 DEVSESSION_BOARD=sim: pytest examples/cassettes              on a board, and records it anew
"""

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from devsession import Board, DeviceError, connect

CASSETTES = Path(__file__).parent

SETUP = """
def fahrenheit(celsius):
    return celsius * 9 / 5 + 32
"""


@pytest.fixture
async def board(request: pytest.FixtureRequest) -> AsyncIterator[Board]:
    cassette = CASSETTES / f"{request.node.name}.cassette"
    url = os.environ.get("DEVSESSION_BOARD") or f"replay:{cassette}"
    async with connect(url, record=cassette if os.environ.get("RECORD") else None) as attached:
        await attached.exec(SETUP)
        yield attached


async def test_conversion(board: Board):
    readings = await board.eval("[fahrenheit(t) for t in (-40, 0, 37.5)]")
    assert readings == [-40.0, 32.0, 99.5]


async def test_report(board: Board):
    execution = await board.run("for t in (20, 25):\n    print(t, 'C =', fahrenheit(t), 'F')")
    assert execution.output == "20 C = 68.0 F\n25 C = 77.0 F\n"


async def test_no_reading(board: Board):
    with pytest.raises(DeviceError, match="TypeError"):
        await board.exec("fahrenheit(None)")
    assert await board.eval("fahrenheit(0)") == 32.0
