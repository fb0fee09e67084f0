"""A session's values brought to the host and back, on the same board or on another."""

import array
import asyncio
import math

import pytest

from devsession.coordinator.coordinator import MultiSessionCoordinator
from devsession.coordinator.keeping import text_of
from devsession.coordinator.limits import SessionLimits
from devsession.coordinator.states import CoordinatedState
from devsession.errors import SessionError, UsageError
from devsession.protocol import values

State = CoordinatedState
SETTING_UP = """
import math, json as j
number, text, data, nothing = -(10**30), 'ä\\n', b'\\x00\\xff', None
real, far, table = 0.1, float('inf'), {'a': [1, (2.5,)], 3: {4, 5}}
def f(): return number
class C: pass
c = C()
one = two = []
"""


async def test_a_hibernated_session_comes_back_equal_on_another_board(coordinator: MultiSessionCoordinator):
    session = await coordinator.create("s", board="alpha")
    assert session.session is not None

    @session.session.method
    def doubled(x):
        return 2 * x

    assert await doubled(2) == 4
    session.session.state["gain"] = 1.25
    await session.session.part.pin(2)
    await coordinator.send(SETTING_UP)
    before = {
        name: await session.session.eval(name) for name in ("number", "text", "data", "real", "far", "table")
    }
    carried = await coordinator.hibernate()
    assert (session.state, session.session) == (State.HIBERNATED, None)
    assert set(carried.values) == {*before, "nothing", "one", "two"}
    assert carried.modules == {"math": "math", "j": "json"}
    assert list(carried.methods) == ["doubled"]
    assert set(carried.left) == {"f", "C", "c", "one is two", "pin-1"}
    with pytest.raises(SessionError, match="hibernated"):
        await coordinator.send("1")
    assert await coordinator.resume(board="beta") == {}
    assert (session.state, session.board) == (State.ACTIVE, "beta")
    assert {name: await session.session.eval(name) for name in before} == before
    await coordinator.send("print(doubled(21), math.floor(2.5), j.dumps(1), nothing)")
    assert session.buffer.tail(1) == "42 2 1 None\n"
    assert session.session.state["gain"] == 1.25


async def test_one_that_runs_is_not_hibernated(coordinator: MultiSessionCoordinator):
    session = await coordinator.create()
    await coordinator.send("input('> ')")
    with pytest.raises(SessionError, match="at rest"):
        await coordinator.hibernate()
    await coordinator.send("x")
    coordinator.pause()
    await coordinator.send("y = 1", wait=False)
    await coordinator.hibernate()
    await coordinator.resume()
    await session.settled()
    assert await coordinator.run("y") is not None


async def test_a_board_of_another_kind_is_refused():
    async with MultiSessionCoordinator({"alpha": "sim:", "circuit": "sim:circuitpython"}) as coordinator:
        session = await coordinator.create(board="alpha")
        await coordinator.send("x = 1")
        await coordinator.hibernate()
        with pytest.raises(SessionError, match="micropython"):
            await coordinator.resume(board="circuit")
        assert session.state is State.HIBERNATED
        await coordinator.resume()
        assert (await coordinator.run("x")).value == 1


async def test_over_the_bound_of_memory_the_longest_idle_is_hibernated():
    limits = SessionLimits(memory=320_000, buffer=200_000)
    async with MultiSessionCoordinator({"alpha": "sim:", "beta": "sim:"}, limits=limits) as coordinator:
        ended = await coordinator.create("ended", "script", program="print('x' * 150000)")
        await ended.reached(State.COMPLETED)
        idle = await coordinator.create("idle")
        busy = await coordinator.create("busy")
        await coordinator.send("kept = 5\nprint('y' * 150000)", "idle")
        assert len(ended.buffer) == 150_001
        await coordinator.send("print('z' * 100000)", "busy")
        # First what has ended: that alone is enough.
        assert len(ended.buffer) == 64 * 1024
        assert idle.state is State.ACTIVE
        await coordinator.send("print('z' * 49000)", "busy")
        await idle.reached(State.HIBERNATED)
        async with asyncio.timeout(10):
            # It leaves its board first.
            while not idle.buffer.dropped:
                await asyncio.sleep(0.01)
        assert idle.buffer.dropped == 150_001 - 64 * 1024
        assert busy.state is State.ACTIVE
        await coordinator.resume("idle")
        assert (await coordinator.run("kept", "idle")).value == 5


@pytest.mark.parametrize(
    "value",
    [
        *(None, True, -7, 10**50, 0.1, -0.0, math.inf, 1 + 2j, "ä'\"\n\ud800", b"\x00'\xff", bytearray(b"x")),
        *(
            [],
            (),
            (1,),
            {1, 2},
            set(),
            frozenset({3}),
            range(1, 9, 2),
            {"a": [1, {2: ()}]},
            array.array("h", [1, -2]),
        ),
    ],
)
def test_values_as_text(value):
    read = values.parse(text_of(value))
    assert (read, type(read)) == (value, type(value))
    assert repr(read) == repr(value)


def test_what_has_no_text():
    for value in (object(), {1: print}, type("S", (str,), {})("x"), 10**5000):
        with pytest.raises(UsageError):
            text_of(value)
