"""What a type checker sees: the signatures of methods, and those of the async API without what is awaited."""

import subprocess
import sys
from pathlib import Path

import pytest

SYNC = """
from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager
from typing import Any, assert_type

from devsession.sync import (
    Board, BoardThread, DeviceSession, DeviceSessionManager, Execution, Expected, PortEvent, Ref, Running, connect, watch_ports
)

with connect("sim:", listen=True) as board:
    assert_type(board, Board)
    assert_type(board.exec("1", timeout=1.0), Execution)
    assert_type(board.start("1"), Running)
    assert_type(board.stream("1"), Generator[str, None, None])
    assert_type(board.expect("x"), Expected)
    assert_type(board.epoch, int)
    assert_type(board.output.text, str)
    assert_type([chunk for chunk in board.start("1")], list[bytes])
    board.exec(1)  # error: arg-type
    board.exec("1", tiemout=1)  # error: call-arg
    board.epoch = 1  # error: assignment
with DeviceSessionManager.open("sim:") as manager, manager.session("a", namespace="own") as session:
    assert_type(session, DeviceSession)
    assert_type(manager.sessions, tuple[DeviceSession, ...])
    assert_type(manager.create_session(), DeviceSession)
    assert_type(session.ref("x"), Ref)
    assert_type(session.part.pin(2), Ref)
    assert_type(session.device.names(), list[str])
    assert_type(manager.execute_in_session(lambda session: len(session.name)), int)

    @session.method
    def double(n: int) -> int:
        return n * 2

    @session.method
    def count(to: int) -> Iterator[int]:
        yield from range(to)

    @session.method(timeout=5)
    async def later(n: int) -> str:
        return str(n)

    @session.thread
    def blinks(stop: Callable[[], bool], pin: int) -> None: ...

    assert_type(double(2), int)
    assert_type(double.options(timeout=5)(2), int)
    assert_type(count(2), Generator[int, None, None])
    assert_type(later(2), str)
    assert_type(blinks(2), BoardThread)
    assert_type(double.evict(), int)
    double("two")  # error: arg-type
    blinks("two")  # error: arg-type
    session.create_session()  # error: attr-defined
assert_type(watch_ports(), Generator[PortEvent, None, None])
"""

METHODS = """
from collections.abc import Callable, Iterator
from typing import assert_type

from devsession import BoardThread, DeviceSessionManager

async def main() -> None:
    async with DeviceSessionManager.open("sim:") as manager, manager.session() as session:

        @manager.method
        def double(n: int) -> int:
            return n * 2

        @session.method(timeout=None)
        def count(to: int) -> Iterator[int]:
            yield from range(to)

        @session.method(priority=1)
        async def later(n: int) -> str:
            return str(n)

        @session.thread
        def blinks(stop: Callable[[], bool], pin: int) -> None: ...

        assert_type(await double(2), int)
        assert_type(await double.options(timeout=5)(2), int)
        assert_type([n async for n in count(2)], list[int])
        assert_type(await later(2), str)
        assert_type(await blinks(2), BoardThread)
        async with count(3) as counted:
            assert_type(await anext(counted), int)
        await double("two")  # error: arg-type
        await blinks("two")  # error: arg-type
        count(by=2)  # error: call-arg
"""


@pytest.mark.parametrize("text", [SYNC, METHODS], ids=["sync", "methods"])
def test_a_type_checker_sees_the_signatures(tmp_path: Path, text: str):
    program = tmp_path / "program.py"
    program.write_text(text)
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--no-error-summary", "--no-pretty", str(program)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        cwd=Path(__file__).parents[2],
    )
    errors = [line for line in done.stdout.splitlines() if ": error: " in line]
    found = {int(line.split(":")[1]): line.rsplit("[", 1)[1][:-1] for line in errors}
    wanted = {
        number: line.split("# error: ")[1]
        for number, line in enumerate(text.splitlines(), 1)
        if "# error: " in line
    }
    assert found == wanted, done.stdout + done.stderr
