"""The friendly prompt, as people and tools use it."""

import pytest
from console import HELP, PROMPT, Console


@pytest.mark.parametrize(
    ("written", "answer"),
    [
        (b"1+1\r", b"1+1\r\n2\r\n>>> "),
        (b"x = 5\r", b"x = 5\r\n>>> "),
        (b"print('a')\r", b"print('a')\r\na\r\n>>> "),
        (b"\r", b"\r\n>>> "),
        (b"foo = 'ab\x03", b"foo = 'ab\r\n>>> "),
        (b"1+2\x7f3\r", b"1+2\x08\x1b[K3\r\n4\r\n>>> "),
        (b"if 1:\r print(5)\r\r", b"if 1:\r\n...  print(5)\r\n... \r\n5\r\n>>> "),
        (b"x = (1,\r2)\r", b"x = (1,\r\n... 2)\r\n>>> "),
        (b"if 1:\r\x03", b"if 1:\r\n... \r\n>>> "),
        (
            b"1/0\r",
            b'1/0\r\nTraceback (most recent call last):\r\n  File "<stdin>", line 1, in <module>\r\nZeroDivisionError: divide by zero\r\n>>> ',
        ),
    ],
)
async def test_a_line(friendly: Console, written: bytes, answer: bytes):
    assert (
        await friendly.say(written + b"'m'*3\r", b"\r\n'mmm'\r\n>>> ") == answer + b"'m'*3\r\n'mmm'\r\n>>> "
    )


async def test_the_banner(opened):
    console = await opened()
    banner = await console.until(PROMPT)
    assert banner.startswith(b"MicroPython v1.")
    assert banner.endswith(b"\r\n" + HELP + PROMPT)
    assert await console.say(b"\x02", PROMPT) == b"\r\n" + banner


async def test_paste_mode(friendly: Console):
    assert await friendly.say(b"\x05a = 1\rprint(a)\r\x04", b"1\r\n>>> ") == (
        b"\r\npaste mode; Ctrl-C to cancel, Ctrl-D to finish\r\n=== a = 1\r\n=== print(a)\r\n=== \r\n1\r\n>>> "
    )
    assert (await friendly.say(b"\x05a = 2\r\x03", PROMPT)).endswith(b"=== a = 2\r\n=== \r\n>>> ")
    assert await friendly.say(b"a\r", PROMPT) == b"a\r\n1\r\n>>> "


async def test_the_line_before_comes_back(friendly: Console):
    await friendly.say(b"40 + 2\r", PROMPT)
    assert await friendly.say(b"\x1b[A\r", PROMPT) == b"40 + 2\r\n42\r\n>>> "


async def test_ctrl_c_stops_a_program(friendly: Console):
    await friendly.say(b"while True: print('x' * 3)\r\r", b"xxx\r\n")
    assert (await friendly.say(b"\x03", PROMPT)).endswith(b"KeyboardInterrupt: \r\n>>> ")


async def test_escape_from_a_half_typed_block_and_paste_mode(friendly: Console):
    await friendly.say(b"if 1:\r", b"... ")
    await friendly.enter_raw()
    await friendly.say(b"\x02", PROMPT)
    await friendly.say(b"\x05x = ", b"x = ")
    await friendly.enter_raw()
