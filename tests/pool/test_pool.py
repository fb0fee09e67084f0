"""A pool on simulated boards: who gets which session, what he finds there, and what is left of it."""

import asyncio
import time

import pytest
from boards_at_work import children, kill_interpreter, listen, told, until
from pydantic import ValidationError

from devsession import (
    BoardState,
    LeaseLost,
    LeaseTimeoutError,
    PoolClosedError,
    PoolConfig,
    PoolError,
    RequirementError,
    SessionPool,
    UnknownNameError,
    UsageError,
)
from devsession.pool import events as kinds
from devsession.pool.lease import LeaseState


async def test_an_agent_finds_his_namespace_again_and_others_get_a_clean_one():
    async with SessionPool(provider="sim:", min_size=2, max_size=4) as pool:
        async with pool.acquire(requires=["hashlib"], agent="worker-1") as session:
            await session.exec("import os\nx = 100\ndef double(n): return 2 * n")
        async with pool.acquire(agent="worker-2") as session:
            assert not await session.device.is_defined("x")
        async with pool.acquire() as session:
            assert not await session.device.is_defined("x")
        async with pool.acquire(agent="worker-1") as session:
            assert await session.eval("double(x), os.sep if hasattr(os, 'sep') else '/'") == (200, "/")
            assert pool.lease(session).is_reuse


async def test_boards_are_never_shared_at_once_nor_more_than_may_be():
    async with SessionPool(provider="sim:", min_size=1, max_size=3, throttle_agent=None) as pool:
        held: list[str] = []
        most = 0

        async def work(agent: str) -> None:
            nonlocal most
            for _ in range(5):
                async with pool.acquire(agent=agent) as session:
                    assert session.url and session.id not in held
                    board = pool.lease(session).board
                    assert board not in held
                    held.append(board)
                    most = max(most, len(held), pool.snapshot().size, len(children()))
                    await session.exec("n = globals().get('n', 0) + 1")
                    held.remove(board)

        await asyncio.gather(*(work(f"agent-{number}") for number in range(8)))
        assert most == 3


async def test_a_requirement_that_no_board_can_meet_fails_at_once_and_says_why():
    async with SessionPool(provider="sim:", min_size=1, max_size=1) as pool, pool.acquire():
        began = time.monotonic()
        with pytest.raises(RequirementError, match="sim-1 has no teleport") as failed:
            await pool.acquire(requires="teleport", timeout=30)
        assert failed.value.lacks == {"sim-1": "sim-1 has no teleport"}
        with pytest.raises(RequirementError, match="not micropython>=99"):
            await pool.acquire(requires=["hashlib", "micropython>=99"], timeout=30)
        assert time.monotonic() - began < 10


@pytest.mark.parametrize("requires", [5, "", ["a", None], ">=one", "micropython~=1.2.*"])
def test_what_is_no_requirement_is_refused(requires: object):
    with pytest.raises(UsageError):
        SessionPool().acquire(requires=requires)


async def test_a_busy_board_is_waited_for_in_order_of_priority():
    async with SessionPool(provider="sim:", min_size=1, max_size=1) as pool:
        order = []

        async def work(name: str, priority: int) -> None:
            async with pool.acquire(agent=name, priority=priority, requires="sim"):
                order.append(name)

        async with pool.acquire(agent="first"):
            tasks = []
            for name, priority in (("a", 0), ("b", 0), ("urgent", 5), ("c", 0)):
                tasks.append(asyncio.create_task(work(name, priority)))
                await until(lambda: pool.snapshot().waiting == len(tasks))
            with pytest.raises(LeaseTimeoutError, match="sim-1 is first's for 0 s"):
                await pool.acquire(timeout=0.02)
        await asyncio.gather(*tasks)
        assert order == ["urgent", "a", "b", "c"]


async def test_a_caller_who_leaves_holds_nothing():
    async with SessionPool(provider="sim:", min_size=1, max_size=1) as pool:
        events = listen(pool)
        async with pool.acquire(agent="holder"):
            waiting = asyncio.create_task(pool.acquire(agent="waiter").have())
            await until(lambda: pool.snapshot().waiting == 1)
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
            assert pool.snapshot().waiting == 0
        (left,) = told(events, kinds.WaitEnded)
        assert isinstance(left, kinds.WaitEnded)
        assert (left.agent, left.reason) == ("waiter", "cancelled")
        # Cancelled in the moment in which the board is given.
        session = await pool.acquire(agent="holder")
        waiting = asyncio.create_task(pool.acquire(agent="waiter").have())
        await until(lambda: pool.snapshot().waiting == 1)
        await pool.release(session)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        await until(lambda: pool.snapshot().idle == 1)


async def test_a_holder_who_is_cancelled_gives_back_and_his_programs_are_stopped():
    async with SessionPool(provider="sim:", min_size=1, max_size=1) as pool:
        begun = asyncio.Event()

        async def hold() -> None:
            async with pool.acquire(agent="holder") as session:
                await session.exec("kept = 7")
                begun.set()
                await session.exec("while True: pass", timeout=None)

        holder = asyncio.create_task(hold())
        await begun.wait()
        holder.cancel()
        with pytest.raises(asyncio.CancelledError):
            await holder
        async with pool.acquire(agent="holder", timeout=10) as session:
            assert await session.eval("kept") == 7


async def test_what_was_left_running_is_stopped_before_anybody_else_comes():
    async with SessionPool(provider="sim:", min_size=1, max_size=1, share=True) as pool:
        async with pool.acquire(agent="one") as session:
            running = session.start("while True: pass")
            waiting = asyncio.create_task(session.exec("1"))
            await asyncio.sleep(0)
        with pytest.raises(LeaseLost):
            await waiting
        with pytest.raises(UsageError, match="stopped"):
            await running.result()
        async with pool.acquire(agent="two", timeout=10) as other:
            assert await other.eval("1 + 1") == 2


async def test_a_session_given_back_cannot_be_used():
    async with SessionPool(provider="sim:", min_size=1, max_size=1) as pool:
        session = await pool.acquire(agent="one")
        lease = pool.lease(session)
        await pool.release(session)
        await pool.release(session)
        assert lease.state is LeaseState.RELEASED
        for use in (
            session.exec("1"),
            session.eval("1"),
            session.files.read_bytes("/a"),
            session.device.get("x"),
        ):
            with pytest.raises(LeaseLost, match="was given back"):
                await use
        with pytest.raises(LeaseLost):
            pool.lease(session)
        again = await pool.acquire(agent="one")
        assert again is session
        assert pool.lease(again).fence > lease.fence
        await again.exec("1")
        await pool.release(again)


async def test_a_lease_expires_without_a_heartbeat():
    async with SessionPool(provider="sim:", min_size=1, max_size=1) as pool:
        events = listen(pool)
        session = await pool.acquire(agent="one", ttl=0.1)
        await session.exec("x = 1")
        began = time.monotonic()
        while time.monotonic() - began < 0.3:
            pool.heartbeat(session)
            await asyncio.sleep(0.01)
        assert pool.lease(session).is_held
        await until(lambda: told(events, kinds.LeaseRevoked))
        for use in (lambda: session.exec("1"), lambda: asyncio.to_thread(pool.heartbeat, session)):
            with pytest.raises(LeaseLost, match=r"no heartbeat for 0\.1 s"):
                await use()
        async with pool.acquire(agent="one") as clean:
            assert not await clean.device.is_defined("x")
        with pytest.raises(LeaseLost):
            async with pool.acquire(agent="one", ttl=0.05) as late:
                await until(lambda: late.phase is not type(late.phase).ACTIVE)


async def test_a_program_that_runs_when_the_lease_expires_is_stopped():
    async with SessionPool(provider="sim:", min_size=1, max_size=1) as pool:
        session = await pool.acquire(agent="one", ttl=0.1)
        with pytest.raises(LeaseLost):
            await session.exec("while True: pass", timeout=None)
        async with pool.acquire(agent="two", timeout=10) as other:
            assert await other.eval("6 * 7") == 42


async def test_the_pool_grows_with_demand_and_shrinks_again():
    async with SessionPool(
        provider="sim:", min_size=1, max_size=5, autoscale_step=2, idle_timeout=0.3, throttle_agent=None
    ) as pool:
        events = listen(pool)
        held = [await pool.acquire(agent=f"agent-{number}") for number in range(3)]
        await until(lambda: pool.snapshot().idle)
        assert pool.snapshot().size >= 4
        for session in held:
            await pool.release(session)
        await until(lambda: pool.snapshot().size == 1)
        sizes = [(e.before, e.after) for e in events if isinstance(e, kinds.PoolScaled)]
        assert any(after > before for before, after in sizes)
        assert any(after < before for before, after in sizes)
        # The sessions that slept there have gone, each with its event.
        evicted = [e for e in events if isinstance(e, kinds.SessionEvicted)]
        assert {e.agent for e in evicted} >= {"agent-1", "agent-2"}


async def test_a_pool_is_resized_while_it_works():
    async with SessionPool(provider="sim:", min_size=3, max_size=3, idle_timeout=60) as pool:
        held = [await pool.acquire() for _ in range(3)]
        pool.resize(min_size=1, max_size=2)
        await pool.release(held.pop())
        await until(lambda: pool.snapshot().size == 2)
        pool.resize(min_size=4, max_size=6)
        await until(lambda: pool.snapshot().size >= 4)
        for wrong in ({"max_size": 0}, {"min_size": 9}, {"min_size": -1}):
            with pytest.raises(UsageError):
                pool.resize(**wrong)
        for session in held:
            await pool.release(session)


async def test_one_board_keeps_the_sessions_of_several_agents_where_they_share():
    async with SessionPool(
        provider="sim:", min_size=1, max_size=1, share=True, max_sleeping=2, throttle_agent=None
    ) as pool:
        events = listen(pool)
        for agent in "abc":
            async with pool.acquire(agent=agent) as session:
                await session.exec(f"me = {agent!r}")
        assert pool.snapshot().sessions == 3
        pool.pin("a")
        async with pool.acquire(agent="d"):
            pass
        (evicted,) = told(events, kinds.SessionEvicted)
        assert isinstance(evicted, kinds.SessionEvicted)
        assert (evicted.agent, evicted.reason) == ("b", kinds.Evicted.ROOM)
        for agent in "ac":
            async with pool.acquire(agent=agent) as session:
                assert await session.eval("me") == agent
        pool.unpin("a")
        with pytest.raises(UnknownNameError):
            pool.pin("b")


async def test_sessions_that_sleep_make_room_when_the_heap_is_short():
    async with SessionPool(
        provider="sim:?heap=512k", min_size=1, max_size=1, share=True, min_free_heap=300_000
    ) as pool:
        async with pool.acquire(agent="big") as session:
            await session.exec("held = bytearray(250_000)")
        async with pool.acquire(agent="small") as session:
            await session.exec("held = 1")
        assert {one.agent for one in pool.sessions()} == {"small"}


async def test_sessions_are_removed_on_request():
    async with SessionPool(provider="sim:", min_size=2, max_size=2) as pool:
        session = await pool.acquire(agent="one")
        await session.exec("x = 1")
        await pool.remove(session)
        async with pool.acquire(agent="one") as clean:
            assert not await clean.device.is_defined("x")
        await pool.remove("one")
        await until(lambda: not pool.sessions())
        with pytest.raises(UnknownNameError):
            await pool.remove("one")
        pool.remove_board("sim-1")
        await until(lambda: "sim-1" not in {board.name for board in pool.snapshot().boards})
        await until(lambda: pool.snapshot().idle == 2)


async def test_without_reuse_nothing_is_kept():
    async with SessionPool(provider="sim:", min_size=1, max_size=1, reuse=False) as pool:
        for _ in range(2):
            async with pool.acquire(agent="one") as session:
                assert not await session.device.is_defined("x")
                await session.exec("x = 1")


async def test_draining_waits_for_holders_and_refuses_the_others():
    async with SessionPool(provider="sim:", min_size=1, max_size=1) as pool:
        session = await pool.acquire(agent="one")
        waiting = asyncio.create_task(pool.acquire(agent="two").have())
        await until(lambda: pool.snapshot().waiting == 1)
        with pytest.raises(LeaseTimeoutError, match="one's"):
            await pool.drain(timeout=0.05)
        with pytest.raises(PoolClosedError, match="drained"):
            await waiting
        with pytest.raises(PoolClosedError, match="drained"):
            await pool.acquire()
        await session.exec("1")
        await pool.release(session)
        assert pool.snapshot().active == 0


async def test_the_end_takes_everything_back():
    pool = SessionPool(provider="sim:", min_size=2, max_size=2)
    with pytest.raises(PoolClosedError, match="async with"):
        await pool.acquire()
    async with pool:
        events = listen(pool)
        session = await pool.acquire(agent="one")
        waiting = asyncio.create_task(pool.acquire(agent="two", requires="sim").have())
        other = await waiting
        queued = asyncio.create_task(pool.acquire(agent="three").have())
        await until(lambda: pool.snapshot().waiting == 1)
    with pytest.raises(PoolClosedError):
        await queued
    for lost in (session, other):
        with pytest.raises(LeaseLost):
            await lost.exec("1")
    assert isinstance(events[-1], kinds.PoolClosed)
    await pool.close()
    with pytest.raises(UsageError):
        await pool.open()


async def test_who_asks_too_often_is_slowed_down_alone():
    async with SessionPool(
        provider="sim:", min_size=1, max_size=2, throttle_agent=20.0, throttle_agent_burst=2
    ) as pool:
        began = time.monotonic()
        for _ in range(6):
            async with pool.acquire(agent="eager"):
                pass
        assert time.monotonic() - began > 0.15
        with pytest.raises(LeaseTimeoutError, match="eager asks too often"):
            for _ in range(50):
                await pool.release(await pool.acquire(agent="eager", timeout=0.01))
        async with pool.acquire(agent="calm", timeout=0.01 + 5):
            pass


async def test_events_tell_the_life_of_a_session():
    pool = SessionPool(provider="sim:", min_size=1, max_size=1, name="lab")
    events = listen(pool)
    async with pool:
        for _ in range(2):
            async with pool.acquire(agent="one", metadata={"job": 5}) as session:
                assert pool.lease(session).metadata == {"job": 5}
    assert [type(event) for event in events] == [
        kinds.HealthChecked,
        kinds.BoardOpened,
        kinds.PoolInitialized,
        kinds.SessionCreated,
        kinds.SessionReleased,
        kinds.SessionReused,
        kinds.SessionReleased,
        kinds.SessionEvicted,
        kinds.BoardRemoved,
        kinds.PoolClosed,
    ]
    assert {event.pool for event in events} == {"lab"}


def test_settings_are_looked_at_before_anything_is_opened():
    assert PoolConfig().max_size == 60
    for wrong in (
        {"min_size": 9, "max_size": 3},
        {"max_size": 0},
        {"colour": "red"},
        {"shrink_threshold": 0.9},
    ):
        with pytest.raises(ValidationError):
            SessionPool(**wrong)  # type: ignore[arg-type]
    with pytest.raises(UsageError):
        SessionPool(PoolConfig(), max_size=3)
    for no_board in ([], "nothing://there", 5):
        with pytest.raises(UsageError):
            SessionPool(provider=no_board)  # type: ignore[arg-type]


async def test_a_snapshot_tells_how_the_pool_stands():
    async with SessionPool(provider="sim:", min_size=2, max_size=4, autoscale=False) as pool:
        async with pool.acquire(agent="one") as session:
            now = pool.snapshot()
            assert (now.size, now.active, now.idle, now.sessions, now.waiting) == (2, 1, 1, 1, 0)
            assert now.utilisation == 0.5
            (leased,) = [board for board in now.boards if board.state is BoardState.LEASED]
            assert (leased.agent, leased.fence) == ("one", pool.lease(session).fence)
        (asleep,) = pool.sessions()
        assert (asleep.agent, asleep.fence, asleep.uses) == ("one", None, 1)
        assert "2 boards, 0 leased" in repr(pool)


async def test_a_pool_that_is_cancelled_while_it_closes_gives_everything_back():
    pool = SessionPool(provider="sim:", min_size=2, max_size=2)
    await pool.open()
    closing = asyncio.create_task(pool.close())
    await asyncio.sleep(0)
    closing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await closing
    assert pool.snapshot().size == 0
    assert not children()


async def test_a_pool_that_is_cancelled_while_it_opens_holds_nothing():
    pool = SessionPool(provider="sim:", min_size=3, max_size=3)
    opening = asyncio.create_task(pool.open())
    for _ in range(3):
        await asyncio.sleep(0)
    opening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await opening
    assert not children()


async def test_a_board_that_started_anew_between_two_leases_gives_a_new_session():
    async with SessionPool(provider="sim:", min_size=1, max_size=1) as pool:
        async with pool.acquire(agent="a") as session:
            await session.exec("x = 1")
        kill_interpreter(pool, next(iter(pool._runner.pooled)))
        pool._runner.config.__dict__["trust"] = 0.0
        await asyncio.sleep(0.3)
        async with pool.acquire(agent="a") as session:
            lease = pool.lease(session)
            assert not lease.is_reuse
            assert await session.eval("'x' in globals()") is False


async def test_a_board_that_never_is_well_is_not_made_again_and_again():
    made = []

    async def probe(board: object) -> bool:
        made.append(board)
        return False

    with pytest.raises(PoolError, match="probe found it unfit"):
        async with SessionPool(provider="sim:", min_size=1, max_size=1, probes=[probe]):
            raise AssertionError
    async with SessionPool(provider="sim:", min_size=0, max_size=1, probes=[probe]) as pool:
        with pytest.raises(LeaseTimeoutError, match="given up"):
            async with pool.acquire(timeout=1.5):
                raise AssertionError
    # Each is brought back in every way there is before it is given up.
    assert len({id(board) for board in made}) < 10


async def test_times_and_sizes_that_are_none():
    async with SessionPool(provider="sim:", min_size=0, max_size=1) as pool:
        for timeout in (-1, float("nan"), "x"):
            with pytest.raises(UsageError):
                await pool.acquire(timeout=timeout)  # type: ignore[arg-type]
        for ttl in (0, -1, float("nan"), "x"):
            with pytest.raises(UsageError):
                await pool.acquire(ttl=ttl)  # type: ignore[arg-type]
        with pytest.raises(UsageError):
            pool.resize(max_size="4")  # type: ignore[arg-type]
    with pytest.raises(PoolClosedError):
        pool.resize(max_size=2)


async def test_a_board_that_is_kept_by_a_pin_is_told():
    async with SessionPool(provider="sim:", min_size=1, max_size=1) as pool:
        async with pool.acquire(agent="a") as session:
            pool.pin("a")
            del session
        with pytest.raises(LeaseTimeoutError, match=r"kept for a \(pinned\)"):
            async with pool.acquire(agent="b", timeout=0.3):
                raise AssertionError
