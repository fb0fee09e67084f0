"""Recording on a simulated board and playing without one: what is the same, what may differ, and what is told."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from test_descriptor import Inbox

from devsession import connect
from devsession.board.board import Board
from devsession.board.switches import Rung
from devsession.cassette import tape
from devsession.cassette.player import ReplayTransport
from devsession.cassette.recorder import record
from devsession.errors import (
    CassetteEndedError,
    CassetteFormatError,
    CassetteMismatchError,
    CassetteUnplayedError,
    DeadlineError,
    DeviceError,
    LinkLostError,
    UsageError,
)
from devsession.links import link
from devsession.transport.base import BARE_UART
from devsession.transport.scripted import Expect, Lose, Reply, ScriptedTransport

OPEN = {"t": 0.0, "open": "sim:", "identity": "x", "controlled": True, "burst": 65536, "resettable": False}
HEADER = {"cassette": 1, "devsession": "0.1.0", "board": "sim:", "identity": "x", "date": "2026"}


def cassette(path: Path, *entries: dict) -> str:
    lines = [HEADER, OPEN, *({"t": n / 100, **entry} for n, entry in enumerate(entries))]
    path.write_text("".join(tape.to_line(line) for line in lines), "utf-8")
    return f"replay:{path}"


async def everything(board: Board) -> list[object]:
    """Do a bit of everything; return what came of it."""
    results: list[object] = [
        (await board.exec("print('ä \\x04\\xff')\nx = [1]")).output,
        await board.eval("x * 3"),
    ]
    try:
        await board.exec("while True: pass", timeout=0.2)
    except DeadlineError as error:
        results.append(error.message)
    stream = board.stream("while True: print('line')")
    async for text in stream:
        results.append(text[:4])
        break
    await stream.aclose()
    async with board.start("print('on')\nwhile True: pass") as running:
        await anext(running)
        board.interrupt()
        results.append((await running.result()).exit_code)
    task = asyncio.create_task(board.exec("import time\nwhile True: time.sleep_ms(1)"))
    await asyncio.sleep(0.1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    try:
        await board.exec("1/0")
    except DeviceError as error:
        results.append(error.traceback)
    await board.detach()
    await board.attach()
    await board.soft_reset()
    results.append(await board.eval("'x' in globals()"))
    return results


@pytest.mark.parametrize("timing", ["", "?timing=kept"])
async def test_what_was_recorded_plays_as_it_was(tmp_path: Path, timing: str):
    path = tmp_path / "all.cassette"
    async with connect("sim:", record=path) as board:
        recorded = await everything(board)
    for _ in range(2):
        async with connect(f"replay:{path}{timing}") as board:
            assert await everything(board) == recorded


async def test_a_reset_by_the_link_is_recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("devsession.board.recovery.STOP_LIMIT", 0.3)
    monkeypatch.setattr("devsession.board.recovery.RUNG_LIMIT", 1.0)
    path = tmp_path / "reset.cassette"

    async def hang(board: Board) -> bool:
        with pytest.raises(DeadlineError):
            await board.exec(
                "while True:\n try:\n  while True: pass\n except KeyboardInterrupt: pass", timeout=0.1
            )
        return bool(await board.eval("'x' in globals()"))

    async with connect("sim:", record=path, recovery=Rung.HARD) as board:
        await board.exec("x = 1")
        assert not await hang(board)
    assert '"reset":true' in path.read_text()
    async with connect(f"replay:{path}", recovery=Rung.HARD) as board:
        await board.exec("x = 1")
        assert not await hang(board)


async def test_links_of_one_run_play_one_after_the_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = tmp_path / "run.cassette"
    monkeypatch.setenv("DEVSESSION_RECORD", str(path))
    monkeypatch.setenv("DEVSESSION_MASK", "hunter2\nhunter3")
    for number in (1, 2):
        async with connect("sim:") as board:
            assert await board.eval(f"{number}, 'hunter2'") == (number, "hunter2")
    assert "hunter" not in path.read_text()
    for number in (1, 2, 1):
        async with connect(f"replay:{path}") as board:
            assert await board.eval(f"{number}, 'hunter2'") == (number, "*******")
    with pytest.raises(CassetteMismatchError):
        async with connect(f"replay:{path}") as board:
            await board.eval("1, 'hunter2'")


@pytest.mark.parametrize("times", [1, 4])
@pytest.mark.parametrize("recorded", [1, 4])
async def test_how_often_ctrl_c_was_repeated_makes_no_difference(tmp_path: Path, recorded: int, times: int):
    url = cassette(
        tmp_path / "a",
        {"to": "run\x04"},
        {"from": "OK"},
        *[{"to": "\x03"}] * recorded,
        {"from": "stopped"},
        {"to": "\r\x03\r\x01"},
        *[{"to": "\x03"}, {"to": "\r\x01"}] * (recorded - 1),
        {"from": "banner"},
        {"to": "end\x04"},
        {"from": "!"},
        {"closed": True},
    )
    inbox, replay = Inbox(), ReplayTransport(url)
    await replay.open(inbox)
    replay.write(b"run\x04")
    for _ in range(times):
        replay.write(b"\x03")
    await inbox.until(lambda: inbox.data == b"OKstopped")
    replay.write(b"\r\x03\r\x01")
    for _ in range(times - 1):
        replay.write(b"\x03")
        replay.write(b"\r\x01")
    await inbox.until(lambda: inbox.data.endswith(b"banner"))
    replay.write(b"e")
    replay.write(b"nd\x04")
    await inbox.until(lambda: inbox.data.endswith(b"!"))
    await replay.close()
    await inbox.until(lambda: inbox.ends == [None])


async def test_a_question_at_another_moment_makes_no_difference(tmp_path: Path):
    url = cassette(tmp_path / "a", {"to": "run\x04"}, {"from": "OK"}, {"to": "next\x04"}, {"from": "!"})
    inbox, replay = Inbox(), ReplayTransport(url)
    await replay.open(inbox)
    replay.write(b"run\x04")
    replay.write(b"\x01")
    replay.write(b"next\x04")
    await inbox.until(lambda: inbox.data == b"OK!")
    await replay.close()


async def test_what_the_host_writes_early_is_answered_in_order(tmp_path: Path):
    url = cassette(tmp_path / "a", {"to": "one"}, {"from": "1"}, {"to": "two"}, {"from": "2"})
    inbox, replay = Inbox(), ReplayTransport(url + "?timing=kept")
    await replay.open(inbox)
    replay.write(b"onetwo")
    await inbox.until(lambda: inbox.data == b"12")
    await replay.close()


async def test_a_loss_is_played(tmp_path: Path):
    path = tmp_path / "lost.cassette"
    recording = record(ScriptedTransport([Expect(b"go"), Reply(b"gone"), Lose("pulled")]), path)
    for make in (lambda: recording, lambda: link(f"replay:{path}")):
        inbox, transport = Inbox(), make()
        await transport.open(inbox)
        transport.write(b"go")
        await inbox.until(lambda inbox=inbox: inbox.ends)
        assert inbox.data == b"gone"
        assert isinstance(inbox.ends[0], LinkLostError)
        assert "the link was lost: pulled" in str(inbox.ends[0])
        await transport.close()


@pytest.mark.parametrize("flow", ["plain", "pasted"])
@pytest.mark.parametrize("size", [0, 100, 1000])
async def test_a_cassette_of_a_version_with_another_helper_plays(tmp_path: Path, flow: str, size: int):
    path = tmp_path / "old.cassette"
    transport = link("sim:")
    if flow == "pasted":
        transport.flow = BARE_UART
    async with Board(record(transport, path)) as board:
        assert await board.eval("'a' * 300") == "a" * 300
    # As if the helper of the version that recorded it had been shorter.
    text = path.read_text()
    begin, end = text.index("B,Q,K,U"), text.index("B,Q,K,U") + size
    assert text.count("\n", begin, end) == 0 or flow == "pasted"
    if flow == "plain":
        path.write_text(text[:begin] + text[end:])
    else:
        path.write_text(text.replace("B,Q,K,U", "B,  Q,K,U" + "#" * (size // 20), 1))
    async with connect(f"replay:{path}") as board:
        assert await board.eval("'a' * 300") == "a" * 300


async def test_a_difference_names_the_line_and_nothing_of_it_was_sent(tmp_path: Path):
    path = tmp_path / "a.cassette"
    program = "import time\nfor n in range(3):\n    print(n)\n"
    async with connect("sim:", record=path) as board:
        await board.run(program)
    async with connect(f"replay:{path}") as board:
        with pytest.raises(CassetteMismatchError) as caught:
            await board.run(program.replace("(3)", "(4)"))
        assert (caught.value.recorded, caught.value.written) == ("for n in range(3):", "for n in range(4):")
        assert caught.value.number == 1
        assert "line 1    import time" in str(caught.value)
        assert json.loads(path.read_text().splitlines()[caught.value.line - 1])["exec"] == 1
        with pytest.raises(CassetteMismatchError):
            await board.exec("1")


async def test_a_host_that_does_more_or_less_is_told(tmp_path: Path):
    path = tmp_path / "a.cassette"
    async with connect("sim:", record=path) as board:
        await board.eval("1")
        await board.eval("2")
    with pytest.raises(CassetteMismatchError) as caught:
        async with connect(f"replay:{path}") as board:
            for number in (1, 2, 3):
                await board.eval(str(number))
    assert "Ctrl-B" in caught.value.recorded
    with pytest.raises(CassetteUnplayedError, match=r"the next is, in line \d+: 2"):
        async with connect(f"replay:{path}") as board:
            await board.eval("1")
    # What went wrong first is not hidden.
    with pytest.raises(KeyError):
        async with connect(f"replay:{path}"):
            raise KeyError


async def test_a_cassette_that_ends_early_says_so(tmp_path: Path):
    path = tmp_path / "a.cassette"
    async with connect("sim:", record=path) as board:
        await board.eval("1")
    lines = path.read_text().splitlines(keepends=True)
    at = next(n for n, line in enumerate(lines) if '"exec":1' in line)
    path.write_text("".join(lines[:at]) + lines[at][:20])
    with pytest.raises(
        CassetteEndedError, match=r"is over: whoever recorded it ended there.*goes on with: 1 "
    ) as caught:
        async with connect(f"replay:{path}") as board:
            await board.eval("1")
    assert caught.value.path == path


async def test_other_random_bits_are_a_difference(tmp_path: Path):
    url = cassette(tmp_path / "a", {"random": [29, 5]})
    replay = ReplayTransport(url)
    await replay.open(Inbox())
    with pytest.raises(CassetteMismatchError, match="29 random bits"):
        replay.random_bits(8)
    assert replay.random_bits(29) == 5
    with pytest.raises(CassetteMismatchError, match="no more"):
        replay.random_bits(29)
    await replay.close()


@pytest.mark.parametrize("url", ["replay:", "replay:a?timing=odd", "replay:a?x=1"])
def test_urls_that_name_no_cassette(url: str):
    with pytest.raises(UsageError, match="names no cassette"):
        connect(url)


async def test_what_is_played_is_not_recorded_over_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = tmp_path / "a.cassette"
    async with connect("sim:", record=path) as board:
        await board.eval("1")
    before = path.read_bytes()
    with pytest.raises(UsageError, match="not recorded again"):
        connect(f"replay:{path}", record=path)
    monkeypatch.setenv("DEVSESSION_RECORD", str(path))
    async with connect(f"replay:{path}") as board:
        await board.eval("1")
    assert path.read_bytes() == before


async def test_a_file_that_is_no_cassette_is_not_overwritten(tmp_path: Path):
    path = tmp_path / "thesis.txt"
    path.write_text("precious")
    with pytest.raises(CassetteFormatError, match="not overwritten"):
        async with connect("sim:", record=path):
            pass
    assert path.read_text() == "precious"
    with pytest.raises(CassetteFormatError, match="cannot be written"):
        async with connect("sim:", record=path / "below"):
            pass


async def test_a_board_that_is_not_there_leaves_a_cassette_as_it_was(tmp_path: Path):
    good, new = tmp_path / "good.cassette", tmp_path / "new.cassette"
    async with connect("sim:", record=good) as board:
        await board.eval("1")
    before = good.read_bytes()
    # In a process of its own: this one would only add to it.
    for path in (good, new):
        command = [
            sys.executable,
            "-m",
            "devsession",
            "record",
            str(path),
            "-b",
            "/dev/ttyACM99",
            "exec",
            "1",
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 3
        assert "there is no port /dev/ttyACM99" in done.stderr
    assert good.read_bytes() == before
    assert not new.exists()
    command = [sys.executable, "-m", "devsession", "record", str(good), "-b", "sim:", "eval", "2"]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "2\n"
    assert len(tape.read(good).links) == 1
    async with connect(f"replay:{good}") as board:
        assert await board.eval("2") == 2


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
async def test_a_full_disk_ends_the_recording_with_an_error(tmp_path: Path):
    path = tmp_path / "full.cassette"
    path.symlink_to("/dev/full")
    with pytest.raises(CassetteFormatError, match="any more"):
        async with connect("sim:", record=path) as board:
            await board.eval("1")


def test_what_was_recorded_when_the_host_dies_is_on_the_disk(tmp_path: Path):
    path = tmp_path / "killed.cassette"
    program = "print('before'); print('go', end=''); import time; time.sleep(60)"
    command = [sys.executable, "-m", "devsession", "record", str(path), "-b", "sim:", "exec", program]
    with subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=True) as process:
        assert process.stdout is not None
        assert process.stdout.read(9) == b"before\ngo"
        while not printed(path).endswith(b"before\ngo"):
            pass  # the last entry may still grow for a moment
        os.killpg(process.pid, signal.SIGKILL)
    assert printed(path).endswith(b"before\ngo")


def printed(path: Path) -> bytes:
    return b"".join(entry.data for entry in tape.read(path).links[0].entries if entry.kind == "from")
