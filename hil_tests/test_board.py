"""What every board must do, whatever its firmware."""

import pytest

from devsession import Board, DeadlineError, DeviceError


async def test_runs_programs(board: Board):
    assert (await board.exec("print(6*7)")).output == "42\n"
    assert await board.eval("[1, 'a', b'\\x00', (2,), {'k': None}]") == [1, "a", b"\0", (2,), {"k": None}]


async def test_output_is_data(board: Board):
    assert (await board.exec("print('A\\x04B\\x04C>Dzz')")).output == "A\x04B\x04C>Dzz\n"
    assert await board.eval("1 + 1") == 2


async def test_tells_exceptions_and_exit_codes(board: Board):
    with pytest.raises(DeviceError, match="ZeroDivisionError"):
        await board.exec("1/0")
    assert (await board.run("raise SystemExit(3)")).exit_code == 3


async def test_can_be_interrupted(board: Board):
    with pytest.raises(DeadlineError):
        await board.exec("while True: pass", timeout=0.5)
    assert await board.eval("1 + 1") == 2


async def test_soft_resets(board: Board):
    await board.exec("x = 1")
    await board.soft_reset()
    with pytest.raises(DeviceError, match="NameError"):
        await board.eval("x")
