"""Writing to a program that runs: it finds that at its standard input, and nobody else does."""

from pathlib import Path

import pytest

from devsession import DeviceError, UsageError, connect
from devsession.board.execution import OutputTail
from devsession.board.running import Running

READS = "import sys\nprint('ready')\nprint(repr(sys.stdin.readline()))"
PATIENCE = 10.0


async def is_ready(running: Running) -> None:
    await running.expect("ready\n", timeout=PATIENCE)


async def test_what_is_written_is_read():
    async with connect("sim:") as board, board.start(READS) as running:
        await is_ready(running)
        running.write("größer > \x7f\n".encode())
        assert (await running.result()).output == "ready\n'gr\\xf6\\xdfer > \\x7f\\n'\n"


@pytest.mark.parametrize("byte", [b"\x01", b"\x02", b"\x03", b"\x04", b"\x05"])
async def test_what_the_board_acts_on_is_refused(byte: bytes):
    async with connect("sim:") as board, board.start(READS) as running:
        await is_ready(running)
        with pytest.raises(UsageError, match="control byte"):
            running.write(b"a" + byte)
        running.write(b"\x03" if byte == b"\x03" else byte + b"\n", raw=True)
        execution = await running.result()
        if byte == b"\x03":
            assert isinstance(execution.error, DeviceError)
        else:
            assert execution.output == f"ready\n'\\x{byte[0]:02x}\\n'\n"


async def test_nothing_is_written_before_and_after():
    async with connect("sim:") as board:
        first = board.start(READS)
        second = board.start("print('second')")
        with pytest.raises(UsageError, match="not begun"):
            second.write(b"x")
        with pytest.raises(UsageError, match="not begun"):
            first.write(b"x")
        await is_ready(first)
        assert not second.interrupt()
        first.write(b"\n")
        assert (await second.result()).output == "second\n"
        for running in (first, second):
            with pytest.raises(UsageError, match="ended"):
                running.write(b"x")
            assert not running.interrupt()


@pytest.mark.parametrize("left", [b"print('never')\n", b"x" * 5000, b"\n\n>>> \r\n", b"\xff\x00"])
async def test_what_was_not_read_reaches_nobody(left: bytes):
    async with connect("sim:") as board:
        async with board.start(READS) as running:
            await is_ready(running)
            running.write(b"line\n" + left)
            assert "line" in (await running.result()).output
        assert (await board.exec("print('on')")).output == "on\n"
        assert await board.eval("6 * 7") == 42
        async with board.start(READS) as running:
            await is_ready(running)
            running.write(b"line\n" + left)
            await running.result()
    assert board.epoch == 0


async def test_the_next_user_finds_a_prompt(tmp_path: Path):
    async with connect(f"sim:?root={tmp_path}") as board:
        async with board.start(READS) as running:
            await is_ready(running)
            running.write(b"line\nrest")
            await running.result()
        await board.detach()
        assert board._prompt.wire.state.value == "detached"
        await board.attach()
        assert await board.eval("1") == 1


async def test_output_may_go_elsewhere():
    into = OutputTail(100)
    async with connect("sim:") as board:
        running = board.start("for n in range(100): print('line', n)", into=into)
        execution = await running.result()
        assert execution.output == ""
        assert bytes(into) == b"".join(b"line %d\n" % n for n in range(100))[-100:]
        running = board.start("6 * 7", value=True, into=into)
        assert (await running.result()).value == 42
