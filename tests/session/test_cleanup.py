"""Cleaning up: strictly the last first, one after the other, whatever fails, and for every way out."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from devsession.errors import (
    DeadlineError,
    DeviceError,
    DeviceResetError,
    LinkLostError,
    SessionEndedError,
    SessionError,
    UsageError,
)
from devsession.session.cleanup import CleanupStack, Resource, ResourceState
from devsession.session.manager import DeviceSessionManager
from devsession.session.session import DeviceSession


class Supply:
    """A resource as a user writes one."""

    type = "power supply"

    def __init__(self, told: list[str], name: str, *, fails: bool = False):
        self.id = name
        self._told = told
        self._fails = fails

    async def initialise(self) -> None:
        self._told.append(f"{self.id} on")
        if self._fails:
            raise RuntimeError(f"{self.id} is broken")

    def cleanup(self) -> None:
        self._told.append(f"{self.id} off")


async def fill(session: DeviceSession, told: list[str]) -> None:
    assert isinstance(Supply(told, "s"), Resource)
    await session.register(Supply(told, "first"))
    session.push_cleanup(lambda: told.append("plain"))

    async def later() -> None:
        await asyncio.sleep(0.01)
        told.append("async")

    session.push_cleanup(later)
    await session.exec("x = 'on the board'")
    session.push_on_board("mark", "print('cleaned', x)")


IN_ORDER = ["first on", "async", "plain", "first off"]


async def test_the_last_is_first_and_one_after_the_other(manager: DeviceSessionManager):
    told: list[str] = []
    async with manager.session() as session:
        await fill(session, told)
        assert [held.type for held in session.resources] == ["power supply", "callback", "callback", "mark"]
        assert session.resources[0].id == "first"
    assert told == IN_ORDER
    assert "cleaned on the board" in manager.board.output.text


async def test_after_an_error_and_the_error_is_what_is_raised(manager: DeviceSessionManager):
    told: list[str] = []
    with pytest.raises(DeviceError, match="ZeroDivisionError"):
        async with manager.session() as session:
            await fill(session, told)
            await session.exec("1/0")
    assert told == IN_ORDER


async def test_after_a_cancel(manager: DeviceSessionManager):
    told: list[str] = []
    ready = asyncio.Event()

    async def work() -> None:
        async with manager.session() as session:
            await fill(session, told)
            ready.set()
            await session.exec("while True: pass", timeout=None)

    task = asyncio.create_task(work())
    await ready.wait()
    await asyncio.sleep(0.05)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert told == IN_ORDER
    assert await manager.board.eval("6 * 7") == 42


async def test_a_cancel_during_the_clean_up_does_not_stop_it(manager: DeviceSessionManager):
    told: list[str] = []
    session = manager.create_session()
    session.push_cleanup(lambda: told.append("last"))

    async def slow() -> None:
        told.append("slow begins")
        await asyncio.sleep(0.1)
        told.append("slow ends")

    session.push_cleanup(slow)
    ending = asyncio.create_task(session.end())
    await asyncio.sleep(0.02)
    ending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await ending
    assert told == ["slow begins", "slow ends", "last"]


async def test_after_a_timeout(manager: DeviceSessionManager):
    told: list[str] = []
    with pytest.raises(DeadlineError):
        async with manager.session() as session:
            await fill(session, told)
            await session.exec("while True: pass", timeout=0.1)
    assert told == IN_ORDER
    assert "cleaned on the board" in manager.board.output.text


async def test_after_a_reset_what_was_on_the_board_is_left_out(manager: DeviceSessionManager):
    told: list[str] = []
    async with manager.session() as session:
        await fill(session, told)
        with pytest.raises(DeviceResetError):
            await session.exec("import machine\nmachine.reset()", timeout=5)
        assert session.resources[-1].state is ResourceState.GONE
    assert told == IN_ORDER
    assert "cleaned" not in manager.board.output.text


async def test_after_the_link_was_lost_the_hosts_part_is_cleaned(manager: DeviceSessionManager):
    told: list[str] = []
    with pytest.raises(ExceptionGroup) as caught:
        async with manager.session() as session:
            await fill(session, told)
            manager.board._prompt.wire.transport._instance.end()
            await asyncio.sleep(0.05)
    assert told == IN_ORDER
    assert caught.group_contains(LinkLostError)


async def test_one_failure_does_not_skip_the_rest_and_all_are_told(manager: DeviceSessionManager):
    told: list[str] = []
    with pytest.raises(ExceptionGroup) as caught:
        async with manager.session("s") as session:
            session.push_cleanup(lambda: told.append("first"))
            session.push_cleanup(lambda: 1 / 0)
            session.push_on_board("mark", "{}['key']")
    assert told == ["first"]
    assert [type(error).__name__ for error in caught.value.exceptions] == ["DeviceError", "ZeroDivisionError"]


async def test_failures_are_told_once(manager: DeviceSessionManager):
    async with manager.session() as session:
        session.push_cleanup(lambda: 1 / 0)
        with pytest.raises(ExceptionGroup):
            await session.end()
        await session.end()
    assert manager.sessions == ()


async def test_one_that_hangs_does_not_hold_up_the_rest():
    told: list[str] = []
    stack = CleanupStack(timeout=0.05)
    stack.push(lambda: told.append("rest"))
    stack.push(lambda: asyncio.sleep(30), kind="hanging")
    failures = await stack.unwind()
    assert told == ["rest"]
    assert isinstance(failures[0], DeadlineError)
    assert "hanging-2 did not end within 0.05 s" in str(failures[0])


async def test_what_cannot_be_initialised_is_not_held(manager: DeviceSessionManager):
    told: list[str] = []
    async with manager.session() as session:
        with pytest.raises(RuntimeError, match="broken"):
            await session.register(Supply(told, "bad", fails=True))
        assert session.resources == ()
    assert told == ["bad on"]


async def test_released_early_is_not_cleaned_again(manager: DeviceSessionManager):
    told: list[str] = []
    async with manager.session() as session:
        held = await session.register(Supply(told, "one"))
        await session.release(held)
        assert held.state is ResourceState.RELEASED
    assert told == ["one on", "one off"]


async def test_closing_the_manager_ends_sessions_the_last_first():
    told: list[str] = []
    async with DeviceSessionManager.open("sim:") as manager:
        for name in "abc":
            manager.create_session(name).push_cleanup(lambda name=name: told.append(name))
    assert told == ["c", "b", "a"]


def test_ctrl_c_of_the_host_program_cleans_up(tmp_path: Path):
    program = tmp_path / "program.py"
    program.write_text(
        "import asyncio\nfrom devsession.session.manager import DeviceSessionManager\n"
        "async def main():\n"
        " async with DeviceSessionManager.open('sim:') as manager, manager.session() as session:\n"
        "  session.push_cleanup(lambda: print('cleaned', flush=True))\n"
        "  print('ready', flush=True)\n"
        "  await session.exec('while True: pass', timeout=None)\n"
        "asyncio.run(main())\n"
    )
    command = [sys.executable, str(program)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=20)
    assert out == "cleaned\n"
    assert err.rstrip().endswith("KeyboardInterrupt")


async def test_background_tasks_end_with_the_session(manager: DeviceSessionManager):
    ended = []

    async def work(name: str) -> str:
        try:
            await asyncio.sleep(60 if name == "long" else 0)
        finally:
            ended.append(name)
        return name

    async with manager.session() as session:
        long = session.background(work("long"))
        assert await session.background(work("short")) == "short"
        assert [held.type for held in session.resources] == ["background task"] * 2
    assert ended == ["short", "long"]
    assert long.cancelled()
    with pytest.raises(SessionEndedError):
        session.background(work("late"))


async def test_a_background_task_that_fails_at_its_end_is_told(manager: DeviceSessionManager):
    async def work() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            raise ValueError("at the end")

    with pytest.raises(ExceptionGroup) as caught:
        async with manager.session() as session:
            session.background(work())
            await asyncio.sleep(0)
    assert caught.group_contains(ValueError, match="at the end")


async def test_the_end_waits_for_the_program_of_another_session(
    manager: DeviceSessionManager, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("devsession.session.cleanup.CLEANUP_TIMEOUT", 0.3)
    async with manager.session("other") as other:
        session = manager.create_session("ending")
        path = await session.part.temporary_file("/kept-too-long", b"x")
        busy = asyncio.create_task(other.exec("import time\ntime.sleep(1)"))
        queued = [asyncio.create_task(other.exec("import time\ntime.sleep(0.4)")) for _ in range(3)]
        await asyncio.sleep(0.05)
        await session.end()
        assert busy.done()
        assert not queued[-1].done()
        await asyncio.gather(*queued)
        assert not await other.files.exists(path)


async def test_the_end_stops_the_sessions_own_programs(manager: DeviceSessionManager):
    session = manager.create_session()
    await session.part.temporary_file("/own", b"x")
    running = asyncio.create_task(session.exec("while True: pass", timeout=None))
    waiting = asyncio.create_task(session.eval("1"))
    stream = session.stream("while True: print(1)")
    await asyncio.sleep(0.1)
    begun = time.monotonic()
    await session.end()
    assert time.monotonic() - begun < 3
    for task in (running, waiting):
        with pytest.raises(SessionEndedError):
            await task
    with pytest.raises(SessionEndedError):
        await anext(stream)
    assert await manager.board.eval("__import__('os').listdir('/')") == []


async def test_the_end_stops_a_stream_that_nobody_reads(manager: DeviceSessionManager):
    async with manager.session() as session:
        stream = session.stream("while True: print(1)")
        assert await anext(stream)
        begun = time.monotonic()
    assert time.monotonic() - begun < 3
    with pytest.raises(UsageError, match="stopped before it ended"):
        async for _ in stream:
            pass


async def test_a_second_cancel_does_not_return_before_the_end(manager: DeviceSessionManager):
    async with manager.session("twice") as session:
        session.push_cleanup(lambda: asyncio.sleep(0.3))
        task = asyncio.create_task(session.end())
        for _ in range(2):
            await asyncio.sleep(0.05)
            task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert session not in manager.sessions


async def test_a_closed_manager_says_so():
    manager = DeviceSessionManager.open("sim:")
    await manager.connect()
    await manager.close()
    with pytest.raises(SessionError, match="closed"):
        manager.create_session()
    with pytest.raises(SessionError, match="closed"):
        await manager.connect()
