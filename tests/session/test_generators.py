"""Generators on a real interpreter: batches, and what becomes of one that is left, fails, or is cut off."""

import asyncio

import pytest

from devsession.errors import (
    DeadlineError,
    DeviceError,
    DeviceResetError,
    UnrepresentableValueError,
)
from devsession.session.batches import Batches
from devsession.session.manager import DeviceSessionManager


async def held(manager: DeviceSessionManager) -> int:
    """Return how many generators the board has under way."""
    table = "__import__('__main__')._devsession_h['h'].values()"
    return int(await manager.board.eval(f"len([1 for v in {table} if 'generator object' in str(v)])"))


async def test_values_come_in_batches_of_one_turn_each(metered):
    @metered.session.method
    def counts(n):
        yield from range(n)

    assert [n async for n in counts(3)] == [0, 1, 2]
    metered.turns()
    assert [n async for n in counts(1000)] == list(range(1000))
    # 1, 2, 4, … 64, then 64 each.
    assert metered.turns() <= 6 + -(-(1000 - 63) // 64)
    assert [n async for n in counts(0)] == []


async def test_a_slow_generator_does_not_keep_its_values_waiting(metered):
    @metered.session.method
    def ticks(n):
        import time

        for i in range(n):
            time.sleep_ms(60)
            yield i

    await metered.session.executor.deploy()
    assert [n async for n in ticks(1)] == [0]
    metered.turns()
    assert [n async for n in ticks(4)] == [0, 1, 2, 3]
    assert metered.turns() <= 5


async def test_values_before_an_exception(metered):
    @metered.session.method
    def fails(n):
        yield from range(n)
        raise OSError(5)

    for n in (0, 1, 2, 20):
        found = []
        with pytest.raises(DeviceError) as caught:
            async for value in fails(n):
                found.append(value)  # noqa: PERF401 - those before the exception
        assert found == list(range(n))
        assert (caught.value.kind, caught.value.errno) == ("OSError", 5)
        frame = caught.value.frames[-1]
        assert (frame.file, frame.function) == (__file__, "fails")
        assert len(caught.value.frames) == 1
    assert metered.session.resources == ()
    assert await held(metered.manager) == 0


async def test_leaving_early(metered):
    @metered.session.method
    def endless():
        n = 0
        try:
            while True:
                yield n
                n += 1
        finally:
            print("closed at", n)

    async with endless() as numbers:
        async for n in numbers:
            if n == 5:
                break
    assert "closed at" in metered.manager.board.output.text
    assert metered.session.resources == ()
    with pytest.raises(StopAsyncIteration):
        await anext(numbers)
    metered.turns()
    await numbers.aclose()
    never_begun = endless()
    await never_begun.aclose()
    assert [n async for n in never_begun] == []
    assert metered.turns() == 0
    assert await held(metered.manager) == 0


async def test_two_at_once(manager: DeviceSessionManager):
    @manager.method
    def counts(begin):
        while True:
            yield begin
            begin += 1

    async with counts(0) as low, counts(1000) as high:
        for n in range(200):
            assert (await anext(low), await anext(high)) == (n, 1000 + n)


async def test_what_a_session_left_open_is_closed_at_its_end(manager: DeviceSessionManager):
    @manager.method
    def of_the_board():
        try:
            while True:
                yield 1
        finally:
            print("closed last")

    async with manager.session() as session:

        @session.method
        def endless():
            try:
                while True:
                    yield 1
            finally:
                print("closed by the end")

        assert await anext(endless()) == 1
        assert await anext(of_the_board()) == 1
        assert [one.type for one in session.resources] == ["generator"]
    assert "closed by the end" in manager.board.output.text
    assert await held(manager) == 1
    await manager.close()
    assert "closed last" in manager.board.output.text


async def test_an_exception_while_it_is_closed_is_told(manager: DeviceSessionManager):
    @manager.method
    def stubborn():
        try:
            while True:
                yield 1
        finally:
            raise ValueError("not now")

    numbers = stubborn()
    assert await anext(numbers) == 1
    with pytest.raises(DeviceError, match="not now") as caught:
        await numbers.aclose()
    assert caught.value.frames[-1].file == __file__
    await numbers.aclose()
    session = manager.create_session()
    assert await anext(session.method(stubborn)()) == 1
    with pytest.raises(ExceptionGroup) as group:
        await session.end()
    assert [error.text for error in group.value.exceptions] == ["not now"]
    assert await held(manager) == 0


async def test_one_that_was_cancelled_gives_nothing_more(manager: DeviceSessionManager):
    async with manager.session() as session:

        @session.method
        def stalls():
            yield 1
            print("stalls")
            while True:
                pass

        numbers = stalls()
        assert await anext(numbers) == 1
        task = asyncio.get_running_loop().create_task(anext(numbers))
        await session.expect("stalls")
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        with pytest.raises(StopAsyncIteration):
            await anext(numbers)
        assert await session.eval("6 * 7") == 42
    assert await held(manager) == 0


async def test_a_batch_that_takes_too_long(manager: DeviceSessionManager):
    async with manager.session() as session:

        @session.method(timeout=0.2)
        def stalls():
            yield 1
            while True:
                pass

        found = []
        with pytest.raises(DeadlineError):
            async for n in stalls():
                found.append(n)  # noqa: PERF401 - those before the exception
        assert found == [1]
        assert session.resources == ()
        assert await session.eval("6 * 7") == 42
    assert await held(manager) == 0


async def test_a_value_without_a_form_ends_it(manager: DeviceSessionManager):
    async with manager.session() as session:

        @session.method
        def odd():
            yield 1
            yield print
            yield 2

        found = []
        with pytest.raises(UnrepresentableValueError):
            async for value in odd():
                found.append(value)  # noqa: PERF401 - those before the exception
        assert found == [1]
        assert session.resources == ()
        assert await held(manager) == 0


async def test_a_reset_in_the_middle_is_told(metered):
    @metered.session.method
    def endless():
        while True:
            yield 1

    numbers = endless()
    assert await anext(numbers) == 1
    await metered.manager.board.soft_reset()
    with pytest.raises(DeviceResetError, match="endless is no longer on the board"):
        async for _ in numbers:
            pass
    with pytest.raises(StopAsyncIteration):
        await anext(numbers)
    assert await anext(endless()) == 1


async def test_one_that_is_called_like_what_runs_it(manager: DeviceSessionManager):
    @manager.method
    def batch_of():
        yield 1
        raise ValueError("its own")

    with pytest.raises(DeviceError, match="its own") as caught:
        async for _ in batch_of():
            pass
    assert caught.value.frames[-1].file == __file__


async def test_batches_are_as_large_as_the_heap_holds():
    asked = []

    async def ask(most: int, limit: int) -> tuple[list[int], bool]:
        asked.append(most)
        return [0] * most, len(asked) == 8

    async for _ in Batches(ask, lambda _: lambda: None, free_heap=5000):
        pass
    assert asked == [1, 2, 4, 8, 16, 19, 19, 19]
