"""How the helper gets onto a board: with the first command, or in parts where that fails."""

import pytest

from devsession.board.board import Board
from devsession.links import link
from devsession.transport.fault_plan import Fault, FaultKind
from devsession.transport.faults import FaultyTransport
from devsession.transport.metering import MeteredTransport
from devsession.transport.recording import Direction


async def test_a_helper_damaged_on_its_way_is_sent_again():
    for at in range(50, 2050, 50):
        faulty = FaultyTransport(link("sim:"), [Fault(FaultKind.FLIP, Direction.UP, at)])
        async with Board(faulty) as board:
            assert await board.eval("[0]*50") == [0] * 50
        assert len(faulty.happened) == 1


async def test_a_small_heap_gets_it_in_parts(capsys: pytest.CaptureFixture[str]):
    metered = MeteredTransport(link("sim:?heap=64k"))
    async with Board(metered) as board:
        rows = []
        for _ in range(2):
            before = metered.snapshot()
            assert await board.eval("'a' * 20") == "a" * 20
            rows.append(metered.meter - before)
            await board.soft_reset()
        free = await board.eval("__import__('gc').mem_free()")
    with capsys.disabled():
        print(f"\n  first execs with little heap: {rows[0]}, {rows[1]}; then {free} bytes are free")
    # The first tries it whole. There is too little memory to run it (9 turns), or to hold it (10), or the board starts anew by that (15); it
    # is known then.
    assert rows[0].turns in {9, 10, 15}
    assert rows[1].turns == 8


async def test_a_command_damaged_anywhere_is_sent_again():
    faulty = FaultyTransport(link("sim:"))
    async with Board(faulty) as board:
        await board.exec("count = 0\ndef f():\n global count\n count += 1\n return count")
        # The length of the shortest command, without the byte that ends it.
        for ran, at in enumerate(range(45), 1):
            faulty.add(Fault(FaultKind.FLIP, Direction.UP, at, at % 4))
            assert await board.eval("f()") == ran
    assert len(faulty.happened) == 45
