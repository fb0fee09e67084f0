"""Every vector of the raw REPL, byte by byte, on the real interpreter.

Two differences are stated: what programs print ends lines with ``\\n``, and a device abort comes up to 32 bytes late.
"""

import pytest
from console import RAW, Console
from vectors import ACCEPTED, MARK, PLAIN, SYNTAX, marked

MARKED = marked(b"\n")


@pytest.mark.parametrize(("written", "answer"), PLAIN.values(), ids=PLAIN.keys())
async def test_raw_mode_answers_to_the_byte(raw: Console, written: bytes, answer: bytes):
    assert await raw.say(written + MARK, MARKED) == answer + MARKED


@pytest.mark.parametrize(("written", "answer"), PLAIN.values(), ids=PLAIN.keys())
async def test_the_same_written_byte_by_byte(raw: Console, written: bytes, answer: bytes):
    for byte in written:
        raw.link.write(bytes((byte,)))
        await raw.link.drain()
    assert await raw.say(MARK, MARKED) == answer + MARKED


async def test_entering_like_mpremote(friendly: Console):
    answer = b"\r\n>>> \r\n>>> \r\n>>> \r\n" + RAW
    assert await friendly.say(b"\r\x03\r\x01", RAW) == answer


async def test_friendly_to_raw_and_back(friendly: Console):
    assert await friendly.say(b"\x03", b">>> ") == b"\r\n>>> "
    assert await friendly.say(b"\x01", RAW) == b"\r\n" + RAW
    banner = await friendly.say(b"\x02", b">>> ")
    assert banner.startswith(b"\r\nMicroPython v1.")
    assert b"; unix" in banner
    assert banner.endswith(b'\r\nType "help()" for more information.\r\n>>> ')


async def test_raw_soft_reset(raw: Console):
    assert await raw.say(b"\x04", RAW) == b"OK\r\nMPY: soft reboot\r\n" + RAW


@pytest.mark.parametrize(
    "code", [b"import sys;sys.exit()", b"raise SystemExit(3)", b"import machine;machine.soft_reset()"]
)
async def test_exit_shows_no_prompt_but_a_reboot(raw: Console, code: bytes):
    assert await raw.say(code + b"\x04", RAW) == b"OK\x04\x04MPY: soft reboot\r\n" + RAW


async def test_exit_in_a_paste(raw: Console):
    answer = await raw.say(b"\x05A\x01raise SystemExit\x04", RAW)
    assert answer == ACCEPTED + b"\x04\x04\x04MPY: soft reboot\r\n" + RAW


@pytest.mark.parametrize("late", range(0, 33, 8))
async def test_a_device_abort_waits_for_its_acknowledgement(raw: Console, late: int):
    raw.link.write(b"\x05A\x01x=)\nprint(1)\n" + b"#" * late)
    await raw.until(ACCEPTED)
    if late == 32:
        assert await raw.until(b"\x04") == b"\x04"
        assert await raw.say(b"more of it\x04", b"\x04>") == SYNTAX
    else:
        # Early or with the acknowledgement: the bytes are the same.
        assert await raw.say(b"\x04", b"\x04>") == b"\x04" + SYNTAX


async def test_a_device_abort_is_ended_by_ctrl_c_too(raw: Console):
    assert await raw.say(b"\x05A\x01x=)\n" + b"#" * 64, ACCEPTED + b"\x04") == ACCEPTED + b"\x04"
    assert await raw.say(b"\x03", b"\x04>") == SYNTAX


async def test_a_body_larger_than_the_heap_fails_cleanly(opened):
    board = await opened("sim:?heap=128k")
    await board.until(b">>> ")
    await board.enter_raw()
    board.link.write(b"\x05A\x01" + b"".join(b"name_%06d = %d\n" % (n, n) for n in range(6000)))
    answer = await board.say(b"\x04", b"\x04>")
    assert answer.endswith(b"\r\n\x04>")
    assert b"MemoryError: " in answer
    assert (await board.run("print(1)")) == ("1\n", "")


async def test_ctrl_c_stops_a_program(raw: Console):
    raw.link.write(b"print('go')\nwhile True: pass\x04")
    await raw.until(b"go\n")
    assert await raw.say(b"\x03", b"\x04>") == (
        b'\x04Traceback (most recent call last):\r\n  File "<stdin>", line 2, in <module>\r\nKeyboardInterrupt: \r\n\x04>'
    )


async def test_tracebacks_show_the_frames_of_the_program_only(raw: Console):
    _, error = await raw.run("import os\ndef f():\n os.stat('/missing')\nf()")
    assert error == (
        "Traceback (most recent call last):\r\n"
        '  File "<stdin>", line 4, in <module>\r\n  File "<stdin>", line 3, in f\r\nOSError: [Errno 2] ENOENT\r\n'
    )
    output, _ = await raw.run(
        "import sys\ntry: os.remove('/missing')\nexcept OSError as e: sys.print_exception(e)"
    )
    assert output == (
        'Traceback (most recent call last):\n  File "<stdin>", line 2, in <module>\nOSError: [Errno 2] ENOENT\n'
    )


async def test_what_follows_a_command_is_for_the_program(raw: Console):
    assert await raw.say(b"import sys;print(sys.stdin.read(4))\x04dataprint(5)\x04", b"OK5\n\x04\x04>") == (
        b"OKdata\n\x04\x04>OK5\n\x04\x04>"
    )
    assert await raw.say(b"print(repr(input('?')))\x04typed\rprint(6)\x04", b"OK6\n\x04\x04>") == (
        b"OK?typed\r\n'typed'\n\x04\x04>OK6\n\x04\x04>"
    )


async def test_every_byte_passes_both_ways_when_ctrl_c_is_off(raw: Console):
    code = (
        "import micropython, sys\nmicropython.kbd_intr(-1)\nsys.stdout.write('ready')\n"
        "data = sys.stdin.buffer.read(256)\nmicropython.kbd_intr(3)\nsys.stdout.buffer.write(data)"
    )
    await raw.say(code.encode() + b"\x04", b"OKready")
    assert await raw.say(bytes(range(256)), b"\x04\x04>") == bytes(range(256)) + b"\x04\x04>"
    # Sent before the program has begun it would be data, as on boards.
    await raw.say(b"print('on')\nwhile True: pass\x04", b"OKon\n")
    assert b"KeyboardInterrupt" in await raw.say(b"\x03", b"\x04>")


async def test_programs_run_as_main_and_see_nothing_of_the_simulator(raw: Console):
    assert await raw.value("(__name__, sorted(globals()))") == "('__main__', ['__name__'])"
    await raw.run("import sys, os")
    assert await raw.value("sys.path") == "['', '.frozen', '/lib']"
    assert await raw.value("(os.getcwd(), os.listdir(), sys.argv)") == "('/', [], [])"
    assert "sim_" not in await raw.value("list(sys.modules)")
    await raw.run("import asyncio, __main__")
    assert await raw.value("__main__.sys is sys") == "True"
