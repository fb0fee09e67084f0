"""Methods that fail, take too long, or are of another kind than a plain function; handles as arguments."""

import asyncio
import inspect
import traceback
from pathlib import Path

import pytest

from devsession.errors import DeadlineError, DeviceError, UsageError
from devsession.session.manager import DeviceSessionManager


def line_of(method, text: str) -> int:
    """Return the line of this file in which ``text`` stands in a method."""
    lines, first = inspect.getsourcelines(method.method.function)
    return first + next(n for n, line in enumerate(lines) if text in line)


# Exceptions


@pytest.mark.parametrize("where", ["manager", "session"])
async def test_every_frame_of_an_exception_is_in_a_file_of_this_host(
    manager: DeviceSessionManager, where: str
):
    async with manager.session() as session:
        method = session.method if where == "session" else manager.method

        @method
        def divides(n):
            # in the middle

            return 1 // n

        @method
        def calls(n):
            """Calls."""
            return [divides(i) for i in range(1, n, -1)]

        @method
        def outer(n=-1): return calls(n)  # fmt: skip

        with pytest.raises(DeviceError) as caught:
            await outer()
        assert caught.value.kind == "ZeroDivisionError"
        frames = [frame for frame in caught.value.frames if frame.function != "<listcomp>"]
        assert [(frame.file, frame.line, frame.function) for frame in frames] == [
            (__file__, line_of(outer, "def outer"), "outer"),
            (__file__, line_of(calls, "divides(i)"), "calls"),
            (__file__, line_of(divides, "1 // n"), "divides"),
        ]
        assert {frame.file for frame in caught.value.frames} == {__file__}
        assert f'File "{__file__}", line {line_of(divides, "1 // n")}, in divides' in str(
            caught.value.traceback
        )
        assert await divides(1) == 1


async def test_the_number_of_an_oserror(manager: DeviceSessionManager):
    @manager.method
    def opens(path):
        return open(path)

    with pytest.raises(DeviceError) as caught:
        await opens("/none")
    assert (caught.value.kind, caught.value.errno) == ("OSError", 2)


async def test_a_method_that_exits_has_run_once(manager: DeviceSessionManager):
    async with manager.session() as session:

        @session.method
        def leaves(code, items=None):
            import sys

            print("one run")
            sys.exit(code)

        @session.method
        def yields(code, items=None):
            import sys

            print("one run")
            yield 1
            yield 2
            sys.exit(code)

        items = await session.ref("[]")
        for code in (3, "no more"):
            with pytest.raises(DeviceError) as caught:
                await leaves(code)
            assert (caught.value.kind, caught.value.text) == ("SystemExit", str(code))
        assert await leaves(0) is None
        for code in (0, 3):
            with pytest.raises(DeviceError, match="SystemExit"):
                await leaves(code, items)
        assert [n async for n in yields(0)] == [1, 2]
        for given in ((3,), (3, items)):
            found = []
            with pytest.raises(DeviceError, match="SystemExit"):
                async for n in yields(*given):
                    found.append(n)  # noqa: PERF401 - those before the exit
            assert found == [1, 2]
        assert manager.board.output.text.count("one run") == 8
        assert await session.eval("6 * 7") == 42


@pytest.mark.parametrize("where", ["manager", "session"])
async def test_a_syntax_that_boards_do_not_know_is_told_where_it_is(
    manager: DeviceSessionManager, where: str
):
    async with manager.session() as session:
        method = session.method if where == "session" else manager.method

        @method
        def modern(value):
            match value:
                case 1:
                    return 2

        @method
        def calls(value):
            return modern(value)

        for called in (modern, calls, calls):
            with pytest.raises(DeviceError) as caught:
                await called(1)
            assert caught.value.kind == "SyntaxError"
            assert [(f.file, f.line) for f in caught.value.frames] == [(__file__, line_of(modern, "match"))]
            assert not called.is_deployed


async def test_an_exception_of_the_host_shows_the_line_of_the_call(manager: DeviceSessionManager):
    @manager.method
    def fails():
        raise KeyError("no such gain")

    try:
        await fails()
    except DeviceError as error:
        here = traceback.extract_tb(error.__traceback__)
        assert (here[0].filename, here[0].line) == (__file__, "await fails()")
        assert (error.kind, error.text) == ("KeyError", "no such gain")
        assert Path(error.frames[-1].file).name == "test_deployed_runs.py"


# Time


async def test_a_call_that_takes_too_long_leaves_the_board_usable(manager: DeviceSessionManager):
    @manager.method(timeout=0.2)
    def sleeps(seconds):
        import time

        time.sleep(seconds)
        return seconds

    with pytest.raises(DeadlineError) as caught:
        await sleeps(30)
    assert caught.value.timeout == 0.2
    assert await sleeps(0) == 0
    with pytest.raises(DeadlineError):
        await sleeps.options(timeout=0.1)(30)
    assert await sleeps.options(timeout=None, priority=3)(0.25) == 0.25


async def test_a_cancelled_call_is_interrupted(manager: DeviceSessionManager):
    @manager.method
    def runs():
        print("runs")
        while True:
            pass

    task = asyncio.get_running_loop().create_task(runs())
    await manager.board.expect("runs")
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await manager.board.eval("6 * 7") == 42


# Kinds of functions


@pytest.mark.parametrize("where", ["manager", "session"])
async def test_coroutines_run_to_their_end_and_await_each_other(manager: DeviceSessionManager, where: str):
    @manager.method
    async def doubled(n):
        import asyncio

        await asyncio.sleep_ms(1)
        return n * 2

    async with manager.session() as session:
        method = session.method if where == "session" else manager.method

        @method
        async def both(a, b):
            import asyncio

            return await asyncio.gather(doubled(a), doubled(b))

        @method
        async def fails():
            return await doubled(None)

        assert await doubled(4) == 8
        assert await both(1, 2) == [2, 4]
        with pytest.raises(DeviceError) as caught:
            await fails()
        assert caught.value.frames[-1].line == line_of(doubled, "n * 2")


async def test_what_a_coroutine_left_behind_does_not_run_on(manager: DeviceSessionManager):
    @manager.method
    async def leaves(forever):
        import asyncio

        async def prints():
            while True:
                print("left behind")
                await asyncio.sleep_ms(1)

        asyncio.create_task(prints())  # noqa: RUF006
        while forever:
            await asyncio.sleep_ms(1)

    @manager.method
    async def waits():
        import asyncio

        await asyncio.sleep_ms(20)
        return 1

    with pytest.raises(DeadlineError):
        await leaves.options(timeout=0.2)(True)
    await leaves(False)
    end = manager.board.output.end
    assert await waits() == 1
    assert b"left behind" not in manager.board.output.since(end)[1]


@pytest.mark.parametrize("where", ["manager", "session"])
async def test_machine_code(manager: DeviceSessionManager, where: str):
    async with manager.session() as session:
        method = session.method if where == "session" else manager.method

        class micropython:  # noqa: N801
            """The decorators as a program for boards has them."""

            native = viper = staticmethod(lambda function: function)

        @method
        @micropython.native
        def scaled(value, by=3):
            return value * by

        @method
        @micropython.viper
        def summed(data, count: int) -> int:
            found = ptr8(data)  # noqa: F821
            total = 0
            for n in range(count):
                total += found[n]
            return total

        assert await scaled(5) == 15
        assert await scaled(5, by=2) == 10
        assert await summed(b"\x01\x02\x03", 3) == 6


# Handles


async def test_handles_are_given_as_what_they_stand_for(metered):
    session = metered.session
    await session.exec("class Motor:\n def __init__(s): s.speed = 1")
    motor = await session.ref("Motor()")
    other_session = metered.manager.create_session()
    foreign = await other_session.ref("[7]")

    @metered.manager.method
    def faster(motor, by=1):
        motor.speed += by
        return motor.speed

    @session.method
    def speeds(motor, n):
        for _ in range(n):
            motor.speed += 1
            yield motor.speed
        raise ValueError(motor.speed)

    @session.method
    def first(items):
        return items[0]

    assert await faster(motor) == 2
    assert await faster(motor, by=motor.speed) == 4
    metered.turns()
    assert await faster(motor) == 5
    assert metered.turns() == 1
    found = []
    with pytest.raises(DeviceError, match="7") as caught:
        async for speed in speeds(motor, 2):
            found.append(speed)  # noqa: PERF401 - those before the exception
    assert found == [6, 7]
    assert [(f.file, f.line) for f in caught.value.frames] == [(__file__, line_of(speeds, "raise"))]
    assert await first(foreign) == 7
    with pytest.raises(DeviceError) as caught:
        await first(motor)
    assert [(f.file, f.line) for f in caught.value.frames] == [(__file__, line_of(first, "items[0]"))]
    await faster.evict()
    assert await faster(motor) == 8
    with pytest.raises(UsageError, match="handles of different sessions"):
        await faster(motor, foreign)
    async with DeviceSessionManager.open("sim:") as another, another.session() as far:
        with pytest.raises(UsageError, match="a handle of another board"):
            await faster(await far.ref("[1]"))


async def test_syntax_that_boards_may_not_have_is_hinted_at(manager: DeviceSessionManager):
    def matching(x: int) -> int:
        match x:
            case 1:
                return 2
        return 0

    def merging(a: dict[str, int]) -> dict[str, int]:
        return {**a, "x": 1}

    def spreading(a: list[int]) -> list[int]:
        return [*a, 1]

    def grouping(_a: object) -> None:
        try:
            pass
        except* ValueError:
            pass

    async def awaiting(a: object) -> list[int]:
        return [x async for x in a]

    async with manager.session() as session:
        for function, says in (
            (matching, r"match \(line {}\)"),
            (merging, r"\{{\*\*...\}} \(line {}\)"),
            (spreading, r"\* among items \(line {}\)"),
            (grouping, r"except\* \(line {}\)"),
            (awaiting, r"an async comprehension \(line {}\)"),
        ):
            line = function.__code__.co_firstlineno + 1
            for where in (session, manager):
                with pytest.raises(DeviceError, match=f"may not have {says.format(line)}"):
                    await where.method(function)({})


async def test_results_that_hold_themselves_are_hinted_at(manager: DeviceSessionManager):
    async with manager.session() as session:

        @session.method
        def around() -> list[object]:
            found: list[object] = []
            found.append(found)
            return found

        for ask in (around, lambda: session.eval("(lambda l: l.append(l) or l)([])")):
            with pytest.raises(DeviceError, match=r"recursion[^~]*a value that holds itself"):
                await ask()
