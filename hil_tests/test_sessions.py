"""Sessions: names of their own, resources given back, values that are pushed."""

import asyncio
import os

import pytest

from devsession import DeviceError, DeviceSession, DeviceSessionManager, ResourceState, SessionProfile

# The number of a pin that nothing is wired to: it is driven.
PIN = os.environ.get("DEVSESSION_HIL_PIN", "")


async def test_two_sessions_with_one_name_do_not_meet(manager: DeviceSessionManager):
    async with manager.session("a") as first, manager.session("b") as second:
        await first.exec("x = 1")
        await second.exec("x = 2")
        assert (await first.eval("x"), await second.eval("x")) == (1, 2)
        assert await first.eval("__name__") == "__main__"
    assert first.given_back is not None


async def test_what_a_session_made_is_gone_with_it(manager: DeviceSessionManager):
    async with manager.session() as session:
        await session.exec("x = bytearray(300)")
    assert session.given_back is not None
    assert session.given_back >= 300
    async with manager.session() as session:
        with pytest.raises(DeviceError, match="NameError"):
            await session.eval("x")


async def test_sessions_take_turns(manager: DeviceSessionManager):
    async def work(number: int) -> int:
        async with manager.session() as session:
            await session.exec(f"n = {number}")
            for _ in range(3):
                await session.exec("n += 10")
            return await session.eval("n")

    assert await asyncio.gather(*map(work, range(3))) == [30, 31, 32]


async def test_a_profile(manager: DeviceSessionManager):
    profile = SessionProfile(
        modules=("gc",), variables={"offset": 3, "name": "abc"}, setup="ready = offset + 1"
    )
    async with manager.session(profile=profile) as session:
        assert session.profile_report is not None
        assert not session.profile_report.failures
        assert await session.eval("[ready, name]") == [4, "abc"]


async def test_shared_variables(manager: DeviceSessionManager):
    manager.shared.set("gain", 2.5)
    async with manager.session() as session:
        session.use_shared("gain")
        assert await session.eval("gain") == 2.5
        manager.shared.set("gain", 3)
        assert await session.eval("gain") == 3


async def test_handles_and_defined_variables(session: DeviceSession):
    listed = await session.ref("[1, 2, 3]")
    assert await listed.index(2) == 1
    await session.device.define("offset", 3)
    assert await session.eval("offset") == 3
    assert "offset" in await session.device.names()


async def test_events(session: DeviceSession):
    events = session.events()
    await session.exec("for n in range(3): devsession_helper.emit(n)")
    async with asyncio.timeout(10):
        assert [(await anext(events)).value for _ in range(3)] == [0, 1, 2]


async def test_cleanup_runs_in_reverse_after_an_error(manager: DeviceSessionManager):
    order: list[int] = []

    async def work(session: DeviceSession) -> None:
        for number in range(3):
            session.push_cleanup(lambda number=number: order.append(number))
        await session.exec("1 / 0")

    with pytest.raises(DeviceError, match="ZeroDivisionError"):
        await manager.execute_in_session(work)
    assert order == [2, 1, 0]
    assert await manager.board.eval("6 * 7") == 42


@pytest.mark.needs("Pin")
@pytest.mark.skipif(not PIN, reason="DEVSESSION_HIL_PIN names no pin that may be driven")
async def test_a_pin_is_given_back(manager: DeviceSessionManager):
    async with manager.session() as session:
        pin = await session.part.pin(int(PIN), "OUT")
        for level in (1, 0):
            await pin.value(level)
            assert await pin.value() == level
        [held] = session.resources
        assert held.type == "pin"
    assert held.state is ResourceState.RELEASED


@pytest.mark.needs("Timer")
async def test_a_timer_is_stopped(manager: DeviceSessionManager):
    async with manager.session() as session:
        await session.exec("ticks = []")
        await session.part.timer("lambda timer: ticks.append(1) or print('tick')", period=20)
        await session.expect("tick", timeout=5)
    seen = manager.board.output.end
    await manager.board.exec("__import__('time').sleep_ms(100)")
    assert manager.board.output.end == seen
