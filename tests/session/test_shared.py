"""Shared variables: the truth is on the host, and every session that uses them has it before its next program."""

import asyncio
import contextlib
import threading
from pathlib import Path

import pytest

from devsession.errors import DeviceError, DeviceResetError, UnknownNameError, UsageError
from devsession.session.manager import DeviceSessionManager
from devsession.session.profile import SessionProfile
from devsession.session.shared import SharedVariables, Snapshot


def test_values_versions_and_copies():
    shared = SharedVariables({"a": 1})
    assert shared.version == 1
    given = [1, [2]]
    assert shared.set("b", given) == 2
    given[1].append(3)
    assert shared.get("b") == [1, [2]]
    shared.get("b").append(9)
    assert shared.snapshot() == Snapshot(2, {"a": 1, "b": [1, [2]]})
    assert shared.remove("a") == 3
    assert shared.get("a") is None
    assert shared.get("a", 5) == 5
    assert repr(shared) == "<SharedVariables version 3: b>"
    with pytest.raises(UnknownNameError, match="no shared variable 'a'"):
        shared.remove("a")
    for name, value in (("x y", 1), ("if", 1), ("x", object()), ("x", given.append), (5, 1)):
        with pytest.raises(UsageError):
            shared.set(name, value)  # type: ignore[arg-type]
    assert shared.version == 3


async def test_they_come_with_the_next_program(metered):
    shared = metered.manager.shared
    shared.set("gain", 2)
    async with metered.manager.session() as one, metered.manager.session() as two:
        one.use_shared("gain", "offset")
        assert metered.turns() == 0
        assert await one.eval("gain") == 2
        assert metered.turns() == 1
        assert await one.eval("gain") == 2
        shared.set("gain", 3)
        execution = await one.exec("gain * 2")
        assert execution.value == 6
        await one.exec("x = gain + 1\ny = x")
        shared.set("gain", 4)
        shared.set("offset", [1.5, "a"])
        assert (await one.run("print(gain, offset)")).output == "4 [1.5, 'a']\n"
        shared.set("gain", 5)
        assert "".join([text async for text in one.stream("print(gain)")]) == "5\n"
        shared.remove("gain")
        assert metered.turns() == 5
        with pytest.raises(DeviceError, match="NameError"):
            await one.eval("gain")
        assert not await one.device.is_defined("gain")
        with pytest.raises(DeviceError, match="NameError"):
            await two.eval("offset")
        with pytest.raises(UsageError):
            one.use_shared("a b")


async def test_no_line_of_a_program_moves(metered, tmp_path: Path):
    shared, session = metered.manager.shared, metered.session
    session.use_shared("a")
    program = tmp_path / "program.py"
    program.write_text("print(a)\n1/0\n")
    for source, line, turns in (
        ("x = a\n1/0", 2, 1),
        ("# what follows\nif a:\n    1/0", 3, 1),
        ("if a:\n    1/0", 2, 2),
        ("def f():\n    return a/0\nf()", 2, 2),
    ):
        shared.set("a", 1)
        metered.turns()
        with pytest.raises(DeviceError, match="ZeroDivisionError") as caught:
            await session.exec(source)
        assert caught.value.frames[-1].line == line
        assert metered.turns() == turns
        assert (await session.run(source)).error.frames[-1].line == line
    shared.set("a", 7)
    execution = await session.run(program)
    assert execution.output == "7\n"
    assert execution.error.frames[-1].file == str(program)
    shared.set("a", "x" * 1200)
    assert await session.eval("a, # with a comment") == ("x" * 1200,)
    shared.set("a", (1, 2))
    assert await session.eval("1, a # and another") == (1, (1, 2))


async def test_a_program_that_failed_may_not_have_set_them(metered):
    shared, session = metered.manager.shared, metered.session
    session.use_shared("a")
    shared.set("a", 1)
    with pytest.raises(DeviceError, match="SyntaxError"):
        await session.exec("x = = 1")
    assert await session.eval("a") == 1
    shared.set("a", 2)
    assert (await session.run("x = = 1")).error is not None
    assert await session.eval("a") == 2
    shared.remove("a")
    with pytest.raises(DeviceError, match="SyntaxError"):
        await session.exec("x = = 1")
    assert not await session.device.is_defined("a")


async def test_where_there_is_no_room_to_compile_both_they_go_alone(metered, monkeypatch):
    shared, session, board = metered.manager.shared, metered.session, metered.manager.board
    session.use_shared("a")
    shared.set("a", 1)
    evaluate = board.eval

    async def narrow(code: str, **options: object) -> object:
        if "globals" in code:
            raise DeviceError("MemoryError", "parser could not allocate enough memory")
        return await evaluate(code, **options)

    monkeypatch.setattr(board, "eval", narrow)
    with pytest.raises(DeviceError, match="MemoryError"):
        await session.eval("a")
    assert await session.eval("a") == 1


async def test_what_is_no_expression_is_none_behind_them_either(metered):
    shared, session = metered.manager.shared, metered.session
    session.use_shared("a")
    for expression in ("1),(2", "x = 1", "", "1 # what\n), (2"):
        shared.set("a", 1)
        with pytest.raises(UsageError, match="not a single expression"):
            await session.eval(expression)
    assert metered.turns() == 0
    shared.set("a", 2)
    assert await session.eval("   a\n   ") == 2


async def test_a_name_that_is_used_while_another_is_on_its_way(metered):
    shared, session = metered.manager.shared, metered.session
    shared.set("a", 1)
    shared.set("b", 2)
    session.use_shared("a")
    under_way = asyncio.create_task(session.eval("a"))
    await asyncio.sleep(0)
    session.use_shared("b")
    assert await under_way == 1
    assert await session.eval("a, b") == (1, 2)


async def test_what_the_board_cannot_hold_is_told_before_a_byte_is_sent(metered, monkeypatch):
    shared, session = metered.manager.shared, metered.session
    monkeypatch.setattr(session, "widths", lambda: (32, 31))
    session.use_shared("a")
    shared.set("a", 1 << 40)
    for call in (lambda: session.exec("x = 1"), lambda: session.eval("1"), lambda: session.run("x = 1")):
        with pytest.raises(UsageError, match=r"shared a cannot be sent to the board: .*31 bits"):
            await call()
    assert metered.turns() == 0
    shared.set("a", 1 << 20)
    assert await session.eval("a") == 1 << 20


async def test_what_is_started_has_them_too(metered):
    shared, session = metered.manager.shared, metered.session
    session.use_shared("a")
    for n in range(3):
        shared.set("a", n)
        async with session.start("print(a)") as running:
            assert (await running.result()).output == f"{n}\n"


async def test_prepare_sends_them_for_what_is_no_program(metered):
    shared, session = metered.manager.shared, metered.session
    session.use_shared("a")
    await session.prepare()
    assert metered.turns() == 0
    shared.set("a", 1)
    await session.prepare()
    await session.prepare()
    assert metered.turns() == 1
    assert await metered.manager.board.eval("a", namespace=session.namespace) == 1


async def test_after_a_reset_they_come_again(manager: DeviceSessionManager):
    manager.shared.set("a", 1)
    async with manager.session(profile=SessionProfile(shared=("a",), setup="b = a + 1")) as session:
        assert session.profile_report.shared == ("a",)
        with pytest.raises(DeviceResetError):
            await session.exec("import machine\nmachine.reset()", timeout=5)
        manager.shared.set("a", 2)
        assert await session.eval("a, b") == (2, 3)


async def test_one_for_several_boards():
    shared = SharedVariables({"a": 1})
    async with (
        DeviceSessionManager.open("sim:", shared=shared) as left,
        DeviceSessionManager.open("sim:", shared=shared) as right,
        left.session() as one,
        right.session() as two,
    ):
        for session in (one, two):
            session.use_shared("a")
        for n in range(10):
            shared.set("a", n)
            assert await asyncio.gather(one.eval("a"), two.eval("a")) == [n, n]


async def test_several_sessions_and_threads_at_once(manager: DeviceSessionManager):
    """No session ever sees an older value after a newer one, nor two values that were never there together."""
    shared = manager.shared
    shared.set("pair", (0, 0))
    stop = threading.Event()
    counter = iter(range(1, 10**9))

    def change() -> None:
        while not stop.is_set():
            n = next(counter)
            shared.set("pair", (n, -n))
            stop.wait(0.0005)

    def change_others(number: int) -> None:
        while not stop.is_set():
            for name in ("other", "gone"):
                shared.set(name, number)
            with contextlib.suppress(KeyError):
                shared.remove("gone")
            stop.wait(0.0005)

    async def use() -> list[int]:
        seen = []
        async with manager.session() as session:
            session.use_shared("pair", "other", "gone")
            for n in range(60):
                held = shared.get("pair")[0]
                if n % 3:
                    one, two = await session.eval("pair", priority=n % 2)
                else:
                    await session.exec("def f(): return pair")
                    one, two = await session.eval("f()")
                assert one == -two
                assert one >= held
                seen.append(one)
        return seen

    threads = [
        threading.Thread(target=change),
        *(threading.Thread(target=change_others, args=(number,)) for number in range(3)),
    ]
    for thread in threads:
        thread.start()
    try:
        for seen in await asyncio.gather(*(use() for _ in range(6))):
            assert seen == sorted(seen)
            assert seen[-1] > seen[0]
    finally:
        stop.set()
        for thread in threads:
            thread.join()


async def test_calls_of_one_session_that_overtake_each_other(metered):
    shared, session = metered.manager.shared, metered.session
    session.use_shared("a")
    for n in range(30):
        shared.set("a", 2 * n)
        holding = asyncio.create_task(session.exec("import time\ntime.sleep(0.01)"))
        await asyncio.sleep(0)
        low = asyncio.create_task(session.eval("a", priority=-1))
        await asyncio.sleep(0)
        shared.set("a", 2 * n + 1)
        high = asyncio.create_task(session.eval("a", priority=5))
        await high
        later = asyncio.create_task(session.eval("a", priority=-2))
        await asyncio.gather(holding, low)
        assert await later == 2 * n + 1
        assert high.result() == 2 * n + 1
        assert await session.eval("a") == 2 * n + 1


def test_threads_lose_nothing():
    shared = SharedVariables()

    def change(number: int) -> None:
        for n in range(500):
            shared.set(f"v{number}", n)
            shared.snapshot()
            shared.set("all", number)
        shared.remove(f"v{number}")

    threads = [threading.Thread(target=change, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert shared.version == 8 * 1001
    assert list(shared.snapshot().values) == ["all"]
