"""Emulated boards as users have them: attached, running programs, reset, recovered, served to others."""

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from devsession import (
    DeadlineError,
    DeviceError,
    DeviceResetError,
    DeviceSessionManager,
    Events,
    RecoveryError,
    Reset,
    Rung,
    UsageError,
    connect,
    link,
)
from devsession.board import recovery
from devsession.protocol.source import MAIN
from devsession.simulator import registry
from devsession.simulator.serve import serve

pytestmark = pytest.mark.usefixtures("emulators")
BOTH = pytest.mark.parametrize("url", ["sim:microbit", "sim:mps2"])
VERSIONS = {"sim:microbit": (1, 9), "sim:mps2": (1, 25)}


@BOTH
async def test_programs_values_errors_and_exit_codes(url: str):
    async with connect(url) as board:
        assert await board.eval("__import__('sys').implementation[1][:2]") >= VERSIONS[url]
        assert (await board.exec("print('A\\x04B\\x04C>Dzz')")).output == "A\x04B\x04C>Dzz\n"
        # Flat ones: the micro:bit's stack does not reach further.
        assert await board.eval("[1, 'a', b'\\x00', None]") == [1, "a", b"\0", None]
        assert await board.eval("{'k': 1 == 1.0}") == {"k": True}
        assert await board.eval("0.1 + 0.2") == pytest.approx(0.3, rel=1e-6)
        with pytest.raises(DeviceError, match="ZeroDivisionError"):
            await board.exec("1/0")
        assert (await board.run("raise SystemExit(3)")).exit_code == 3


@BOTH
async def test_every_reset_starts_afresh(url: str):
    async with connect(url) as board:
        for kind in (Reset.RAW_SOFT, Reset.SOFT, Reset.MACHINE, Reset.LINE):
            await board.exec("x = 1")
            await board.reset(kind)
            with pytest.raises(DeviceError, match="NameError"):
                await board.eval("x")


@BOTH
async def test_a_program_that_resets_the_board_is_told(url: str):
    async with connect(url) as board:
        with pytest.raises(DeviceResetError):
            await board.exec("import machine\nmachine.reset()")
        assert await board.eval("6 * 7") == 42


@BOTH
async def test_events(url: str):
    async with connect(url) as board, Events(board, MAIN, 10) as events:
        for _ in range(2):
            await board.exec("devsession_helper.emit('x')")
            await board.exec("devsession_helper.emit(1.5)")
            assert [(await anext(events)).value, (await anext(events)).value] == ["x", 1.5]
            await board.soft_reset()
        if await board.eval("hasattr(__import__('sys'), 'modules')"):
            await board.exec("import devsession_helper as shared; shared.emit(3)")
            assert (await anext(events)).value == 3
        assert board.events_dropped == 0


async def test_a_deadline_stops_the_micro_bit():
    async with connect("sim:microbit") as board:
        await board.exec("x = 1")
        with pytest.raises(DeadlineError):
            await board.exec("while True: pass", timeout=0.3)
        assert await board.eval("x") == 1


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recovery, "STOP_LIMIT", 0.5)
    monkeypatch.setattr(recovery, "RUNG_LIMIT", 1.5)


async def test_only_a_reset_stops_the_mps2_and_the_error_says_so(impatient: None):
    async with connect("sim:mps2", recovery=Rung.HARD) as board:
        with pytest.raises(DeadlineError) as caught:
            await board.exec("while True: pass", timeout=0.3)
        assert caught.value.reset
        assert await board.eval("6 * 7") == 42


async def test_without_leave_to_reset_it_the_mps2_stays_lost(impatient: None):
    async with connect("sim:mps2") as board:
        with pytest.raises(RecoveryError, match="reset --hard"):
            await board.exec("while True: pass", timeout=0.3)


@pytest.mark.parametrize(("url", "expected"), [("sim:microbit", True), ("sim:mps2", False)])
async def test_whether_ctrl_c_stops_a_program_is_measured(url: str, expected: bool):
    async with DeviceSessionManager.open(url) as manager:
        assert manager.capabilities.supports("interruptible") is None
        await manager.measure()
        assert manager.capabilities.supports("interruptible") is expected
        assert await manager.board.eval("6 * 7") == 42


async def test_a_named_board_may_be_emulated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    announced: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    server = asyncio.create_task(serve("sim:small?kind=microbit", announce=announced.set_result))
    try:
        port = await asyncio.wait_for(announced, 20)
        assert str(registry.resolve("small")) == port
        for expected in ({"x": 1}, {"x": 1}):
            async with connect("sim:small") as board:
                await board.exec("x = globals().get('x', 1)")
                assert await board.eval("{'x': x}") == expected
                await board.reset(Reset.MACHINE)
    finally:
        server.cancel()
        await asyncio.gather(server, return_exceptions=True)
    assert registry.names() == []


def test_two_private_boards_are_two():
    first, second = link("sim:microbit"), link("sim:microbit")
    assert first.identity != second.identity
    with pytest.raises(UsageError, match="heap"):
        link("sim:microbit?heap=64k")


@BOTH
async def test_a_killed_owner_leaves_no_emulator(url: str):
    program = f"""
import asyncio
from devsession import connect
async def main():
    async with connect({url!r}) as board:
        print('attached', flush=True)
        await asyncio.sleep(60)
asyncio.run(main())
"""
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as owner:
        assert owner.stdout is not None
        await asyncio.to_thread(owner.stdout.readline)
        emulators = [
            int(pid) for pid in Path(f"/proc/{owner.pid}/task/{owner.pid}/children").read_text().split()
        ]
        assert emulators
        owner.send_signal(signal.SIGKILL)
    async with asyncio.timeout(10):
        while any(is_running(pid) for pid in emulators):
            await asyncio.sleep(0.01)


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
