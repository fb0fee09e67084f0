"""Threads on a real interpreter: told to stop, waited for, and what becomes of those that fail or do not stop."""

import asyncio

import pytest

from devsession.errors import DeadlineError, DeviceError
from devsession.session import cleanup, threads
from devsession.session.manager import DeviceSessionManager


async def states(manager: DeviceSessionManager) -> int:
    """Return how many threads the board knows of."""
    table = "__import__('__main__')._devsession_h['h'].values()"
    return int(await manager.board.eval(f"len([1 for v in {table} if isinstance(v,dict)and 2 in v])"))


async def test_a_thread_runs_beside_other_programs_until_it_is_stopped(manager: DeviceSessionManager):
    async with manager.session() as session:
        await session.exec("seen = []")

        @session.thread
        def counts(stop, begin, step=1):
            import time

            n = begin
            while not stop():
                seen.append(n)  # noqa: F821
                n += step
                time.sleep_ms(1)

        thread = await counts(100, 5)
        assert await thread.is_running()
        while len(found := await session.eval("seen[:3]")) < 3:
            pass
        assert found == [100, 105, 110]
        assert [one.type for one in session.resources] == ["thread"]
        await thread.stop()
        assert not await thread.is_running()
        assert session.resources == ()
        await thread.stop()
        assert session.executor.threads == (counts,)


async def test_the_end_of_the_session_stops_and_joins_it(manager: DeviceSessionManager):
    async with manager.session() as session:

        @session.thread
        def waits(stop):
            import time

            while not stop():
                time.sleep_ms(1)
            print("stopped")

        await waits()
        await waits()
    assert manager.board.output.text.count("stopped") == 2
    assert await states(manager) == 0


async def test_a_thread_that_ends_by_itself_is_joined(manager: DeviceSessionManager):
    async with manager.session() as session:
        await session.exec("done = []")

        @session.thread
        def once(stop, *values):
            done.extend(values)  # noqa: F821

        await (await once(b"\x00", (1, None))).join()
        assert await session.eval("done") == [b"\x00", (1, None)]
        assert session.resources == ()


async def test_what_a_thread_raises_is_raised_where_it_is_joined(manager: DeviceSessionManager):
    session = manager.create_session()

    @session.method
    def divides(n):
        return 1 // n

    @session.thread
    def fails(stop, n):
        return divides(n)

    thread = await fails(0)
    with pytest.raises(DeviceError) as caught:
        await thread.join(5)
    assert caught.value.kind == "ZeroDivisionError"
    assert [(frame.file, frame.function) for frame in caught.value.frames] == [
        (__file__, "fails"),
        (__file__, "divides"),
    ]
    assert session.resources == ()
    await thread.join()
    await fails(0)
    with pytest.raises(ExceptionGroup) as group:
        await session.end()
    assert [error.kind for error in group.value.exceptions] == ["ZeroDivisionError"]


async def test_a_thread_that_exits_has_ended(manager: DeviceSessionManager):
    async with manager.session() as session:

        @session.thread
        def leaves(stop):
            import sys

            sys.exit(3)

        thread = await leaves()
        await thread.join(5)
        assert await session.eval("6 * 7") == 42


async def test_one_that_does_not_stop_does_not_keep_others_from_being_cleaned_up(
    manager: DeviceSessionManager, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(cleanup.CleanupStack.__init__, "__defaults__", (0.3,))
    session = manager.create_session()
    done: list[str] = []
    session.push_cleanup(lambda: done.append("first made"))

    @session.thread
    def stubborn(stop):
        import time

        while not release:  # noqa: F821
            time.sleep_ms(1)

    await session.exec("release = []")
    thread = await stubborn()
    with pytest.raises(DeadlineError, match=r"stubborn did not end within 0\.1 s"):
        await thread.stop(0.1)
    with pytest.raises(DeadlineError, match="stubborn did not end"):
        await thread.join(0.05)
    assert await thread.is_running()
    session.push_cleanup(lambda: done.append("made last"))
    await session.ref("release")
    monkeypatch.setattr(threads.BoardThread.stop, "__defaults__", (0.1,))
    with pytest.raises(ExceptionGroup) as group:
        await session.end()
    assert [type(error) for error in group.value.exceptions] == [DeadlineError]
    assert done == ["made last", "first made"]
    assert await manager.board.eval("6 * 7") == 42
    await manager.board.soft_reset()


async def test_a_start_that_is_cancelled_leaves_no_thread_running(manager: DeviceSessionManager):
    async with manager.session() as session:

        @session.thread
        def waits(stop):
            import time

            while not stop():
                time.sleep_ms(1)
            print("stopped")

        await waits.deploy()
        for turns in range(12):
            task = asyncio.get_running_loop().create_task(waits())
            for _ in range(turns):
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.wait([task])
        assert await session.eval("6 * 7") == 42
    assert await states(manager) == 0


async def test_a_reset_ends_it(manager: DeviceSessionManager):
    async with manager.session() as session:

        @session.thread
        def waits(stop):
            import time

            while not stop():
                time.sleep_ms(1)

        thread = await waits()
        await manager.board.soft_reset()
        assert not await thread.is_running()
        await thread.join()
        again = await waits()
        assert await again.is_running()


async def test_a_board_without_threads_says_so(manager: DeviceSessionManager):
    async with manager.session() as session:

        @session.thread
        def waits(stop):
            pass

        await session.exec("import sys\nclass None_: pass\nsys.modules['_thread'] = None_")
        with pytest.raises(DeviceError, match="ImportError"):
            await waits()
        assert session.resources == ()
        await session.exec("del sys.modules['_thread']")
        await (await waits()).join(5)
