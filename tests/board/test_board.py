"""What a board can be asked, on a real interpreter."""

import asyncio
import math
import struct
from pathlib import Path

import pytest

from devsession import connect
from devsession.board.board import Board
from devsession.errors import (
    DeadlineError,
    DeviceError,
    DeviceResetError,
    LinkClosedError,
    LinkError,
    LinkLostError,
    UnrepresentableValueError,
    UsageError,
)


async def test_exec_prints_and_gives_the_value_of_an_expression(board: Board):
    execution = await board.exec("print(6*7)")
    assert (execution.output, execution.value, execution.exit_code, execution.error) == (
        "42\n",
        None,
        0,
        None,
    )
    assert (await board.exec("6 * 7")).value == 42
    assert execution.duration > 0


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("None", None),
        ("[1, -2, (3,), {'a': b'\\x00\\xff'}, {4}, True]", [1, -2, (3,), {"a": b"\x00\xff"}, {4}, True]),
        ("2**200", 2**200),
        ("0.1 + 0.2", 0.1 + 0.2),
        ("float('inf')", math.inf),
        ("bytearray(3)", bytearray(3)),
        ("'käse \\u20ac \\n\\''", "käse € \n'"),
        ("range(2, 9, 3)", range(2, 9, 3)),
        ("frozenset([1])", frozenset([1])),
        ("3 + 4j", 3 + 4j),
        ("__import__('collections').OrderedDict([(1, 2), (0, 1)])", {1: 2, 0: 1}),
        ("list(__import__('array').array('d', [0.1]))", [0.1]),
        ("'x' * 3000", "x" * 3000),
        ("()", ()),
        ("\n  1 +\\\n  2\n", 3),
    ],
)
async def test_values_come_back_exactly(board: Board, expression: str, value: object):
    back = await board.eval(expression)
    assert back == value
    assert type(back) is type(value)


async def test_floats_keep_every_bit(board: Board):
    for bits in (
        b"\x3f\xb9\x99\x99\x99\x99\x99\x9a",
        b"\x00\x00\x00\x00\x00\x00\x00\x01",
        b"\x80\x00\x00\x00\x00\x00\x00\x00",
    ):
        value = await board.eval(f"__import__('struct').unpack('>d', {bits!r})[0]")
        assert struct.pack(">d", value) == bits


async def test_a_value_without_a_form_here_is_an_error_not_a_wrong_answer(board: Board):
    await board.exec("class Thing:\n    def __repr__(self):\n        return '42'")
    for expression in ("Thing()", "[1, Thing()]", "{'a': (Thing(),)}"):
        with pytest.raises(UnrepresentableValueError) as caught:
            await board.eval(expression)
        assert (caught.value.type_name, caught.value.text) == ("<class 'Thing'>", "42")
    execution = await board.exec("Thing()")
    with pytest.raises(UnrepresentableValueError):
        _ = execution.value


async def test_a_value_that_contains_itself_is_an_error(board: Board):
    await board.exec("a = []\na.append(a)")
    with pytest.raises(DeviceError, match=r"RuntimeError.*recursion"):
        await board.eval("a")


async def test_exceptions_have_parts(board: Board):
    with pytest.raises(DeviceError) as caught:
        await board.exec("print('before')\ndef f():\n    open('/nowhere')\nf()", name="prog.py")
    error = caught.value
    assert (error.kind, error.errno, error.output) == ("OSError", 2, b"before\n")
    assert [(frame.file, frame.line, frame.function) for frame in error.frames] == [
        ("prog.py", 4, "<module>"),
        ("prog.py", 3, "f"),
    ]
    assert error.traceback.startswith("Traceback (most recent call last):")
    assert error.board == board.url


async def test_statements_are_no_expressions(board: Board):
    with pytest.raises(UsageError):
        await board.eval("x = 1")


async def test_source_that_has_no_utf8_form_is_refused_before_a_byte_is_sent(board: Board):
    with pytest.raises(UsageError, match="UTF-8"):
        await board.exec("x = '\udc80'")
    assert await board.eval("1") == 1


@pytest.mark.parametrize(
    ("program", "code", "message"),
    [
        ("import sys; sys.exit()", 0, None),
        ("import sys; sys.exit(3)", 3, None),
        ("import sys; sys.exit(None)", 0, None),
        ("import sys; sys.exit(True)", 1, None),
        ("import sys; sys.exit(-1)", 255, None),
        ("import sys; sys.exit('no sensor')", 1, "no sensor"),
        ("raise SystemExit(1.5)", 1, "1.5"),
        ("1/0", 1, None),
    ],
)
async def test_exit_codes_and_the_interpreter_lives_on(
    board: Board, program: str, code: int, message: str | None
):
    await board.exec("kept = 1")
    execution = await board.run(program)
    assert (execution.exit_code, execution.exit_message) == (code, message)
    assert await board.eval("kept") == 1


async def test_run_takes_a_file_its_arguments_and_main(board: Board, tmp_path: Path):
    program = tmp_path / "prog.py"
    program.write_text(
        "import sys\nif __name__ == '__main__':\n    print(sys.argv)\nraise KeyError('ö')\n", "utf-8"
    )
    execution = await board.run(program, args=("--n", "ü"))
    assert execution.output == f"['{program}', '--n', '\\xfc']\n"
    assert execution.error is not None
    assert execution.error.frames[0].file == str(program)
    assert execution.error.frames[0].line == 4


async def test_a_file_that_cannot_be_read_is_a_usage_error(board: Board, tmp_path: Path):
    with pytest.raises(UsageError, match="cannot read"):
        await board.run(tmp_path / "missing.py")
    (tmp_path / "latin.py").write_bytes(b"# \xff")
    with pytest.raises(UsageError, match="not UTF-8"):
        await board.run(tmp_path / "latin.py")


async def test_streaming_yields_while_the_program_runs(board: Board):
    chunks = []
    async for chunk in board.stream(_WAITING):
        chunks.append(chunk)
        if len(chunks) == 1:
            board.interrupt()
    assert "".join(chunks).startswith("ä")


_WAITING = """
import time
try:
    print('ä', 0)
    time.sleep(30)
except KeyboardInterrupt:
    print('stopped')
"""


async def test_leaving_a_stream_early_interrupts_the_program(board: Board):
    stream = board.stream("while True: print('x')")
    async for _ in stream:
        break
    await stream.aclose()
    assert await board.eval("1") == 1


async def test_a_stream_raises_what_the_program_raised(board: Board):
    with pytest.raises(DeviceError, match="ZeroDivisionError"):
        async for _ in board.stream("print(1)\n1/0"):
            pass


async def test_interrupt_says_whether_something_ran(board: Board):
    assert board.interrupt() is False
    async with board.start("print('go')\nwhile True: pass") as running:
        await anext(running)
        assert board.interrupt() is True
        execution = await running.result()
    assert execution.error is not None
    assert execution.error.kind == "KeyboardInterrupt"


async def test_wrong_calls_are_told(board: Board):
    for wrong in (None, b"print(1)", 5):
        with pytest.raises(UsageError, match="a program is text"):
            await board.exec(wrong)  # type: ignore[arg-type]
    for wrong in (-1, math.nan, "a"):
        with pytest.raises(UsageError, match="no time in seconds"):
            await board.exec("1", timeout=wrong)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="line 2 of the source"):
        await board.exec("1\n'\udcc3'")


async def test_a_board_belongs_to_its_event_loop(board: Board):
    with pytest.raises(UsageError, match="another event loop"):
        await asyncio.to_thread(lambda: asyncio.run(board.exec("1")))


async def test_a_board_that_was_closed_says_so():
    async with connect("sim:") as board:
        pass
    with pytest.raises(LinkClosedError):
        await board.exec("1")


async def test_soft_reset_starts_a_new_epoch(board: Board):
    await board.exec("x = 1")
    await board.exec("with open('boot.py', 'w') as f:\n    f.write('print(\"booted\")')")
    epoch = board.epoch
    await board.soft_reset()
    assert board.epoch == epoch + 1
    assert b"booted" in bytes(board.background)
    with pytest.raises(DeviceError, match="NameError"):
        await board.eval("x")


async def test_a_boot_py_that_hangs_is_interrupted_at_the_deadline(board: Board):
    await board.exec("with open('boot.py', 'w') as f:\n    f.write('while True: pass')")
    with pytest.raises(DeadlineError, match="soft reset"):
        await board.soft_reset(timeout=0.5)
    assert await board.eval("1") == 1


async def test_priorities_go_first_and_then_in_order(board: Board):
    order: list[str] = []

    async def ask(name: str, priority: int) -> None:
        await board.exec("1", priority=priority)
        order.append(name)

    async with board.start("import time; time.sleep(0.2)") as running, asyncio.TaskGroup() as group:
        await asyncio.sleep(0)
        for name, priority in (("a", 0), ("b", 0), ("urgent", 5), ("c", 0), ("idle", -1)):
            group.create_task(ask(name, priority))
        await running.result()
    assert order == ["urgent", "a", "b", "c", "idle"]


async def test_calls_take_turns(board: Board):
    async def ask(n: int) -> int:
        value: int = await board.eval(f"{n} + 1000")
        return value

    assert await asyncio.gather(*(ask(n) for n in range(50))) == [n + 1000 for n in range(50)]


async def test_a_caller_who_gives_up_waiting_leaves_the_queue(board: Board):
    async with board.start("import time; time.sleep(0.3)") as running:
        await asyncio.sleep(0.05)
        waiting = asyncio.create_task(board.exec("gone = True"))
        await asyncio.sleep(0.05)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        with pytest.raises(DeadlineError, match="another program held the board"):
            await board.exec("late = True", timeout=0.05)
        await running.result()
    assert await board.eval("'gone' in globals() or 'late' in globals()") is False


async def test_detach_and_attach_again_keeps_variables(board: Board):
    await board.exec("kept = 7")
    await board.detach()
    await board.attach()
    assert await board.eval("kept") == 7


async def test_a_closed_board_says_so():
    board = connect("sim:")
    with pytest.raises(LinkClosedError, match="not attached"):
        await board.exec("1")
    async with board:
        pass
    with pytest.raises(LinkError):
        await board.exec("1")


async def test_closing_ends_what_runs():
    async with connect("sim:") as board:
        task = asyncio.create_task(board.exec("while True: pass", timeout=None))
        await asyncio.sleep(0.1)
    with pytest.raises(LinkClosedError):
        await task


async def test_a_program_larger_than_the_heap_is_a_clear_error():
    async with connect("sim:?heap=128k") as board:
        with pytest.raises(DeviceError) as caught:
            await board.exec("x = [\n" + "    1234,\n" * 20_000 + "]")
        assert caught.value.kind == "MemoryError"
        assert await board.eval("1 + 1") == 2


async def test_a_deleted_helper_is_noticed(board: Board):
    await board.exec("x = 1\ndel _devsession")
    with pytest.raises(DeviceResetError):
        await board.exec("y = 1")
    assert await board.eval("x") == 1


async def test_a_priority_is_a_number_also_when_nobody_waits(board: Board):
    with pytest.raises(UsageError, match="a priority is an int"):
        await board.exec("1", priority="a")  # type: ignore[arg-type]
    assert await board.eval("1") == 1


async def test_a_link_that_is_cut_is_lost_at_once_and_nothing_more_is_sent():
    async with connect("sim:") as board:
        running = asyncio.create_task(board.exec("print('begun')\nwhile True: pass", timeout=None))
        await board.expect("begun")
        board.cut("it was given to somebody else")
        with pytest.raises(LinkLostError, match="it was given to somebody else"):
            await running
        assert isinstance(board.lost, LinkLostError)
        board.cut("again")
        assert "again" not in str(board.lost)
        with pytest.raises(LinkLostError):
            await board.exec("print(1)")
