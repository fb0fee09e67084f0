"""What things cost on the wire, in turns and bytes: they do not depend on the machine."""

import pytest

from devsession.board.board import Board
from devsession.links import link
from devsession.transport.metering import MeteredTransport


async def test_turns(capsys: pytest.CaptureFixture[str]):
    metered = MeteredTransport(link("sim:"))
    async with Board(metered) as board:
        await board.exec("1")
    whole = metered.snapshot()
    rows = {"attach, exec, detach": whole}
    metered = MeteredTransport(link("sim:"))
    async with Board(metered) as board:
        before = metered.snapshot()
        await board.exec("1")
        rows["first exec"] = metered.meter - before
        before = metered.snapshot()
        await board.exec("1")
        rows["warm exec"] = metered.meter - before
        before = metered.snapshot()
        await board.exec("print('x' * 8000)\n" + "y = 1\n" * 1300)
        rows["exec, 8 KB each way"] = metered.meter - before
    with capsys.disabled():
        print()
        for name, meter in rows.items():
            print(f"  {name:<22}{meter.turns:>3} turns {meter.up:>6} bytes up {meter.down:>6} down")
    assert rows["attach, exec, detach"].turns <= 3
    assert rows["warm exec"].turns == 1
    assert rows["warm exec"].up <= 70
    assert rows["exec, 8 KB each way"].turns == 1
