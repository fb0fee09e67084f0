"""Methods without ``await``: calls are plain calls, generators plain iterators, threads handles."""

import threading
import time

import pytest

from devsession.errors import (
    DeadlineError,
    DeviceError,
    DeviceResetError,
    SessionEndedError,
    UsageError,
)
from devsession.sync import DeviceSessionManager


def test_calls_of_methods_that_call_each_other(manager: DeviceSessionManager):
    @manager.method
    def helper(n):
        return n + 1

    @manager.method
    async def later(n):
        return helper(n)

    with manager.session() as session:

        @session.method
        def own(n, *, by=2):
            return helper(n) * by

        @session.method
        async def awaits(n):
            return await later(own(n))

        assert (own(1), own(1, by=5), later(1), awaits(1)) == (4, 10, 2, 5)
        items = session.ref("[1, 2]")

        @session.method
        def put(items, value):
            items.append(value)
            return len(items)

        assert put(items, 3) == 3
        assert own.is_deployed
        assert own.evict() >= 0
        assert not own.is_deployed
        assert awaits(1) == 5


def test_wrong_use(manager: DeviceSessionManager):
    @manager.method
    def takes(a):
        return a

    @manager.method
    def lacks():
        return missing  # noqa: F821

    with pytest.raises(TypeError, match=r"takes\(\): "):
        takes(1, 2)
    with pytest.raises(UsageError, match="argument 'a' cannot be sent"):
        takes(object())
    with pytest.raises(UsageError, match="'missing'"):
        lacks()
    with manager.session() as session:

        @session.method
        def yields():
            yield 1

        own = session.method(takes.method.function)
        pending = yields()
    for use in (lambda: own(1), lambda: next(pending), yields):
        with pytest.raises(SessionEndedError):
            use()


def test_an_exception_has_the_lines_of_this_file(manager: DeviceSessionManager):
    @manager.method
    def divides(n):
        return 1 // n

    with pytest.raises(DeviceError) as caught:
        divides(0)
    frame = caught.value.frames[-1]
    assert (frame.file, frame.line) == (__file__, divides.method.first_line + 1)
    with pytest.raises(DeadlineError):
        manager.method(timeout=0.1)(sleeps)(30)
    assert divides(1) == 1


def sleeps(seconds):
    import time

    time.sleep(seconds)


def test_generators_are_iterators(manager: DeviceSessionManager):
    with manager.session() as session:

        @session.method
        def counts(n):
            try:
                yield from range(n)
            finally:
                print("closed")

        assert list(counts(300)) == list(range(300))
        assert list(zip(counts(3), counts(4), strict=False)) == [(0, 0), (1, 1), (2, 2)]
        numbers = counts(1000)
        assert (next(numbers), next(numbers)) == (0, 1)
        assert len(session.resources) == 1
        printed = manager.board.output.text.count("closed")
        numbers.close()
        assert manager.board.output.text.count("closed") == printed + 1
        assert session.resources == ()
        assert list(numbers) == []
        left = counts(1000)
        next(left)
        manager.board.soft_reset()
        with pytest.raises(DeviceResetError):
            list(left)


def test_values_before_an_exception(manager: DeviceSessionManager):
    @manager.method
    def fails():
        yield 1
        yield 2
        raise OSError(5)

    found = []
    with pytest.raises(DeviceError) as caught:
        for value in fails():
            found.append(value)  # noqa: PERF402 - those before the exception
    assert (found, caught.value.errno) == ([1, 2], 5)


def test_threads_of_the_board(manager: DeviceSessionManager):
    with manager.session() as session:
        session.exec("seen = []")

        @session.thread
        def counts(stop, begin):
            import time

            while not stop():
                seen.append(begin)  # noqa: F821
                begin += 1
                time.sleep_ms(1)
            print("stopped")

        @session.thread
        def fails(stop):
            raise ValueError("of the thread")

        thread = counts(5)
        assert thread.is_running()
        while session.eval("len(seen)") < 3:
            time.sleep(0.001)
        thread.stop()
        assert not thread.is_running()
        failed = fails()
        with pytest.raises(DeviceError, match="of the thread"):
            failed.join(5)
        counts(5)
        assert session.executor.threads == (counts, fails)
    assert manager.board.output.text.count("stopped") == 2


def test_many_threads_of_the_host_call_one_method_first(manager: DeviceSessionManager):
    with manager.session() as session:

        @session.method
        def squared(n):
            return n * n

        found: dict[int, int] = {}

        def call(n: int) -> None:
            found[n] = squared(n)

        callers = [threading.Thread(target=call, args=(n,)) for n in range(20)]
        for caller in callers:
            caller.start()
        for caller in callers:
            caller.join()
        assert found == {n: n * n for n in range(20)}
