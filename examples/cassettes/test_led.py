"""A test suite for a board, recorded once with one and played wherever there is none."""

from devsession import Board


async def test_the_led_follows(board: Board) -> None:
    await board.exec("from machine import Pin\nled = Pin(2, Pin.OUT)")
    assert await board.eval("[led.value(n % 2) or led.value() for n in range(4)]") == [0, 1, 0, 1]


async def test_the_board_reports_itself_ready(board: Board) -> None:
    async with board.start("import time\ntime.sleep(0.05)\nprint('ready at', 40 + 2)") as running:
        assert (await running.expect(r"ready at (\d+)"))[1] == "42"
