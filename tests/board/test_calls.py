"""Calls of methods that are on the board under a key: one turn, one record back, never of what is not there."""

import pytest

from devsession.board.board import Board
from devsession.errors import DeviceError, MethodMissingError, UnrepresentableValueError
from devsession.links import link
from devsession.transport.fault_plan import Fault, FaultKind
from devsession.transport.faults import FaultyTransport
from devsession.transport.metering import MeteredTransport
from devsession.transport.recording import Direction

KEY = "add-_1"


async def put(board: Board, source: str, key: str = KEY, namespace: int = 7) -> None:
    """Define the function ``f`` and have it called by ``key``."""
    await board.exec(
        f"{source}\n__import__('__main__')._devsession_h['h'][{key.encode()!r}]=f", namespace=namespace
    )


async def test_a_call_gives_its_value(board: Board):
    await put(board, "def f(a, b=2, *c, **d): return [a, b, c, d]")
    assert (await board.call(KEY, "1")).value == [1, 2, (), {}]
    assert (await board.call(KEY, "b'\\x00\\xff\"',b='ä\\n',q=None")).value == [
        b'\x00\xff"',
        "ä\n",
        (),
        {"q": None},
    ]


async def test_a_call_of_what_is_not_there_runs_nothing(board: Board):
    with pytest.raises(MethodMissingError) as caught:
        await board.call(KEY, "print('ran')")
    assert caught.value.method == KEY
    assert "ran" not in board.output.text
    assert await board.eval("1") == 1


async def test_what_a_call_prints_is_its_output(board: Board):
    await put(board, "def f(x):\n print('a\\nb')\n return x")
    execution = await board.call(KEY, "5")
    assert (execution.value, execution.output_bytes) == (5, b"a\nb\n")


async def test_an_exception_of_a_call(board: Board):
    await put(board, "def f(x):\n y = x\n return y[0]")
    with pytest.raises(DeviceError) as caught:
        await board.call(KEY, "5", name="first")
    assert (caught.value.kind, caught.value.frames[-1].line) == ("TypeError", 3)
    assert (await board.call(KEY, "[4]")).value == 4


async def test_values_without_a_form_and_exits(board: Board):
    await put(board, "def f(x): return f if x else __import__('sys').exit(3)")
    with pytest.raises(UnrepresentableValueError):
        _ = (await board.call(KEY, "1")).value
    execution = await board.call(KEY, "0")
    assert (execution.exit_code, execution.value) == (3, None)


async def test_methods_outlive_an_attach_and_go_when_dropped(board: Board):
    await put(board, "def f(x): return x")
    await board.detach()
    await board.attach()
    assert (await board.call(KEY, "1")).value == 1
    await board.drop(7, (KEY,))
    with pytest.raises(MethodMissingError):
        await board.call(KEY, "1")


async def test_a_soft_reset_takes_them(board: Board):
    await put(board, "def f(x): return x")
    await board.soft_reset()
    with pytest.raises(MethodMissingError):
        await board.call(KEY, "1")


async def test_a_damaged_call_is_not_made():
    faulty = FaultyTransport(link("sim:"))
    async with Board(faulty) as board:
        await put(board, "def f(x): return x")
        faulty.add(Fault(FaultKind.FLIP, Direction.UP, 700))
        assert (await board.call(KEY, repr("y" * 900))).value == "y" * 900
    assert len(faulty.happened) == 1


async def test_the_cost_of_a_call(capsys: pytest.CaptureFixture[str]):
    metered = MeteredTransport(link("sim:"))
    async with Board(metered) as board:
        await put(board, "def f(a, b): return a + b")
        before = metered.snapshot()
        assert (await board.call(KEY, "1,2")).value == 3
        cost = metered.meter - before
        nonce = board._prompt.interpreter.nonce
        assert nonce is not None
    up, down = cost.up - len(str(nonce)), cost.down - 2 * len(f"{nonce:x}")
    with capsys.disabled():
        print(f"\n  add(1, 2): {cost.turns} turn, {up} bytes up and {down} down beside the nonce")
    assert cost.turns == 1
    assert up <= 40
    assert down <= 24
