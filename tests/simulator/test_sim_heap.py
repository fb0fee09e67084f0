"""The console itself costs a board nothing, however long it lives; and it is quick."""

import time

import pytest
from console import PROMPT, Console

from devsession import connect

ROUNDS = 10_000


async def test_the_heap_stays_flat_over_ten_thousand_execs(raw: Console):
    free = "import gc\ngc.collect()\nprint(gc.mem_free())"
    await raw.run(free)
    before = 0
    for number in range(ROUNDS // 100):
        if number == 1:
            # What the first error and the first paste leave is there once.
            before = int((await raw.run(free))[0])
        # A number of its own in each, an error in some, a paste in others.
        raw.link.write(
            b"".join(b"x=%d\x04" % (number * 100 + i) for i in range(98)) + b"1/0\x04\x05A\x01x=2\x04"
        )
        raw.link.write(b"print('m'*3)\x04")
        await raw.until(b"OKmmm\n\x04\x04>")
    # The collector keeps what a stale word on the stack points to: not the same each time.
    after = max([int((await raw.run(free))[0]) for _ in range(3)])
    assert before - after <= 64


async def test_a_small_heap_leaves_room(opened):
    console = await opened("sim:?heap=64k")
    await console.until(PROMPT)
    await console.enter_raw()
    await console.run("import gc")
    assert int(await console.value("gc.mem_free()")) > 16000


@pytest.mark.parametrize("heap", ["96k", "128k"])
async def test_a_small_heap_has_room_for_machine(heap):
    async with connect(f"sim:?heap={heap}") as board:
        await board.exec("from machine import Pin; led = Pin(2, Pin.OUT, value=1)")
        assert await board.eval("led.value()") == 1
        assert await board.eval("(lambda g: (g.collect(), g.mem_free()))(__import__('gc'))[1]") > 25000


async def test_an_exec_takes_a_fraction_of_a_millisecond(raw: Console):
    times = []
    for _ in range(300):
        start = time.perf_counter()
        await raw.run("pass")
        times.append(time.perf_counter() - start)
    # Ten times the usual, for loaded machines.
    assert sorted(times)[len(times) // 2] < 0.002


async def test_megabytes_of_output_arrive_whole(raw: Console):
    raw.link.write(
        b"import sys\nb = bytes(range(32, 127)) * 100\nfor _ in range(500): n = sys.stdout.buffer.write(b)\n\x04"
    )
    output = await raw.until(b"\x04\x04>", timeout=30)
    assert output == b"OK" + bytes(range(32, 127)) * 50000 + b"\x04\x04>"
