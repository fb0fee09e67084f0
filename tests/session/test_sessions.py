"""Sessions on a real interpreter: what each has to itself, and what becomes of it."""

import asyncio
import itertools

import pytest

from devsession.errors import (
    DeviceError,
    DeviceResetError,
    LocalProtocolError,
    PortNotFoundError,
    SessionEndedError,
    SessionError,
    SessionExistsError,
    UsageError,
)
from devsession.session.manager import DeviceSessionManager
from devsession.session.session import DeviceSession
from devsession.session.states import LEGAL, ConnectionState, StateChange, check


async def test_two_sessions_that_use_one_name_do_not_meet(manager: DeviceSessionManager):
    async with manager.session("one") as one, manager.session("two") as two:
        await one.exec("x = 1")
        await two.exec("x = 2")
        await manager.board.exec("x = 3")
        assert (await one.eval("x"), await two.eval("x"), await manager.board.eval("x")) == (1, 2, 3)
        assert await one.eval("__name__") == "__main__"
        await one.exec("def f(): return x")
        assert await one.eval("f()") == 1
        with pytest.raises(DeviceError, match="NameError"):
            await two.eval("f()")


async def test_a_thousand_interleaved_execs(manager: DeviceSessionManager):
    async def caller(session: DeviceSession, number: int) -> None:
        await session.exec(f"x = {number}")
        for n in range(500):
            assert await session.eval(f"x * 1000 + {n}") == number * 1000 + n

    async with manager.session() as one, manager.session() as two:
        await asyncio.gather(caller(one, 1), caller(two, 2))


async def test_the_end_gives_the_heap_back(manager: DeviceSessionManager):
    async with manager.session("big") as session:
        await session.exec("data = bytearray(100000)")
    assert session.given_back is not None
    assert session.given_back >= 100000
    with pytest.raises(SessionEndedError, match="session big has ended"):
        await session.exec("1")
    assert session.duration > 0
    assert manager.sessions == ()


async def test_a_session_that_was_not_used_costs_the_board_nothing(manager: DeviceSessionManager):
    async with manager.session() as session:
        pass
    assert session.given_back is None


async def test_main_is_shared_on_purpose(manager: DeviceSessionManager):
    async with manager.session("main", namespace="main") as session:
        await session.exec("shared = 5")
    assert await manager.board.eval("shared") == 5
    with pytest.raises(SessionError, match="'own' or 'main'"):
        manager.create_session("x", namespace="mine")


async def test_names_are_unique_and_get_or_create_shares(manager: DeviceSessionManager):
    first = manager.create_session("a")
    with pytest.raises(SessionExistsError):
        manager.create_session("a")

    async def ask() -> DeviceSession:
        await asyncio.sleep(0)
        return manager.get_or_create("b")

    found = await asyncio.gather(*(ask() for _ in range(50)))
    assert len(set(map(id, found))) == 1
    assert [session.name for session in manager.sessions] == ["a", "b"]
    await manager.end_session("b")
    await manager.end_session(first)
    assert manager.sessions == ()
    with pytest.raises(KeyError):
        await manager.end_session("b")


async def test_execute_in_session(manager: DeviceSessionManager):
    async def operation(session: DeviceSession) -> int:
        await session.exec("x = 41")
        return int(await session.eval("x + 1"))

    assert await manager.execute_in_session(operation) == 42
    assert manager.sessions == ()


async def test_a_thousand_sessions_leave_the_heap_as_it_was(manager: DeviceSessionManager):
    async def once() -> None:
        async with manager.session("s") as session:
            await session.exec("def f(a): return a + 1\nx = f(1)")

    async def free() -> int:
        await manager.board.exec("import gc\ngc.collect()\ngc.collect()")
        return int(await manager.board.eval("gc.mem_free()"))

    for _ in range(10):
        await once()
    before = await free()
    for _ in range(1000):
        await once()
    assert before - await free() < 2000


async def test_a_reset_behind_our_back_is_told_and_the_session_goes_on(manager: DeviceSessionManager):
    async with manager.session("s") as session:
        await session.exec("x = 1")
        with pytest.raises(DeviceResetError):
            await session.exec("import machine\nmachine.reset()", timeout=5)
        with pytest.raises(DeviceError, match="NameError"):
            await session.eval("x")
        await session.exec("x = 2")
        assert await session.eval("x") == 2


async def test_states_are_told_as_they_come():
    seen: list[StateChange] = []
    later: list[StateChange] = []
    manager = DeviceSessionManager.open("sim:")
    assert manager.state is ConnectionState.DISCONNECTED
    manager.state_changed.add(seen.append)

    @manager.state_changed.add
    async def listen(change: StateChange) -> None:
        await asyncio.sleep(0)
        later.append(change)

    @manager.state_changed.add
    def fail(change: StateChange) -> None:
        raise RuntimeError("a listener of somebody else")

    async with manager:
        async with manager.session() as session:
            await session.exec("x = 1")
            with pytest.raises(TimeoutError):
                await session.exec("while True: pass", timeout=0.1)
            await session.run("1/0")
        manager.state_changed.remove(fail)
    states = [change.after.value for change in seen]
    assert states[:5] == ["connecting", "connected", "executing", "connected", "executing"]
    assert states[5:8] == ["recovering", "executing", "connected"]
    assert states[-1] == "closed"
    assert later == seen
    assert all(a.after is b.before for a, b in itertools.pairwise(seen))


def test_illegal_transitions_are_impossible():
    for before in ConnectionState:
        for after in ConnectionState:
            if after in LEGAL[before]:
                check(before, after)
            else:
                with pytest.raises(LocalProtocolError, match="cannot go from"):
                    check(before, after)
    assert not LEGAL[ConnectionState.CLOSED]


async def test_a_manager_that_cannot_connect_is_disconnected():
    manager = DeviceSessionManager.open("/dev/no-such-port")
    with pytest.raises(PortNotFoundError):
        await manager.connect()
    assert manager.state is ConnectionState.DISCONNECTED
    await manager.close()


async def test_state_is_the_hosts_and_typed(manager: DeviceSessionManager):
    async with manager.session() as session:
        session.state["gain"] = 1.25
        assert session.state.typed("gain", float) == 1.25
        assert session.state.typed("offset", int, 3) == 3
        with pytest.raises(UsageError, match="holds a float, not a int"):
            session.state.typed("gain", int)
        assert dict(session.state) == {"gain": 1.25}
        session.state.clear()
        with pytest.raises(KeyError):
            session.state.typed("gain", float)


async def test_a_board_without_room_shares_main(
    manager: DeviceSessionManager, monkeypatch: pytest.MonkeyPatch
):
    async with manager.session() as session:
        assert session.namespace != 0
    monkeypatch.setattr("devsession.session.manager.LEAST_ROOM", 1 << 40)
    with pytest.warns(UserWarning, match="share the namespace of __main__"):
        session = manager.create_session()
    async with session:
        await session.exec("shared = 1")
    assert await manager.board.eval("shared") == 1


async def test_programs_under_way_are_known_until_they_end(manager: DeviceSessionManager):
    async with manager.session() as session:
        quick = session.start("x = 1")
        slow = session.start("while True: pass")
        assert session.executor.running == (quick, slow)
        await quick.result()
        assert session.executor.running == (slow,)
        assert [held.type for held in session.resources] == ["program"]
    assert session.executor.running == ()
    assert session.device.capabilities is manager.capabilities
