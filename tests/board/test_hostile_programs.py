"""Programs that break naive clients: each gives the right output or a clear error, and the next exec is right."""

import asyncio
import random

import pytest

from devsession import connect
from devsession.board.board import Board
from devsession.errors import DeadlineError, DeviceError
from devsession.protocol.records import Key, Kind, encode


@pytest.fixture(autouse=True)
async def usable_afterwards(board: Board):
    await board.exec("canary = 'alive'")
    yield
    assert await board.eval("canary + '!'") == "alive!"
    assert (await board.exec("print('next')")).output == "next\n"


@pytest.mark.parametrize(
    ("program", "output"),
    [
        ("print('A\\x04B\\x04C>Dzz')", b"A\x04B\x04C>Dzz\n"),
        ("print('>>> ')", b">>> \n"),
        ("print('\\r\\nraw REPL; CTRL-B to exit\\r\\n>', end='')", b"\r\nraw REPL; CTRL-B to exit\r\n>"),
        ("print('OK\\x04\\x04>' * 3)", b"OK\x04\x04>OK\x04\x04>OK\x04\x04>\n"),
        ("print('\\x1b]0;title\\x07')", b"\x1b]0;title\x07\n"),
        ("import sys\nsys.stdout.buffer.write(bytes(range(256)))", bytes(range(256))),
        ("print('a\\r\\nb\\rc\\n', end='')", b"a\r\nb\rc\n"),
        ("pass", b""),
    ],
)
async def test_output_comes_as_it_was_printed(board: Board, program: str, output: bytes):
    execution = await board.exec(program)
    assert execution.output_bytes == output
    assert execution.exit_code == 0


async def test_forged_records_are_output(board: Board):
    forged = [
        encode(Key(nonce, number), kind, b"666")
        for nonce in (0, 1, 2**29 - 1)
        for number in range(1, 6)
        for kind in (Kind.VALUE, Kind.ENDED, Kind.STARTED)
    ]
    execution = await board.exec(
        "import sys\n" + "".join(f"sys.stdout.write({record.decode()!r})\n" for record in forged)
    )
    assert execution.output_bytes == b"".join(forged)
    assert execution.value is None


async def test_twenty_megabytes(board: Board):
    total = 20 * 1024 * 1024
    received = 0
    async with board.start("line = 'x' * 1023\nfor _ in range(20 * 1024):\n    print(line)") as running:
        async for chunk in running:
            assert not chunk.strip(b"x\n")
            received += len(chunk)
        execution = await running.result()
    assert received == total
    assert len(execution.output_bytes) + execution.dropped == total
    assert len(execution.output_bytes) == 10 * 1024 * 1024


async def test_a_message_that_is_not_ascii(board: Board):
    with pytest.raises(DeviceError) as caught:
        await board.exec("raise ValueError('käse \\x04> \\u20ac')")
    assert (caught.value.kind, caught.value.text) == ("ValueError", "käse \x04> €")


async def test_a_syntax_error_far_down(board: Board):
    with pytest.raises(DeviceError) as caught:
        await board.exec("\n".join(["x = 1"] * 299 + ["def f(:", "x = 2"]), name="far.py")
    assert caught.value.kind == "SyntaxError"
    assert [(frame.file, frame.line) for frame in caught.value.frames] == [("far.py", 300)]


async def test_swallows_keyboard_interrupt_for_two_seconds(board: Board):
    program = """
        import time
        end = time.time() + 2
        while time.time() < end:
            try:
                while time.time() < end:
                    pass
            except KeyboardInterrupt:
                print('no')
    """
    with pytest.raises(DeadlineError) as caught:
        await board.exec(program, timeout=0.3)
    assert b"no" in caught.value.output
    if caught.value.reset:
        # The unix port's Ctrl-C handler jumps out of the allocator too: now and then its heap does not survive it.
        await board.exec("canary = 'alive'")


async def test_a_thread_that_prints_for_ever(board: Board):
    await board.exec(
        """
        import _thread, time
        go = [True]
        def chatter():
            while go:
                print('tick>')
                time.sleep_ms(1)
        _thread.start_new_thread(chatter, ())
        """
    )
    for number in range(50):
        assert await board.eval(f"{number} * 2") == number * 2
    with pytest.raises(DeviceError, match="ZeroDivisionError"):
        await board.exec("1/0")
    await board.exec("go.clear(); time.sleep_ms(20)")
    assert b"tick>" in bytes(board.background)


async def test_an_endless_loop_meets_its_deadline(board: Board):
    with pytest.raises(DeadlineError, match="board is usable"):
        await board.exec("while True: pass", timeout=0.2)


async def test_an_endless_printer_meets_its_deadline(board: Board):
    with pytest.raises(DeadlineError) as caught:
        await board.exec("while True: print('x' * 100)", timeout=0.3)
    assert caught.value.output.startswith(b"x")


async def test_waits_for_input_until_its_deadline(board: Board):
    with pytest.raises(DeadlineError):
        await board.exec("input('>>> ')", timeout=1.0)


async def test_what_looks_like_an_end_is_no_end(board: Board):
    execution = await board.exec("import time\nprint('\\x04\\x04>', end='')\ntime.sleep(1.2)\nprint('more')")
    assert execution.output_bytes == b"\x04\x04>more\n"


async def test_names_of_the_helper_may_be_taken(board: Board):
    names = "str repr type list len isinstance print exec eval hasattr sum globals BaseException SystemExit KeyboardInterrupt"
    await board.exec("\n".join(f"{name} = None" for name in names.split()))
    assert await board.eval("[1.5, b'x', {2: (3,)}]") == [1.5, b"x", {2: (3,)}]
    await board.exec("del " + ", ".join(names.split()))
    await board.exec("import builtins\nbuiltins.sum = builtins.repr = None")
    assert await board.eval("6 * 7") == 42


async def test_a_heap_filled_to_the_brim_says_how_to_go_on():
    async with connect("sim:?heap=128k") as board:
        with pytest.raises(DeviceError, match="MemoryError"):
            await board.eval("'x' * 60000")
        with pytest.raises(DeviceError, match="MemoryError"):
            await board.exec("l = []\nwhile True: l.append(bytearray(50))")
        for _ in range(3):
            try:
                await board.exec("1")
            except DeviceError as error:
                assert error.hint == "the program needs more heap than is free; a soft reset frees all of it"
        await board.soft_reset()
        assert await board.eval("6 * 7") == 42


async def test_cancelling_interrupts_the_board(board: Board):
    task = asyncio.create_task(board.exec("while True: pass", timeout=None))
    await asyncio.sleep(0.1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_random_sizes_come_and_go(board: Board):
    seed = random.Random(4)
    for _ in range(40):
        data = seed.randbytes(seed.randrange(8192))
        assert await board.eval(f"bytes(reversed({data!r}))") == data[::-1]
