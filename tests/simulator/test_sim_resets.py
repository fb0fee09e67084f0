"""boot.py, main.py, soft and hard resets, crashes."""

import asyncio
from pathlib import Path

import pytest
from console import HELP, PROMPT, RAW, Console, children

from devsession.errors import LinkLostError

REBOOT = b"MPY: soft reboot\r\n"
ABORT = b"import ffi;ffi.open(None).func('v','abort','')()\x04"


@pytest.fixture
async def board(opened, tmp_path: Path) -> Console:
    (tmp_path / "boot.py").write_text("print('boot')\n")
    (tmp_path / "main.py").write_text("print('main')\nfrom_main = 1\n")
    return await opened(f"sim:?root={tmp_path}")


async def test_a_start_runs_boot_then_main_then_shows_the_banner(board: Console):
    start = await board.until(PROMPT)
    assert start.startswith(b"boot\r\nmain\r\nMicroPython v1.")
    assert start.endswith(HELP + PROMPT)
    assert await board.say(b"from_main\r", PROMPT) == b"from_main\r\n1\r\n>>> "


async def test_a_friendly_soft_reset_runs_both(board: Console):
    await board.until(PROMPT)
    await board.say(b"x = 1\r", PROMPT)
    again = await board.say(b"\x04", PROMPT)
    assert again.startswith(b"\r\n" + REBOOT + b"boot\r\nmain\r\nMicroPython v1.")
    assert b"NameError" in await board.say(b"x\r", PROMPT)


async def test_a_raw_soft_reset_runs_boot_only_and_stays_raw(board: Console):
    await board.until(PROMPT)
    await board.enter_raw()
    assert await board.say(b"\x04", RAW) == b"OK\r\n" + REBOOT + b"boot\n" + RAW
    assert (await board.run("print(from_main)"))[1].endswith("NameError: name 'from_main' isn't defined\r\n")


async def test_errors_in_boot_and_main_are_shown_and_the_prompt_follows(opened, tmp_path: Path):
    (tmp_path / "main.py").write_text("print('never')\n")
    (tmp_path / "boot.py").write_text("1/0\n")
    console = await opened(f"sim:?root={tmp_path}")
    start = await console.until(PROMPT)
    # As on a board, main.py is left out when boot.py fails.
    assert b'  File "boot.py", line 1, in <module>\r\nZeroDivisionError' in start
    assert b"never" not in start
    (tmp_path / "boot.py").unlink()
    (tmp_path / "main.py").write_text("\nx = [\n")
    assert b'File "main.py", line 3\r\nSyntaxError' in await console.say(b"\x04", PROMPT)


async def test_ctrl_c_interrupts_main(opened, tmp_path: Path):
    (tmp_path / "main.py").write_text("print('looping')\nwhile True: pass\n")
    console = await opened(f"sim:?root={tmp_path}")
    await console.until(b"looping\r\n")
    assert b"KeyboardInterrupt: \r\nMicroPython v1." in await console.say(b"\x03", PROMPT)


async def test_machine_reset_is_a_hard_reset(board: Console):
    await board.until(PROMPT)
    await board.enter_raw()
    again = await board.say(b"import machine; machine.reset()\x04", PROMPT)
    assert again.startswith(b"OKboot\r\nmain\r\nMicroPython v1.")


@pytest.mark.parametrize(
    "death",
    [
        ABORT,
        b"import ffi;ffi.open(None).func('v','_exit','i')(0)\x04",
        b"import os;os.system('kill -9 $PPID')\x04",
        b"import sys;sys.stdout.close();sys.stdin.close()\x04",
    ],
)
async def test_a_board_that_dies_comes_back_like_after_a_hard_reset(raw: Console, death: bytes):
    assert b"MicroPython v1." in await raw.say(death, PROMPT)
    await raw.enter_raw()
    assert await raw.value("6 * 7") == "42"


async def test_a_command_larger_than_the_heap_resets(opened):
    console = await opened("sim:?heap=128k")
    await console.until(PROMPT)
    await console.enter_raw()
    assert b"MicroPython v1." in await console.say(b"#" * 300000 + b"\x04", PROMPT)


async def test_a_board_that_only_crashes_loses_its_link(opened, tmp_path: Path):
    (tmp_path / "boot.py").write_text("print('again')\nimport ffi\nffi.open(None).func('v', 'abort', '')()\n")
    console = await opened(f"sim:?root={tmp_path}")
    error = await console.until_lost()
    assert isinstance(error, LinkLostError)
    assert "5 times" in str(error)
    assert "SIGABRT" in str(error)
    assert console.seen.count(b"again") == 5


async def test_a_program_cannot_spoil_the_terminal(raw: Console):
    code = (
        "import termios\na = termios.tcgetattr(0)\na[3] = 0xffff\na[0] = 0xffff\ntermios.tcsetattr(0, 0, a)"
    )
    raw.link.write(code.encode() + b"\x04")
    await raw.until(b"\x04\x04>")
    assert await raw.say(b"print(1)\x04", b"\x04\x04>") == b"OK1\n\x04\x04>"


async def test_closing_ends_what_the_program_started(opened):
    before = set(children())
    console = await opened()
    await console.until(PROMPT)
    await console.enter_raw()
    output, _ = await console.run("import os\nos.system('sleep 1000 & echo $!')")
    started = int(output)
    assert Path(f"/proc/{started}").exists()
    board = set(children()) - before
    await console.link.close()
    assert console.link.unsent == 0
    assert not any(Path(f"/proc/{pid}/exe").exists() for pid in board)
    # Killed, too; but it is nobody's child any more, so nobody can wait for its end.
    async with asyncio.timeout(5):
        while Path(f"/proc/{started}/exe").exists():
            await asyncio.sleep(0.001)


async def test_closing_a_board_that_does_not_read_and_prints_for_ever(opened):
    before = children()
    console = await opened()
    await console.until(PROMPT)
    await console.enter_raw()
    console.link.write(b"while True: print('x' * 1000)\x04")
    await console.until(b"xxx")
    console.link.abort()
    assert children() == before


async def test_input_written_during_a_reset_is_kept(raw: Console):
    raw.link.write(b"\x04print(1)\x04print(2)\x04")
    assert await raw.until(b"OK2\n\x04\x04>") == b"OK\r\n" + REBOOT + RAW + b"OK1\n\x04\x04>OK2\n\x04\x04>"
