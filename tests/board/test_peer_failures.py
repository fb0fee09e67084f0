"""What other tools were seen to fail at, on a real interpreter: each is told in the words of the failure."""

import asyncio
import collections
import math
from pathlib import Path

import pytest

from devsession import connect
from devsession.board.board import Board
from devsession.board.resets import Reset
from devsession.errors import (
    DeadlineError,
    DeviceResetError,
    LinkLostError,
    RawReplError,
    UnrepresentableValueError,
)
from devsession.links import link
from devsession.transport.scripted import Expect, ExpectUntil, Reply, ScriptedTransport, Stall
from devsession.transport.wrapper import WrappedTransport


async def test_two_callers_at_once(board: Board):
    async def caller(name: str) -> list[str]:
        return [(await board.exec(f"print({name!r}, {n})")).output for n in range(20)]

    first, second = await asyncio.gather(caller("a"), caller("b"))
    assert first == [f"a {n}\n" for n in range(20)]
    assert second == [f"b {n}\n" for n in range(20)]


@pytest.mark.timeout(300)
async def test_a_timer_that_prints_what_looks_like_a_prompt_during_a_thousand_execs(board: Board):
    await board.exec(
        "from machine import Timer\nt = Timer(-1, period=40, callback=lambda t: print('tick>', end=''))"
    )
    for n in range(1000):
        assert await board.eval(f"{n} * 2") == n * 2
    await board.exec("t.deinit()")
    assert b"tick>" in bytes(board.output)


@pytest.mark.parametrize(
    "text",
    ["_BELAYR||99", "_BELAYX", "_BELAY", "_BELAYS", "\x04", ">", ">>> ", "raw REPL; CTRL-B to exit\r\n>"],
)
async def test_printed_markers_are_output(board: Board, text: str):
    assert (await board.exec(f"x = 1; print({text!r})")).output == text + "\n"
    assert await board.eval("x") == 1


async def test_bytes_that_are_no_text(board: Board):
    execution = await board.exec("import sys\nsys.stdout.buffer.write(b'\\xff\\xfe')")
    assert execution.output_bytes == b"\xff\xfe"


@pytest.mark.parametrize("prompt", ["", "$ ", "\x04>", "OK"])
async def test_a_changed_prompt(prompt: str):
    async with connect("sim:") as board:
        await board.exec(f"import sys\nsys.ps1 = {prompt!r}")
        await board.detach()
        await board.attach()
        assert await board.eval("6 * 7") == 42


async def test_a_silent_board_is_told_in_time():
    with pytest.raises(RawReplError) as caught:
        await Board(ScriptedTransport([Stall()])).attach(timeout=0.5)
    assert caught.value.verdict == "silent"


async def test_a_chatty_board_is_attached_to(tmp_path: Path):
    (tmp_path / "main.py").write_text("while True: print('chatter ' * 20)\n")
    async with connect(f"sim:?root={tmp_path}") as board:
        assert await board.eval("6 * 7") == 42


async def test_noise_before_the_prompt():
    noise = bytes(range(256)) * 20 + b">>> raw REPL\r\n"
    steps = [
        Expect(b"\r\x03\r\x01"),
        Reply(noise),
        Reply(b"raw REPL; CTRL-B to exit\r\n>"),
        ExpectUntil(b"\x02"),
    ]
    scripted = ScriptedTransport([*steps, Reply(b"\r\n>>> ")])
    async with Board(scripted) as board:
        assert noise[-20:] in bytes(board.output)


async def test_a_board_that_resets_in_the_middle(board: Board):
    with pytest.raises(DeviceResetError):
        await board.exec("print('on')\nimport machine\nmachine.reset()", timeout=5)
    assert await board.eval("6 * 7") == 42


async def reset_silently(board: Board) -> None:
    """Reset the board behind devsession's back, as a watchdog does."""
    async with asyncio.timeout(10):
        await board._prompt.wire.transport.reset_board()
        while not bytes(board.background).endswith(b">>> "):
            await board.output.changed()


async def test_a_silent_reset_between_two_calls_is_noticed(board: Board):
    await board.exec("x = 1")
    epoch = board.epoch
    await reset_silently(board)
    with pytest.raises(DeviceResetError, match="was not run"):
        await board.eval("x")
    assert board.epoch == epoch + 1
    assert await board.eval("6 * 7") == 42


async def test_a_silent_reset_that_took_nothing_is_healed(board: Board):
    await reset_silently(board)
    assert await board.eval("6 * 7") == 42


class Unplugged(WrappedTransport):
    """A link that can be pulled."""

    def pull(self) -> None:
        assert self._receiver is not None
        self._receiver.connection_lost(LinkLostError("the link was lost: pulled", board=self.url))
        self.connection_lost = lambda error: None  # type: ignore[method-assign]
        self.abort()


async def test_unplugged_while_waiting():
    cable = Unplugged(link("sim:"))
    async with Board(cable) as board:
        waiting = asyncio.create_task(board.exec("print('on')\nwhile True: pass", timeout=None))
        await board.expect("on")
        cable.pull()
        async with asyncio.timeout(0.05):
            with pytest.raises(LinkLostError):
                await waiting


async def test_an_endless_program_has_a_deadline_and_the_next_call_works(board: Board):
    with pytest.raises(DeadlineError):
        await board.exec("while True: pass", timeout=0.2)
    assert await board.eval("6 * 7") == 42


async def test_a_reset_leaves_the_connection_usable(board: Board):
    for kind in (Reset.RAW_SOFT, Reset.SOFT, Reset.MACHINE, Reset.LINE):
        await board.reset(kind)
        assert await board.eval("6 * 7") == 42


async def test_one_line_functions_and_docstring_like_expressions(board: Board):
    await board.exec("def f(): global y; y = 5\nf()")
    assert await board.eval("y") == 5
    assert await board.eval("'hello'") == "hello"
    assert (await board.exec("'hello'")).value == "hello"
    assert (await board.exec('"""doc"""')).value == "doc"


async def test_values_that_others_lose(board: Board):
    assert await board.eval("bytearray(b'\\x00\\xff')") == bytearray(b"\x00\xff")
    assert math.isnan(await board.eval("float('nan')"))
    assert await board.eval("[float('inf'), -float('inf')]") == [math.inf, -math.inf]
    assert await board.eval("range(1, 9, 2)") == range(1, 9, 2)
    assert await board.eval("frozenset((1, 2))") == frozenset((1, 2))
    await board.exec("from collections import OrderedDict")
    ordered = await board.eval("OrderedDict((('b', 1), ('a', 2)))")
    assert list(ordered.items()) == [("b", 1), ("a", 2)]
    assert isinstance(ordered, dict | collections.OrderedDict)
    with pytest.raises(UnrepresentableValueError, match="memoryview"):
        await board.eval("memoryview(b'x')")


async def test_a_repr_is_never_evaluated(board: Board):
    await board.exec("class C:\n def __repr__(self): return '__import__(\"os\").getpid()'\nc = C()")
    with pytest.raises(UnrepresentableValueError) as caught:
        await board.eval("c")
    assert caught.value.text == '__import__("os").getpid()'
