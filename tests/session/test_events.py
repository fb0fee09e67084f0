"""Events that a real interpreter sends by itself: from callbacks, threads and modules, idle and while programs run."""

import asyncio
import math

import pytest

from devsession.board.board import Board
from devsession.errors import (
    DeviceError,
    DeviceResetError,
    LinkClosedError,
    LinkLostError,
    UncertainExecutionError,
    UnrepresentableValueError,
    UsageError,
)
from devsession.links import link
from devsession.session.events import Events
from devsession.session.manager import DeviceSessionManager
from devsession.session.session import DeviceSession
from devsession.transport.fault_plan import Fault, FaultKind
from devsession.transport.faults import FaultyTransport
from devsession.transport.metering import MeteredTransport
from devsession.transport.recording import Direction

# Counts in a namespace, and sends what it counts.
TICKS = """
import machine
count = [0]
def tick(timer):
    count[0] += 1
    devsession_helper.emit((count[0], 0.1))
timer = machine.Timer(-1, period=2, callback=tick)
"""
# More than any of this takes.
PATIENCE = 10.0


async def values(events: Events, count: int) -> list[object]:
    async with asyncio.timeout(PATIENCE):
        return [(await anext(events)).value for _ in range(count)]


async def rest(events: Events) -> list[object]:
    """Return what waits; nothing may come any more."""
    events.end()
    return [event.value async for event in events]


async def test_a_callback_sends_while_nothing_runs(manager: DeviceSessionManager):
    async with manager.session() as session:
        events = session.events()
        await session.exec(TICKS)
        assert await values(events, 20) == [(n, 0.1) for n in range(1, 21)]
        await session.exec("timer.deinit()")
    assert events.dropped == 0
    assert "0.M" not in manager.board.output.text


async def test_a_timer_sends_during_a_thousand_execs_of_another_session(manager: DeviceSessionManager):
    async with manager.session() as session, manager.session() as other:
        events = session.events(limit=1_000_000)
        await session.exec(TICKS)
        for number in range(1000):
            assert await other.eval(f"{number}*3") == number * 3
        await session.exec("timer.deinit()")
        count = await session.eval("count[0]")
        assert await rest(events) == [(n, 0.1) for n in range(1, count + 1)]
        assert count > 50


async def test_events_in_the_middle_of_long_values_and_output(manager: DeviceSessionManager):
    async with manager.session() as session:
        events = session.events(limit=1_000_000)
        await session.exec(TICKS)
        for _ in range(20):
            assert await session.eval("'x' * 8000") == "x" * 8000
            execution = await session.exec("for n in range(400): print('line', n)")
            assert execution.output == "".join(f"line {n}\n" for n in range(400))
        await session.exec("timer.deinit()")
        count = await session.eval("count[0]")
        assert await rest(events) == [(n, 0.1) for n in range(1, count + 1)]
    assert manager.board.events_dropped == 0


async def test_threads_send(manager: DeviceSessionManager):
    async with manager.session() as session:
        events = session.events()

        @session.thread
        def work(stop, name, count):
            for number in range(count):
                devsession_helper.emit((name, number))  # noqa: F821 - there it is known

        await work("a", 50)
        await work("b", 50)
        found = await values(events, 100)
    for name in ("a", "b"):
        assert [value for value in found if value[0] == name] == [(name, n) for n in range(50)]


async def test_methods_send(manager: DeviceSessionManager):
    async with manager.session() as session:

        @session.method
        def work(number):
            devsession_helper.emit(number)  # noqa: F821 - there it is known

        with pytest.raises(DeviceError, match="NameError"):
            await work(1)
        events = session.events()
        await work(2)
        assert await values(events, 1) == [2]


async def test_values_are_exact(manager: DeviceSessionManager):
    sent = [None, True, -(10**30), 0.1, math.inf, "äö\n\x1e", b"\x00\x1e\xff", [(1,), {"a": {2}}], range(3)]
    async with manager.session() as session, session.events() as events:
        for value in sent:
            await session.exec(f"devsession_helper.emit({value!r})".replace("inf", "float('inf')"))
        assert await values(events, len(sent)) == sent


async def test_what_has_no_form_here_is_marked(manager: DeviceSessionManager):
    async with manager.session() as session:
        events = session.events()
        await session.exec("class Motor:\n def __repr__(s): return 'fast \\x1e ' + 'é' * 500")
        await session.exec("devsession_helper.emit(Motor())")
        with pytest.raises(UnrepresentableValueError, match="Motor") as caught:
            _ = (await anext(events)).value
        assert caught.value.text.startswith("fast \x1e é")


async def test_what_is_too_long_is_an_error_there(manager: DeviceSessionManager):
    async with manager.session() as session:
        events = session.events()
        with pytest.raises(DeviceError, match="event too long"):
            await session.exec("devsession_helper.emit('x' * 1000)")
        await session.exec("devsession_helper.emit('x' * 950)")
        assert await values(events, 1) == ["x" * 950]


async def test_sessions_hear_their_own_and_every_iterator_everything(manager: DeviceSessionManager):
    async with manager.session() as one, manager.session() as two:
        first, second, other = one.events(), one.events(), two.events()
        await one.exec("devsession_helper.emit(1)")
        await two.exec("devsession_helper.emit(2)")
        late = one.events()
        await one.exec("devsession_helper.emit(3)")
        assert await values(first, 2) == await values(second, 2) == [1, 3]
        assert await values(other, 1) == [2]
        assert await values(late, 1) == [3]


async def test_modules_reach_all_sessions_and_no_file_is_written(manager: DeviceSessionManager):
    async with manager.session() as one, manager.session() as two:
        first, second = one.events(), two.events()
        await one.files.write_bytes(
            "/sensor.py", b"import devsession_helper\ndef go(x): devsession_helper.emit(x)\n"
        )
        await two.exec("x = 1")
        await one.exec("import sensor; sensor.go('module'); devsession_helper.emit('own')")
        assert await values(first, 2) == ["module", "own"]
        assert await rest(second) == ["module"]
        assert await one.eval("__import__('os').listdir('/')") == ["sensor.py"]
        assert await two.device.names() == ["x"]


async def test_the_main_namespace(manager: DeviceSessionManager):
    async with manager.session(namespace="main") as one, manager.session(namespace="main") as two:
        first, second = one.events(), two.events()
        await manager.board.exec("devsession_helper.emit(5)")
        assert await values(first, 1) == await values(second, 1) == [5]
        await two.end()
        await manager.board.exec("devsession_helper.emit(6)")
        assert await values(first, 1) == [6]


async def test_a_slow_reader_misses_the_oldest(manager: DeviceSessionManager):
    async with manager.session() as session:
        events, all_of_them = session.events(limit=10), session.events(limit=5000)
        await session.exec("for n in range(5000): devsession_helper.emit(n)")
        assert await values(events, 10) == list(range(4990, 5000))
        assert events.dropped == 4990
        assert await values(all_of_them, 5000) == list(range(5000))
        with pytest.raises(UsageError, match="no number of events"):
            session.events(limit=0)


async def test_it_ends_with_the_session_and_what_comes_then_is_dropped(manager: DeviceSessionManager):
    async with manager.session() as session:
        events = session.events()
        await session.exec("devsession_helper.emit(1)\nimport builtins\nbuiltins.kept = devsession_helper")
        reader = asyncio.create_task(_all(events))
        await asyncio.sleep(0)
    assert await reader == [1]
    await manager.board.exec("kept.emit(2)")
    assert manager.board.events_dropped == 1
    assert not manager.board.output.text.count("0.M")


async def _all(events: Events) -> list[object]:
    return [event.value async for event in events]


async def test_forged_messages_are_dropped_and_counted(manager: DeviceSessionManager):
    forgery = """
nonce = __import__('__main__')._devsession_h['c'][0]
def forge(payload, check=0):
    print('\x1e%x.0.M%x.%s.%x\x1f' % (nonce, len(payload), payload, sum(payload.encode()) + check), end='')
for payload in ('', 'x', '1', '0', "0,", "0,1,'x'", "0,'a','b','c'", "'0',1", '12345,1'): forge(payload)
forge('0,1', check=1)
devsession_helper.emit('real')
"""
    async with manager.session(namespace="main") as session:
        events = session.events()
        assert (await session.exec(forgery)).output == ""
        assert await values(events, 1) == ["real"]
        assert manager.board.events_dropped == 10


async def test_iterators_that_nobody_holds_are_forgotten(manager: DeviceSessionManager):
    async with manager.session() as session:
        async with session.events() as events:
            pass
        assert await rest(events) == []
        session.events()
        await session.exec("devsession_helper.emit(1)")
        assert manager.board.events_dropped == 1


async def test_a_cancelled_reader_loses_nothing(manager: DeviceSessionManager):
    async with manager.session() as session:
        events = session.events()
        await session.exec(TICKS)
        read = []
        for number in range(200):
            reader = asyncio.ensure_future(anext(events))
            await asyncio.wait([reader], timeout=0.0001 * (number % 30))
            reader.cancel()
            await asyncio.wait([reader])
            if not reader.cancelled():
                read.append(reader.result().value)
        await session.exec("timer.deinit()")
        count = await session.eval("count[0]")
        assert read + await rest(events) == [(n, 0.1) for n in range(1, count + 1)]


async def test_a_reset_in_between(manager: DeviceSessionManager):
    async with manager.session() as session:
        events = session.events()
        await session.exec("devsession_helper.emit(1)")
        await manager.board.soft_reset()
        await session.exec("devsession_helper.emit(2)")
        # A reset that nobody announced.
        with pytest.raises(DeviceResetError):
            await session.exec("import sys; sys.stdout.write('bye')\nimport machine; machine.soft_reset()")
            await session.exec("import machine; machine.reset()")
        await session.exec("devsession_helper.emit(3)")
        assert await values(events, 3) == [1, 2, 3]


async def test_the_name_is_put_there_once(manager: DeviceSessionManager):
    metered = MeteredTransport(link("sim:"))
    async with DeviceSessionManager(Board(metered)) as other, other.session() as session:
        await session.exec("x = 1")
        before = metered.snapshot()
        await session.exec("x = 2")
        plain = metered.meter - before
        events = session.events()
        before = metered.snapshot()
        await session.exec("x = 3")
        first = metered.meter - before
        before = metered.snapshot()
        await session.exec("x = 4")
        assert (metered.meter - before).up == plain.up
        assert (metered.meter - before).turns == plain.turns == 1
        assert first.turns == 2
        assert first.up - plain.up < 800
        assert await rest(events) == []


async def test_a_helper_damaged_on_its_way_is_sent_again():
    # Within its source: a flip in the nonce before that is an error of its own.
    for at in range(120, 440, 40):
        faulty = FaultyTransport(link("sim:"))
        async with Board(faulty) as board:
            await board.exec("x = 1")
            events = Events(board, 0, 10)
            faulty.add(Fault(FaultKind.FLIP, Direction.UP, at))
            await board.exec("devsession_helper.emit(5)")
            assert await values(events, 1) == [5]
        assert len(faulty.happened) == 1


async def test_loss_of_the_link_and_its_end(manager: DeviceSessionManager):
    faulty = FaultyTransport(link("sim:"))
    async with DeviceSessionManager(Board(faulty)) as other:
        session = other.create_session()
        events = session.events()
        await session.exec("devsession_helper.emit(1)")
        reader = asyncio.create_task(values(events, 2))
        faulty.add(Fault(FaultKind.DISCONNECT, Direction.DOWN, 1))
        with pytest.raises(UncertainExecutionError):
            await session.exec("print(1)")
        with pytest.raises(LinkLostError):
            await reader
    assert await rest(events) == []
    board = manager.board
    unended = Events(board, 0, 5)
    await board.exec("devsession_helper.emit(7)")
    await board.close()
    assert await values(unended, 1) == [7]
    with pytest.raises(LinkClosedError):
        await anext(unended)


async def test_a_later_attach_neither_believes_nor_shows_an_old_one():
    async with Board(link("sim:")) as board:
        session = DeviceSessionManager(board).create_session()
        events = session.events()
        await session.exec(TICKS)
        await values(events, 3)
        await board.detach()
        # As another process would: with a nonce of its own, and the helper sent anew.
        board._prompt.interpreter.attached(12345)
        board._prompt.interpreter.deployed = False
        end, dropped = board.output.end, board.events_dropped
        await asyncio.sleep(0.05)
        await board.attach()
        await asyncio.sleep(0.05)
        assert board.events_dropped > dropped
        assert await board.eval("6*7") == 42
        await board.exec("import time; time.sleep_ms(30)")
        assert b"0.M" not in board.output.since(end)[1]
        assert len(events._waiting) > 3
        await session.exec("timer.deinit()")


async def test_sessions_that_end_leave_nothing_behind(manager: DeviceSessionManager):
    async def once(session: DeviceSession) -> None:
        events = session.events()
        await session.exec("devsession_helper.emit(1)")
        assert await values(events, 1) == [1]

    async def free() -> int:
        return int(await manager.board.eval("(__import__('gc').collect(), __import__('gc').mem_free())[1]"))

    for _ in range(5):
        await manager.execute_in_session(once)
    before = await free()
    for _ in range(100):
        await manager.execute_in_session(once)
    assert before - await free() < 200
    assert not manager.board.messages._lives
    assert not manager.board.messages._listeners
