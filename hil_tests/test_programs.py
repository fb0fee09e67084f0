"""Programs, what they print, what they give, how they end."""

import math

import pytest

from devsession import DeadlineError, DeviceError, DeviceSession, DeviceSessionManager

# Every byte, among them all that the raw REPL acts on.
HOSTILE = "".join(map(chr, range(128))) + ">>> \x04\x04>raw REPL; CTRL-B to exit\r\n>OK"


async def test_programs_print_and_give_values(session: DeviceSession):
    assert (await session.exec("x = 6\nprint(x * 7)")).output == "42\n"
    assert await session.eval("x + 1") == 7


async def test_values_are_exact(session: DeviceSession):
    assert await session.eval("[1, 'a', b'\\x00', (2,), {'k': None}]") == [1, "a", b"\0", (2,), {"k": None}]
    assert await session.eval("[-(1 << 29), True, '\\u00e9'.encode() if 0 else b'\\xff', []]") == [
        -(1 << 29),
        True,
        b"\xff",
        [],
    ]
    assert await session.eval("1 / 4") == 0.25
    assert math.isinf(await session.eval("1e999"))


async def test_output_is_data(session: DeviceSession):
    printed = (await session.exec(f"print({HOSTILE!r}, end='')")).output
    assert printed.replace("\r", "") == HOSTILE.replace("\r", "")
    assert await session.eval("1 + 1") == 2


async def test_much_output(session: DeviceSession):
    output = (await session.exec("for n in range(300): print('a line with a number', n)")).output
    assert output.splitlines() == [f"a line with a number {n}" for n in range(300)]


async def test_errors_have_their_type_and_line(session: DeviceSession):
    with pytest.raises(DeviceError, match="ZeroDivisionError") as caught:
        await session.exec("x = 1\n\n1 / 0")
    assert caught.value.kind == "ZeroDivisionError"
    assert caught.value.frames[-1].line == 3
    with pytest.raises(DeviceError, match="SyntaxError"):
        await session.exec("x = = 1")


async def test_exit_codes(session: DeviceSession):
    assert (await session.run("raise SystemExit(3)")).exit_code == 3
    assert (await session.run("x = 1")).exit_code == 0


async def test_output_comes_as_it_is_printed(session: DeviceSession):
    printed = [text async for text in session.stream("for n in range(3): print('part', n)")]
    assert "".join(printed) == "part 0\npart 1\npart 2\n"


@pytest.mark.needs("interruptible")
async def test_a_deadline_interrupts_and_variables_live_on(session: DeviceSession):
    await session.exec("x = 5")
    for _ in range(3):
        with pytest.raises(DeadlineError) as caught:
            await session.exec("while True: pass", timeout=0.3)
        assert not caught.value.reset
        assert await session.eval("x") == 5


@pytest.mark.needs("interruptible")
async def test_a_program_that_catches_everything_is_interrupted_still(session: DeviceSession):
    stubborn = "for n in range(3):\n try:\n  while True: pass\n except BaseException: print('no')"
    with pytest.raises(DeadlineError):
        await session.exec(stubborn, timeout=0.3)
    assert await session.eval("6 * 7") == 42


async def test_a_board_is_brought_back_whatever_runs(manager: DeviceSessionManager):
    with pytest.raises(DeadlineError):
        await manager.board.exec("while True: pass", timeout=0.3)
    assert await manager.board.eval("6 * 7") == 42
