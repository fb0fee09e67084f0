"""What programs on a simulated CircuitPython board find: its modules, its files, and nothing that CircuitPython has not."""

from pathlib import Path

import pytest
from circuit import PRESS_ANY_KEY
from console import RAW, Console

READ_ONLY = "OSError: [Errno 30] Read-only filesystem\r\n"
WRITES = (
    "open('a', 'w')",
    "open('a', 'ab')",
    "open('boot_out.txt', 'r+')",
    "os.mkdir('d')",
    "os.rmdir('d')",
    "os.remove('boot_out.txt')",
    "os.rename('boot_out.txt', 'b')",
    "storage.getmount('/').mkdir('d')",
)


@pytest.fixture
def attached(opened):
    async def attach(url: str = "sim:circuitpython") -> Console:
        console = await opened(url)
        await console.until(PRESS_ANY_KEY)
        await console.say(b"x\x01", RAW)
        return console

    return attach


async def said(board: Console, expression: str) -> str:
    """Return what an expression prints, of modules that are imported for it."""
    imports = "import board, microcontroller, os, storage, supervisor, sys, time\n"
    output, error = await board.run(f"{imports}print({expression})")
    assert not error, error
    return output.rstrip()


async def test_what_it_is(attached):
    board = await attached()
    assert await said(board, "sys.implementation.name, sys.implementation[1]") == (
        "circuitpython (9, 2, 1, '')"
    )
    assert await said(board, "sys.implementation._machine, sys.implementation._mpy") == (
        "Simulated Board with unix port 774"
    )
    assert await said(board, "type(sys.implementation)") == "<class 'tuple'>"
    assert (await said(board, "sys.version")).endswith(
        "; Adafruit CircuitPython 9.2.1 on 2024-11-20; Simulated Board with unix port"
    )
    assert await said(board, "os.uname().release, os.uname()[4]") == "9.2.1 Simulated Board with unix port"
    assert await said(board, "board.board_id, sys.path") == "simulated_board ['', '/', '/lib']"
    assert await said(board, "type(microcontroller.cpu.uid), len(microcontroller.cpu.uid)") == (
        "<class 'bytearray'> 8"
    )


@pytest.mark.parametrize(
    "module",
    [
        *(
            "machine",
            "network",
            "bluetooth",
            "vfs",
            "_thread",
            "deflate",
            "ffi",
            "termios",
            "asyncio",
            "uctypes",
        ),
        *("uos", "usys", "ujson", "uhashlib", "utime", "umachine"),
    ],
)
async def test_modules_that_are_not_there(attached, module: str):
    _, error = await (await attached()).run(f"import {module}")
    assert error.endswith(f"ImportError: no module named '{module}'\r\n")
    # None of the simulator's own frames.
    assert error.count("File") == 1


@pytest.mark.parametrize(
    "attribute",
    [
        *("os.ilistdir", "os.mount", "os.VfsFat", "time.ticks_ms", "sys.print_exception", "sys.stdin.buffer"),
        *("sys.stdout.buffer", "hashlib.sha256", "hashlib.md5", "hashlib.new('sha1').hexdigest"),
        *("micropython.mem_info", "zlib.compress"),
    ],
)
async def test_what_is_not_in_them(attached, attribute: str):
    board = await attached()
    _, error = await board.run(f"import hashlib, micropython, os, sys, time, zlib\n{attribute}")
    assert "AttributeError" in error


async def test_hashes_by_name_only(attached):
    board = await attached()
    digests = "import hashlib\nfor name in ('sha1', 'sha256', 'md5'):\n print(hashlib.new(name, b'abc').digest()[:4])"
    output, error = await board.run(digests)
    assert output == "b'\\xa9\\x99>6'\r\nb'\\xbax\\x16\\xbf'\r\n"
    assert error.endswith("ValueError: Unsupported hash algorithm\r\n")


async def test_compressed_data_is_read(attached):
    code = "import zlib\nprint(zlib.decompress(bytes([120, 156, 75, 76, 74, 6, 0, 2, 77, 1, 39])))"
    assert await (await attached()).run(code) == ("b'abc'\r\n", "")


async def test_the_modules_that_help_lists_can_be_imported(attached):
    board = await attached()
    output, _ = await board.run("help('modules')")
    *lines, last = output.splitlines()
    assert last == "Plus any modules on the filesystem"
    listed = " ".join(lines).split()
    assert {"board", "storage", "supervisor", "microcontroller", "rtc", "zlib"} <= set(listed)
    assert await board.run("import " + ", ".join(listed)) == ("", "")


async def test_programs_see_nothing_of_the_simulator(attached):
    board = await attached()
    assert await board.value("sorted(globals())") == "['__name__']\r"
    modules = await said(board, "sorted(sys.modules)")
    assert "sim_" not in modules
    assert "ffi" not in modules


async def test_files_are_read_only_while_the_host_has_the_drive(attached):
    board = await attached()
    for write in WRITES:
        _, error = await board.run(f"import os, storage\n{write}")
        assert error.endswith(READ_ONLY), write
    assert await said(board, "os.listdir(), storage.getmount('/').readonly") == "['boot_out.txt'] True"
    assert await said(board, "storage.getmount('/').label, open('boot_out.txt').read(8)") == (
        "CIRCUITPY Adafruit"
    )
    assert await said(board, "[x[0] for x in storage.getmount('/').ilistdir('/')]") == "['boot_out.txt']"
    _, error = await board.run("storage.remount('/', False)")
    assert error.endswith("RuntimeError: Cannot remount path when visible via USB.\r\n")
    _, error = await board.run("storage.disable_usb_drive()")
    assert error.endswith("RuntimeError: Cannot change USB devices now\r\n")


@pytest.mark.parametrize(
    "boot",
    ["storage.remount('/', readonly=False)", "storage.disable_usb_drive()"],
    ids=["remount", "disable"],
)
async def test_boot_py_may_make_them_writable(attached, tmp_path: Path, boot: str):
    (tmp_path / "boot.py").write_text(f"import storage\n{boot}")
    board = await attached(f"sim:circuitpython?root={tmp_path}")
    assert await said(board, "storage.getmount('/').readonly, open('a', 'w').write('abc')") == "False 3"
    # Until the chip starts anew, and no longer.
    await board.say(b"\x02\x01", RAW)
    assert await said(board, "open('b', 'w').write('abcd')") == "4"
    assert (tmp_path / "b").read_text() == "abcd"
    (tmp_path / "boot.py").unlink()
    await board.link.reset_board()
    await board.until(PRESS_ANY_KEY)
    await board.say(b"x\x01", RAW)
    assert await said(board, "storage.getmount('/').readonly") == "True"


async def test_a_board_without_a_drive_can_be_written_and_remounted(attached):
    board = await attached("sim:circuitpython?drive=off")
    assert await said(board, "open('a', 'w').write('abc')") == "3"
    assert await said(board, "storage.remount('/', True) or storage.getmount('/').readonly") == "True"
    _, error = await board.run("open('a', 'w')")
    assert error.endswith(READ_ONLY)
    assert await said(board, "storage.remount('/', False) or open('a').read()") == "abc"


async def test_standard_input_is_text(attached):
    board = await attached()
    assert await board.say(b"import sys;print(repr(sys.stdin.read(4)))\x04ab\rc", b"\x04\x04>") == (
        b"OK'ab\\nc'\r\n\x04\x04>"
    )
    assert await board.say(b"import sys;print(repr(sys.stdin.readline()))\x04abc\r", b"\x04\x04>") == (
        b"OK'abc\\n'\r\n\x04\x04>"
    )
    assert await board.run("import sys\nprint('text', file=sys.stdout)\nsys.stdout.write('more')") == (
        "text\r\nmore",
        "",
    )


async def test_clocks(attached):
    board = await attached()
    assert await said(board, "0 <= supervisor.ticks_ms() < 1 << 29") == "True"
    assert (
        await said(board, "time.localtime(0)[:3], time.mktime(time.localtime(86400))") == "(1970, 1, 1) 86400"
    )
    clock = "import rtc, time\nclock = rtc.RTC()\nclock.datetime = time.struct_time((2030, 1, 2, 3, 4, 5, 0, 0, -1))\n"
    assert await board.run(f"{clock}print(tuple(clock.datetime)[:5])") == ("(2030, 1, 2, 3, 4)\r\n", "")


async def test_an_exception_as_text(attached):
    board = await attached()
    code = "import traceback\ntry:\n 1/0\nexcept Exception as e:\n traceback.print_exception(e)"
    output, error = await board.run(code)
    assert output == (
        'Traceback (most recent call last):\r\n  File "<stdin>", line 3, in <module>\r\n'
        "ZeroDivisionError: divide by zero\r\n"
    )
    assert not error


async def test_there_is_no_boot_loader(attached):
    board = await attached()
    _, error = await board.run(
        "import microcontroller as m\nm.on_next_reset(m.RunMode.NORMAL)\nm.on_next_reset(m.RunMode.BOOTLOADER)"
    )
    assert "ValueError: Cannot reset into bootloader" in error
