"""What goes wrong on the way: loss, silence, firmware that fails, boards that are none."""

import asyncio
import re
from collections.abc import Callable

import pytest

from devsession.board.board import Board
from devsession.errors import (
    DeadlineError,
    DeviceError,
    LinkLostError,
    RawReplError,
    RecoveryError,
    RemoteProtocolError,
    UncertainExecutionError,
    UsageError,
)
from devsession.links import connect, link
from devsession.transport.base import Flow
from devsession.transport.scripted import Expect, ExpectUntil, Lose, Reply, ScriptedTransport, Stall, Step
from devsession.transport.wrapper import WrappedTransport

BANNER = b"raw REPL; CTRL-B to exit\r\n>"
ENTER: list[Step] = [Expect(b"\r\x03\r\x01"), Reply(b"\r\n" + BANNER)]


def blotting(kind: bytes) -> Callable[[bytes], bytes]:
    """Return what makes records of one kind unrecognisable."""
    record = re.compile(rb"\x1e(?=[0-9a-f]+\.[0-9a-f]+\.%s)" % kind)
    return lambda data: record.sub(b"\x1c", data)


class Damaged(WrappedTransport):
    """A real link whose bytes can be tampered with, and which can be cut."""

    def __init__(self, url: str):
        super().__init__(link(url))
        self.tamper = lambda data: data
        self.swallow = lambda data: data
        self.up = bytearray()

    def data_received(self, data: bytes) -> None:
        if data := self.tamper(data):
            super().data_received(data)

    def write(self, data: bytes) -> None:
        self.up += data
        if data := self.swallow(data):
            super().write(data)

    def cut(self) -> None:
        assert self._receiver is not None
        self._receiver.connection_lost(LinkLostError("the link was lost: pulled", board=self.url))
        self.connection_lost = lambda error: None  # type: ignore[method-assign]
        self.abort()


@pytest.mark.parametrize("size", [10, 5000])
async def test_a_program_damaged_on_its_way_is_not_run_but_sent_again(size: int):
    damaged = Damaged("sim:")
    async with Board(damaged) as board:
        await board.exec("ran = 0")

        def flip(data: bytes) -> bytes:
            damaged.swallow = (lambda data: data) if b"ran" in data else flip
            return data.replace(b"ran", b"rat")

        damaged.swallow = flip
        await board.exec("ran += 1\n" + "#" * size)
        assert await board.eval("ran, 'rat' in globals()") == (1, False)
        damaged.swallow = lambda data: data.replace(b"ran", b"rat")
        with pytest.raises(RemoteProtocolError, match="damaged on its way 3 times, and was not run"):
            await board.exec("ran += 1")
        damaged.swallow = lambda data: data
        assert await board.eval("ran") == 1


async def test_a_loss_while_a_program_runs():
    damaged = Damaged("sim:")
    async with Board(damaged) as board:
        async with board.start("print('on')\nwhile True: pass") as running:
            await anext(running)
            damaged.cut()
            with pytest.raises(LinkLostError) as caught:
                await running.result()
        assert "was running" in str(caught.value)
        with pytest.raises(LinkLostError):
            await board.exec("1")


async def test_a_loss_before_the_board_said_a_word_is_uncertain():
    board = Board(ScriptedTransport([*ENTER, ExpectUntil(b"\x04"), Lose()]))
    async with board:
        with pytest.raises(UncertainExecutionError, match="before the board said whether"):
            await board.exec("motor.on()")


async def test_a_loss_before_the_last_byte_was_handed_over_is_no_execution():
    transport = ScriptedTransport([*ENTER, Stall()])
    async with Board(transport) as board:
        task = asyncio.create_task(board.exec("motor.on()"))
        await asyncio.sleep(0.05)
        assert transport.unsent
        lost = LinkLostError("the link was lost: pulled")
        transport._finish(lost, lost)
        with pytest.raises(LinkLostError, match="was not started"):
            await task


async def test_a_silent_board_is_named():
    with pytest.raises(RawReplError) as caught:
        await Board(ScriptedTransport([])).attach(timeout=0.4)
    assert caught.value.verdict == "silent"


@pytest.mark.parametrize(
    ("said", "verdict"),
    [
        (b"debian login: ", "not-micropython"),
        (b"\xfe\xf8\xe0\x00\x98\xfe\xf8", "wrong-baud"),
        (b"tick\r\n", "busy"),
        (b"\r\nPress any key to enter the REPL. Use CTRL-D to reload.\r\n", "circuitpython-waiting"),
    ],
)
async def test_what_is_no_raw_repl_is_named_and_the_link_closed(said: bytes, verdict: str):
    transport = ScriptedTransport([Expect(b"\r"), Reply(said)])
    with pytest.raises(RawReplError) as caught:
        await Board(transport).attach(timeout=0.4)
    assert caught.value.verdict == verdict
    assert caught.value.seen
    await transport.close()


async def test_entering_survives_a_board_that_drops_what_follows_ctrl_c():
    script = [
        ExpectUntil(b"\r\x03\r\x01"),
        ExpectUntil(b"\x03"),
        Reply(b"\r\n>>> "),
        ExpectUntil(b"\r\x01"),
        Reply(b"\r\n" + BANNER),
    ]
    transport = ScriptedTransport(script)
    board = Board(transport)
    await board.attach(timeout=5)
    assert transport.done
    await board.close()


async def test_a_lost_ok_is_a_deadline_and_the_board_usable():
    damaged = Damaged("sim:")
    async with Board(damaged) as board:
        await board.exec("x = 0")
        damaged.tamper = lambda data: data.replace(b"OK", b"")
        with pytest.raises(DeadlineError):
            await board.exec("x += 1", timeout=0.3)
        damaged.tamper = lambda data: data
        # It ran once: it was not sent again.
        assert await board.eval("x") == 1


@pytest.mark.parametrize("arrives", [True, False])
async def test_after_a_deadline_the_board_tells_whether_the_program_started(arrives: bool):
    damaged = Damaged("sim:")
    async with Board(damaged) as board:
        await board.exec("x = 0")

        def lose_once(data: bytes) -> bytes:
            def restored(data: bytes) -> bytes:
                return data

            damaged.tamper = damaged.swallow = restored
            return b""

        if arrives:
            damaged.tamper = lose_once
        else:
            damaged.swallow = lose_once
        with pytest.raises(DeadlineError) as caught:
            await board.exec("x += 1", timeout=0.3)
        assert caught.value.started is arrives
        assert ("never started" in str(caught.value)) is not arrives
        assert await board.eval("x") == int(arrives)


async def test_bytes_lost_in_a_record_are_noticed_and_the_next_exec_is_right():
    damaged = Damaged("sim:")
    async with Board(damaged) as board:
        await board.exec("1")
        damaged.tamper = lambda data: data.replace(b"'precious'", b"'preious'")
        with pytest.raises(RemoteProtocolError, match="damaged"):
            await board.eval("'precious'")
        damaged.tamper = lambda data: data
        assert await board.eval("'precious'") == "precious"


async def test_a_board_without_raw_paste_gets_plain_commands():
    damaged = Damaged("sim:")
    damaged.flow = Flow(controlled=False, burst=100)
    damaged.swallow = lambda data: data.replace(b"\x05A\x01", b"\x01")
    async with Board(damaged) as board:
        assert await board.eval("'a' * 200") == "a" * 200
        asked = damaged.up.count(b"\x05A\x01")
        assert asked == 2
        assert await board.eval("'b' * 200") == "b" * 200
        assert damaged.up.count(b"\x05A\x01") == asked
        with pytest.raises(UsageError, match="no raw-paste"):
            await board.exec("x = 1\n" * 5000)
        assert await board.eval("1") == 1


async def test_a_raw_paste_that_announces_itself_and_fails_is_not_used_again():
    damaged = Damaged("sim:")
    damaged.flow = Flow(controlled=False, burst=100)

    def asked() -> bool:
        return damaged.up.endswith(b"\x05A\x01")

    # The board itself is kept out of raw-paste: it answers a Ctrl-A, and that answer is made the one that fails.
    damaged.swallow = lambda data: data.replace(b"\x05A\x01", b"\x01")
    damaged.tamper = lambda data: data.replace(BANNER, b"R\x01\x80\x00\x01\x04\x04\x04>") if asked() else data
    async with Board(damaged) as board:
        assert await board.eval("'a' * 200") == "a" * 200
        assert damaged.up.count(b"\x05A\x01") == 1
        assert await board.eval("'b' * 200") == "b" * 200


@pytest.mark.parametrize("burst", [100, 255])
async def test_raw_paste_carries_long_programs(burst: int):
    damaged = Damaged("sim:")
    damaged.flow = Flow(controlled=False, burst=burst)
    async with Board(damaged) as board:
        assert await board.eval(f"len({'x' * 5000!r})") == 5000
        with pytest.raises(DeviceError, match="SyntaxError"):
            await board.exec("x = 1\n" * 300 + "def f(:\n" + "y = 1\n" * 300)
        assert (await board.exec("print('after')")).output == "after\n"


async def test_what_cannot_be_brought_back_says_what_was_tried(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("devsession.board.recovery.STOP_LIMIT", 0.2)
    monkeypatch.setattr("devsession.board.recovery.RUNG_LIMIT", 0.4)
    damaged = Damaged("sim:")
    async with Board(damaged) as board:
        damaged.swallow = lambda data: b""
        with pytest.raises(RecoveryError) as caught:
            await board.exec("1", timeout=0.1)
        assert caught.value.tried == ("Ctrl-C for 0.2 s", "entering the raw REPL for 0.4 s")
        with pytest.raises(RecoveryError):
            await board.exec("1")
        damaged.swallow = lambda data: data
        await board.attach()
        assert await board.eval("1") == 1


@pytest.mark.parametrize("url", ["", "nonsense:x", "http://board"])
async def test_an_unknown_kind_of_board_is_a_usage_error(url: str):
    with pytest.raises(UsageError, match="names no kind of board"):
        connect(url)


@pytest.mark.parametrize("value", [[1, 2], None])
async def test_a_value_lost_whole_is_no_none(value: object):
    damaged = Damaged("sim:")
    async with Board(damaged) as board:
        await board.exec("1")
        damaged.tamper = blotting(b"V")
        with pytest.raises(RemoteProtocolError, match="value was lost"):
            await board.eval(repr(value))
        damaged.tamper = lambda data: data
        assert await board.eval(repr(value)) == value


async def test_an_exception_whose_record_is_lost_is_no_success():
    damaged = Damaged("sim:")
    async with Board(damaged) as board:
        await board.exec("1")
        damaged.tamper = blotting(b"T")
        execution = await board.run("x = 1\n1 / 0")
        assert execution.exit_code == 1
        assert "traceback was lost" in str(execution.error)


async def test_a_pasted_program_whose_start_is_lost_does_not_run_twice():
    damaged = Damaged("sim:")
    damaged.flow = Flow(controlled=False, burst=100)
    async with Board(damaged) as board:
        await board.exec("x = 0")
        damaged.tamper = blotting(b"S")
        with pytest.raises(RemoteProtocolError, match="damaged"):
            await board.exec("x += 1" + "#" * 300)
        damaged.tamper = lambda data: data
        assert await board.eval("x") == 1
