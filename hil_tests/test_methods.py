"""Functions of this file, run on the board."""

import math
from pathlib import Path

import pytest

from devsession import DeviceError, DeviceSession, DeviceSessionManager

# Nearest to these in 22 bits of mantissa and in 53: a float of any board is right if it is as near as its own width allows.
FLOATS = (0.1, -0.3, 3.14159, 1 / 3, 1e-7, 123456.789, 1e10, 0.0)
SMALLEST_MANTISSA = 22


def combined(a, b=1, *rest, c=None):
    return [a, (b, rest), {"c": c}]


def same(x):
    return x


def fails(n):
    x = 1
    return x // n


def squares(n):
    for i in range(n):
        yield i * i


def fails_late(n):
    yield n
    yield n // 0


async def test_arguments_and_results(manager: DeviceSessionManager):
    method = manager.method(combined)
    assert await method(1, 2, 3, c=(4, [5])) == [1, (2, (3,)), {"c": (4, [5])}]
    assert await method("text", b"\0\xff") == ["text", (b"\0\xff", ()), {"c": None}]


async def test_floats_arrive_as_near_as_the_board_has_them(manager: DeviceSessionManager):
    method = manager.method(same)
    mantissa = {64: 53, 32: 24, 30: SMALLEST_MANTISSA}[manager.capabilities.float_bits or 64]
    for value in FLOATS:
        step = math.ldexp(1.0, math.frexp(value)[1] - mantissa)
        assert abs(await method(value) - value) <= step / 2


async def test_errors_name_this_file_and_its_line(manager: DeviceSessionManager):
    line = fails.__code__.co_firstlineno + 2
    with pytest.raises(DeviceError, match="ZeroDivisionError") as caught:
        await manager.method(fails)(0)
    frame = caught.value.frames[-1]
    assert (frame.function, frame.line, Path(frame.file)) == ("fails", line, Path(__file__))


async def test_generators(manager: DeviceSessionManager, session: DeviceSession):
    assert [n async for n in manager.method(squares)(100)] == [n * n for n in range(100)]
    values = session.method(fails_late)(7)
    assert await anext(values) == 7
    with pytest.raises(DeviceError, match="ZeroDivisionError"):
        await anext(values)


async def test_methods_of_a_session_see_its_names(session: DeviceSession):
    @session.method
    def note(n):
        seen.append(n)  # noqa: F821 -- a name of the session
        return seen  # noqa: F821

    await session.exec("seen = []")
    await note(1)
    assert await note(2) == [1, 2]


async def test_methods_call_each_other(manager: DeviceSessionManager):
    @manager.method
    def double(n):
        return 2 * n

    @manager.method
    def fourfold(n):
        return double(double(n))

    assert await fourfold(5) == 20


async def test_a_method_is_forgotten_and_sent_again(manager: DeviceSessionManager):
    method = manager.method(combined)
    await method(1)
    assert await method.evict() > 0
    assert await method(1) == [1, (1, ()), {"c": None}]
