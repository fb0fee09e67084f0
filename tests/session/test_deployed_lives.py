"""What is deployed, for how long, and who has to send it: sessions, managers, processes, resets, eviction, the heap."""

import asyncio
import contextlib
import itertools
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from devsession.board.board import Board
from devsession.errors import DeadlineError, DeviceError, DeviceResetError
from devsession.links import link
from devsession.session.manager import DeviceSessionManager
from devsession.transport.metering import MeteredTransport

WHOLE = bool(os.environ.get("DEVSESSION_SOAK"))

# Bytes that a call takes beside the nonce, up and down.
MOST_UP, MOST_DOWN = 40, 24


async def test_the_cost_of_a_call(manager_of_meter, capsys: pytest.CaptureFixture[str]):
    manager, meter = manager_of_meter

    @manager.method
    def add(a, b):
        return a + b

    async with manager.session() as session:
        own = session.method(add)
        for method in (add, own):
            await method(1, 2)
            before = meter.snapshot()
            assert await method(1, 2) == 3
            cost = meter.meter - before
            nonce = manager.board._prompt.interpreter.nonce
            up, down = cost.up - len(str(nonce)), cost.down - 2 * len(f"{nonce:x}")
            assert (cost.turns, up <= MOST_UP, down <= MOST_DOWN) == (1, True, True)
    with capsys.disabled():
        print(f"\n  add(1, 2) as a method: {cost.turns} turn, {up} bytes up, {down} down beside the nonce")


@pytest.fixture
async def manager_of_meter():
    transport = MeteredTransport(link("sim:"))
    async with DeviceSessionManager(Board(transport)) as manager:
        yield manager, transport


def large(n):
    """Takes long to send: a name of its own in every line."""
    a_rather_long_name = n
    another_rather_long_name = a_rather_long_name + 1
    yet_another_rather_long_name = another_rather_long_name + 1
    for _ in range(3):
        yet_another_rather_long_name += a_rather_long_name
    return yet_another_rather_long_name


def counted(n):
    yield from range(n)


async def costs(manager: DeviceSessionManager, meter: MeteredTransport) -> list[int]:
    """Return how many bytes go up for the first call, and for the second."""
    method = manager.method(large)
    found = []
    for _ in range(2):
        before = meter.snapshot()
        assert await method(1) == 6
        found.append((meter.meter - before).up)
    assert method.is_deployed
    return found


async def test_a_second_session_and_a_second_manager_send_nothing(manager_of_meter):
    manager, meter = manager_of_meter
    first, warm = await costs(manager, meter)
    assert first > warm + 100
    async with manager.session():
        assert await costs(manager, meter) == [warm, warm]
    second = DeviceSessionManager(manager.board)
    assert [abs(cost - warm) <= 1 for cost in await costs(second, meter)] == [True, True]


PROGRAM = """
import asyncio, json, sys
from devsession.board.board import Board
from devsession.links import link
from devsession.session.manager import DeviceSessionManager
from devsession.transport.metering import MeteredTransport

sys.path.insert(0, sys.argv[2])
from test_deployed_lives import costs, counted

async def main():
    transport = MeteredTransport(link(sys.argv[1]))
    async with DeviceSessionManager(Board(transport)) as manager:
        method = manager.method(counted)
        found = await costs(manager, transport)
        before = transport.snapshot()
        values = [n async for n in method(3)]
        generator = (transport.meter - before).up
        nonce = len(str(manager.board._prompt.interpreter.nonce))
        print(json.dumps([cost - nonce for cost in found] + [generator, values]))

asyncio.run(main())
"""


@contextlib.contextmanager
def serving(name: str) -> Iterator[None]:
    command = [sys.executable, "-m", "devsession", "sim", "serve", name]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            assert server.stdout.readline()
            yield
        finally:
            server.terminate()
            server.wait(10)


def test_a_second_process_sends_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)

    def run() -> list:
        done = subprocess.run(
            [sys.executable, program, "sim:methods", Path(__file__).parent],
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    with serving("methods"):
        first, warm, generator, values = run()
        assert (first > warm + 100, values) == (True, [0, 1, 2])
        again, also_warm, generator_again, values = run()
        # Numbers of execs have one digit or two.
        assert abs(again - warm) <= 2
        assert abs(also_warm - warm) <= 2
        assert generator - generator_again > 500
        assert values == [0, 1, 2]


# Resets


async def test_after_a_reset_everything_is_sent_again(manager_of_meter):
    manager, meter = manager_of_meter
    async with manager.session() as session:

        @session.method
        def own(n):
            return helper(n) * gain  # noqa: F821

        @session.method
        def helper(n):
            return n + 1

        await session.exec("gain = 2")
        first, warm = await costs(manager, meter)
        assert await own(1) == 4
        await manager.board.soft_reset()
        assert not own.is_deployed
        again, also_warm = await costs(manager, meter)
        assert (again >= first, abs(also_warm - warm) <= 1) == (True, True)
        with pytest.raises(DeviceError, match="NameError"):
            await own(1)
        await session.exec("gain = 3")
        assert await own(1) == 6
        assert own.is_deployed


async def reset_silently(board: Board) -> None:
    """Reset the board behind devsession's back, as a watchdog does."""
    end = board.output.end
    await board._prompt.wire.transport.reset_board()
    await started(board, end)


async def started(board: Board, end: int) -> None:
    """Wait until the board has started anew, after what it printed up to ``end``."""
    async with asyncio.timeout(10):
        while not board.output.since(end)[1].endswith(b">>> "):
            await board.output.changed()


@pytest.mark.parametrize("where", ["manager", "session"])
async def test_a_silent_reset_is_told_where_something_had_run(manager: DeviceSessionManager, where: str):
    async with manager.session() as session:
        method = session.method if where == "session" else manager.method

        @method
        def speaks(n):
            print("ran", n)
            return n

        assert await speaks(1) == 1
        await reset_silently(manager.board)
        with pytest.raises(DeviceResetError, match="was not run"):
            await speaks(2)
        assert not speaks.is_deployed
        assert await speaks(3) == 3
    text = manager.board.output.text
    assert [f"ran {n}" in text for n in (1, 2, 3)] == [True, False, True]


@pytest.mark.parametrize("where", ["manager", "session"])
async def test_a_silent_reset_is_healed_where_nothing_had_run(manager: DeviceSessionManager, where: str):
    async with manager.session() as session:
        method = session.method if where == "session" else manager.method

        @method
        def helper(n):
            print("ran", n)
            return n

        @method
        def calls(n):
            return helper(n) * 2

        @method
        def counts(n):
            for i in range(n):
                yield helper(i)

        def call():
            return calls(7)

        def iterate():
            return all_of(counts(3))

        for use, deployed in itertools.product((call, iterate), (True, False)):
            await manager.board.soft_reset()
            if deployed:
                await calls.deploy()
                await counts.deploy()
            await reset_silently(manager.board)
            end = manager.board.output.end
            found = await use()
            printed = manager.board.output.since(end)[1]
            assert (found, printed.count(b"ran")) in {(14, 1), ((0, 1, 2), 3)}


async def all_of(values) -> tuple:
    return tuple([value async for value in values])


async def test_a_board_that_resets_by_itself_between_two_calls(manager: DeviceSessionManager):
    async with manager.session() as session:

        @session.method
        def resets_soon():
            from machine import Timer, reset

            Timer(-1, mode=Timer.ONE_SHOT, period=20, callback=lambda timer: reset())

        @session.method
        def speaks():
            print("ran")
            return 1

        assert await speaks() == 1
        end = manager.board.output.end
        await resets_soon()
        await started(manager.board, end)
        with pytest.raises(DeviceResetError):
            await speaks()
        assert await speaks() == 1
        assert manager.board.output.since(end)[1].count(b"ran") == 1


async def test_a_reset_by_a_method_is_told(manager: DeviceSessionManager):
    @manager.method
    def resets():
        import machine

        machine.reset()

    with pytest.raises(DeviceResetError):
        await resets()
    assert not resets.is_deployed
    with pytest.raises(DeviceResetError):
        await resets()


# What is given back


async def free(manager: DeviceSessionManager) -> int:
    await manager.board.ask("__import__('gc').collect()")
    return int((await manager.board.ask("__import__('gc').mem_free()")).value)


@pytest.mark.parametrize("where", ["manager", "session"])
async def test_eviction_gives_the_heap_back_and_the_next_call_sends_it_again(
    manager: DeviceSessionManager, where: str
):
    async with manager.session() as session:
        method = session.method if where == "session" else manager.method

        @method
        def first(n):
            return large(n)

        @method
        def large(n):
            return [n, n + 1, n + 2, {"a": n}, "a string of some length, which takes room on the board"]

        @method
        async def coroutine(n):
            return n

        assert await first(1) == await large(1)
        assert await coroutine(1) == 1
        assert "large" in await session.device.names() or where == "manager"
        before = await free(manager)
        given_back = [await one.evict() for one in (first, large, coroutine)]
        assert min(given_back) >= 0
        assert await free(manager) - before >= sum(given_back) - 256
        assert sum(given_back) > 400
        assert not any(one.is_deployed for one in (first, large, coroutine))
        names = await session.device.names()
        assert {"first", "large", "coroutine"}.isdisjoint(names)
        assert (await first(1), await coroutine(2)) == (await large(1), 2)
        await large.evict()
        assert await first(1) == await large(1)


async def test_another_manager_may_evict_it(manager: DeviceSessionManager):
    method, generator = manager.method(large), manager.method(counted)
    assert (await method(1), await all_of(generator(2))) == (6, (0, 1))
    other = DeviceSessionManager(manager.board)
    await other.method(large).evict()
    await other.method(counted).evict()
    assert (method.is_deployed, generator.is_deployed) == (True, True)
    assert (await method(1), await all_of(generator(2))) == (6, (0, 1))


async def test_the_end_of_a_session_takes_its_methods_also_those_cut_short(manager: DeviceSessionManager):
    table = "len(__import__('__main__')._devsession_h['h'])"

    async def once(timeout: float) -> None:
        async with manager.session() as session:
            own, values = session.method(large), session.method(counted)
            with contextlib.suppress(DeadlineError, TimeoutError):
                async with asyncio.timeout(timeout):
                    assert await own(1) == 6
                    assert await all_of(values(3)) == (0, 1, 2)

    await once(5)
    before = await manager.board.eval(table)
    for step in range(12):
        await once(step / 4000)
    assert await manager.board.eval(table) == before


@pytest.mark.soak
async def test_a_thousand_sessions_with_methods_leave_the_heap_as_it_was(manager: DeviceSessionManager):
    rounds = 1000 if WHOLE else 100

    async def once(n: int) -> None:
        async with manager.session() as session:
            own, values = session.method(large), session.method(counted)

            @session.method
            async def waits(n):
                return n

            assert (await own(n), await all_of(values(3)), await waits(n)) == (n * 4 + 2, (0, 1, 2), n)

    for n in range(20):
        await once(n)
    before = await free(manager)
    for n in range(rounds):
        await once(n)
    assert abs(before - await free(manager)) <= 2 * rounds
    assert manager.sessions == ()
