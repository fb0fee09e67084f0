"""Waiting for what a board prints, and keeping it, on a real interpreter."""

import asyncio
import re
import time
from pathlib import Path

import pytest

from devsession import connect
from devsession.board.board import Board
from devsession.board.output import PIECES_KEPT, OutputLog
from devsession.errors import ExpectError, LinkLostError

TICKS = "import time\nfor n in range(%d):\n print('tick', n)\n time.sleep(0.01)\n"


async def test_expect_finds_what_an_exec_printed(board: Board):
    await board.exec("print('voltage 3.3 V')\nprint('current 5 mA')")
    voltage = await board.expect(r"voltage ([\d.]+)")
    current = await board.expect(r"current (?P<amount>\d+)")
    assert (voltage[1], current["amount"], current.before) == ("3.3", "5", " V\n")


async def test_expect_waits_while_a_program_runs(board: Board):
    async with board.start(TICKS % 1000) as running:
        assert (await board.expect("tick 3\n")).index == 0
        found = await running.expect(["never", re.compile(r"TICK (\d)$", re.IGNORECASE | re.MULTILINE)])
        assert (found.index, found[1]) == (1, "0")
    assert await board.eval("n") < 900


async def test_expect_says_what_came_instead(board: Board):
    await board.exec("print('voltage 0.0 V')")
    with pytest.raises(ExpectError) as caught:
        await board.expect("voltage 3", timeout=0.05)
    assert "'voltage 3' was not printed: 0.05 s have passed" in str(caught.value)
    assert "voltage 0.0 V" in str(caught.value)
    # What did not match is still there for the next.
    assert await board.expect("voltage 0")


async def test_expect_ends_with_the_program(board: Board):
    async with board.start("print('one')") as running:
        with pytest.raises(ExpectError, match="the program has ended"):
            await running.expect("two")
        assert (await running.result()).output == "one\n"


async def test_expect_ends_with_the_link():
    async with connect("sim:") as board:
        waiting = asyncio.create_task(board.expect("never", timeout=None))
        await asyncio.sleep(0.01)
        board._prompt.wire.connection_lost(LinkLostError("pulled"))
        with pytest.raises(ExpectError, match="not printed: pulled"):
            await waiting


async def test_expect_finds_what_a_thread_prints_by_itself(board: Board):
    await board.exec(
        "import _thread, time\n"
        "def later():\n time.sleep(0.1)\n print('from the thread')\n"
        "_thread.start_new_thread(later, ())"
    )
    assert await board.expect("from the thread")
    assert b"from the thread" in bytes(board.background)


async def test_a_match_may_be_split_anywhere(board: Board):
    async with board.start(
        "import sys, time\nfor c in 'gr\u00fc\u00dfe \U0001f40d':\n sys.stdout.write(c)\n time.sleep(0.002)\n"
    ):
        assert (await board.expect("gr\u00fc\u00dfe (.)"))[1] == "\U0001f40d"


async def test_a_cancelled_expect_consumes_nothing(board: Board):
    await board.exec("print('here')")
    waiting = asyncio.create_task(board.expect("there", timeout=None))
    await asyncio.sleep(0.01)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert await board.expect("here")


async def test_output_is_kept_with_times(board: Board):
    before = time.time()
    await board.exec(TICKS % 5)
    assert board.output.text.endswith("tick 3\ntick 4\n")
    times = [piece.time for piece in board.output.pieces if b"tick" in piece.data]
    assert times == sorted(times)
    assert before < times[0] < times[-1] < time.time()
    assert times[-1] - times[0] > 0.03


async def test_watching_a_board_that_boots(tmp_path: Path):
    (tmp_path / "main.py").write_text(TICKS % 20)
    async with connect(f"sim:?root={tmp_path}") as board:
        seen = b""
        watching = board.watch()
        await board.boot()
        async for piece in watching:
            seen += piece.data
            if b"tick 19" in seen:
                break
        await watching.aclose()
        assert all(b"tick %d\r\n" % n in seen for n in range(19))


def test_a_log_is_bounded_in_bytes_and_in_pieces():
    log = OutputLog(limit=1000)
    for n in range(300):
        log.append(b"%03d," % n)
    assert (log.end, log.end - log.dropped) == (1200, len(bytes(log)))
    assert len(bytes(log)) <= 1000
    assert bytes(log).endswith(b"298,299,")
    assert log.since(1196) == (1196, b"299,")
    assert log.since(0) == (log.dropped, bytes(log))
    many = OutputLog()
    for _ in range(PIECES_KEPT + 10):
        many._pieces.append(many._pieces[-1] if many._pieces else log.pieces[0])
    many.append(b"x")
    assert len(many.pieces) <= PIECES_KEPT
