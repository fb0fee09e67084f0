"""Named sessions on simulated boards: what they are sent, what they show, how they end."""

import asyncio
import os
from contextlib import AsyncExitStack, ExitStack
from pathlib import Path

import pytest
from serving import served

from devsession import SessionPool
from devsession.coordinator.coordinator import MultiSessionCoordinator
from devsession.coordinator.limits import SessionLimits
from devsession.coordinator.states import CoordinatedState, SessionEventKind
from devsession.errors import (
    SessionEndedError,
    SessionError,
    SessionExistsError,
    UnknownNameError,
    UsageError,
)

State = CoordinatedState
# More than any of this takes.
PATIENCE = 10.0
# Its own: several runs may go on at once.
NAME = f"coordinated-{os.getpid()}"


async def test_what_is_sent_goes_to_the_foreground(coordinator: MultiSessionCoordinator):
    one = await coordinator.create("one", board="alpha")
    two = await coordinator.create("two", board="alpha")
    assert coordinator.foreground is one
    await coordinator.send("x = 1\nprint('in one')")
    assert coordinator.switch("two") is two
    await coordinator.send("x = 2\nprint('in two')")
    await coordinator.send("x")
    await coordinator.send("x", "one")
    assert (one.buffer.text, two.buffer.text) == ("in one\n1\n", "in two\n2\n")
    assert [session.name for session in coordinator.list()] == ["one", "two"]


async def test_input_is_waited_for_and_answered(coordinator: MultiSessionCoordinator):
    session = await coordinator.create("ask")
    await coordinator.send("name = input('name? ')\nprint('hello', name)")
    assert (session.state, session.prompt) == (State.WAITING, "name? ")
    assert coordinator.list(waiting=True) == [session]
    await coordinator.send("Ägir")
    assert (session.state, session.prompt) == (State.ACTIVE, None)
    assert session.buffer.text == "name? Ägir\nhello Ägir\n"
    assert coordinator.list(waiting=True) == []


async def test_one_in_the_background_waits_and_is_answered_by_name(coordinator: MultiSessionCoordinator):
    asking = await coordinator.create("asking", board="alpha")
    other = await coordinator.create("other", board="beta")
    coordinator.switch("other")
    await coordinator.send("print(input('a? ') + input('b? '))", "asking")
    await coordinator.send("print('on')")
    assert (asking.state, asking.prompt, other.buffer.text) == (State.WAITING, "a? ", "on\n")
    await coordinator.send("1", "asking")
    assert asking.prompt == "b? "
    await coordinator.send("2", "asking")
    assert asking.buffer.tail(1) == "12\n"


async def test_raw_bytes_reach_a_program(coordinator: MultiSessionCoordinator):
    session = await coordinator.create()
    await coordinator.send("import sys\nprint('go')\nprint(sys.stdin.read(3) == 'a\\x01b')", wait=False)
    while "go" not in session.buffer.text:
        await session.buffer.changed()
    coordinator.send_bytes(b"a\x01b")
    await session.settled()
    assert session.buffer.text == "go\nTrue\n"
    with pytest.raises(UsageError, match="no program"):
        coordinator.send_bytes(b"x")


async def test_what_a_program_did_not_read_does_not_reach_the_next(coordinator: MultiSessionCoordinator):
    session = await coordinator.create()
    await coordinator.send("x = input()")
    coordinator.send_bytes(b"first\nprint('never')\n")
    await session.settled()
    await coordinator.send("x")
    assert session.buffer.text == "'first'\n"


async def test_an_exception_is_shown_and_the_session_goes_on(coordinator: MultiSessionCoordinator):
    session = await coordinator.create()
    await coordinator.send("1/0")
    assert session.state is State.ACTIVE
    assert "ZeroDivisionError" in session.buffer.text
    await coordinator.send("print('on')")
    assert session.buffer.tail(1) == "on\n"


async def test_kinds_end_by_themselves(coordinator: MultiSessionCoordinator, tmp_path: Path):
    program = tmp_path / "blink it.py"
    program.write_text("print('ran')")
    script = await coordinator.create(kind="script", board="alpha", program=program)
    assert script.name == "alpha-blink-it"
    await script.reached(State.COMPLETED)
    assert script.buffer.text == "ran\n"
    failing = await coordinator.create("failing", "script", program="raise SystemExit(3)")
    await failing.reached(State.FAILED)
    assert failing.reason == "exit code 3"
    tested = await coordinator.create("tested", "test")
    tested.send("assert True")
    tested.send("assert 1 == 2, 'no'")
    tested.send("print('never')")
    await tested.reached(State.FAILED)
    assert "AssertionError: no" in tested.reason
    assert "never" not in tested.buffer.text
    with pytest.raises(SessionEndedError):
        tested.send("print('never')")
    await coordinator.close("failing")
    assert [session.name for session in coordinator.list()] == [script.name, "tested"]


async def test_an_interrupt_reaches_the_session_that_is_meant(coordinator: MultiSessionCoordinator):
    busy = await coordinator.create("busy", board="alpha")
    queued = await coordinator.create("queued", board="alpha")
    await coordinator.send("print('go')\nwhile True: pass", wait=False)
    while "go" not in busy.buffer.text:
        await busy.buffer.changed()
    queued.send("print('ran')")
    assert not coordinator.interrupt("queued")
    queued.send("print('ran after all')")
    assert coordinator.interrupt()
    await busy.settled()
    await queued.settled()
    assert "KeyboardInterrupt" in busy.buffer.text
    assert queued.buffer.text == "ran after all\n"


async def test_changes_are_told(coordinator: MultiSessionCoordinator):
    told = []
    coordinator.changes.add(lambda change: told.append((change.what, change.before, change.after)))
    await coordinator.create("a")
    await coordinator.send("input('> ')")
    await coordinator.send("x")
    coordinator.rename("a", "b")
    await coordinator.close()
    states = [(before, after) for what, before, after in told if what is SessionEventKind.STATE]
    assert states == [
        (State.ACTIVE, State.PROCESSING),
        (State.PROCESSING, State.WAITING),
        (State.WAITING, State.PROCESSING),
        (State.PROCESSING, State.ACTIVE),
        (State.ACTIVE, State.COMPLETED),
    ]
    assert (SessionEventKind.RENAMED, "a", "b") in told
    assert [what for what, *_ in told if what is not SessionEventKind.STATE] == [
        SessionEventKind.CREATED,
        SessionEventKind.FOREGROUND,
        SessionEventKind.RENAMED,
        SessionEventKind.FOREGROUND,
        SessionEventKind.CLOSED,
    ]


@pytest.mark.parametrize("name", ["", "a" * 21, "a b", "ä", "a/b", "../x", 3])
async def test_names_that_are_none(coordinator: MultiSessionCoordinator, name):
    with pytest.raises(UsageError):
        await coordinator.create(name)


async def test_names_are_unique_and_made_up(coordinator: MultiSessionCoordinator):
    await coordinator.create("a")
    with pytest.raises(SessionExistsError):
        await coordinator.create("a")
    made = [await coordinator.create(board="beta") for _ in range(3)]
    assert [session.name for session in made] == [
        "beta-interactive",
        "beta-interactive-2",
        "beta-interactive-3",
    ]
    with pytest.raises(SessionExistsError):
        coordinator.rename("a", "beta-interactive")
    with pytest.raises(UnknownNameError):
        coordinator.switch("nobody")
    with pytest.raises(UnknownNameError):
        await coordinator.create(board="gamma")
    with pytest.raises(UsageError):
        await coordinator.create(kind="nothing")


async def test_limits():
    async with MultiSessionCoordinator(
        "sim:", limits=SessionLimits(sessions=1, rate=2, queue=2)
    ) as coordinator:
        session = await coordinator.create()
        with pytest.raises(SessionError, match="1 sessions already"):
            await coordinator.create()
        session.send("1")
        session.send("2")
        with pytest.raises(SessionError, match="more than 2"):
            session.send("3")
        await session.settled()
        assert session.buffer.text == "1\n2\n"
    with pytest.raises(SessionError, match="closed"):
        await coordinator.create()
    with pytest.raises(UsageError):
        SessionLimits(calls=0)


async def test_calls_at_once_are_limited_and_those_that_wait_for_input_do_not_count():
    async with MultiSessionCoordinator(
        {"a": "sim:", "b": "sim:"}, limits=SessionLimits(calls=1)
    ) as coordinator:
        asking = await coordinator.create("asking", board="a")
        other = await coordinator.create("other", board="b")
        await coordinator.send("input('> ')", "asking")
        await coordinator.send("print('ran')", "other")
        other.send("while True: pass")
        await asyncio.sleep(0)
        await coordinator.send("x", "asking")
        assert asking.state is State.ACTIVE
        asking.send("print('not yet')")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await asking.settled()
        coordinator.interrupt("other")
        await asking.settled()
        assert asking.buffer.tail(1) == "not yet\n"


async def test_pause_holds_back_the_queue(coordinator: MultiSessionCoordinator):
    session = await coordinator.create()
    coordinator.pause()
    assert session.state is State.PAUSED
    await coordinator.send("print('later')")
    assert (session.buffer.text, session.waiting) == ("", 1)
    assert await coordinator.resume() == {}
    await session.settled()
    assert (session.buffer.text, session.state) == ("later\n", State.ACTIVE)


async def test_pause_stops_a_program_at_its_pause_point(coordinator: MultiSessionCoordinator):
    session = await coordinator.create()
    await coordinator.send("n = 0\nwhile n < 10**6:\n  n += 1\n  pause_point()", wait=False)
    other = await coordinator.create("other")
    async with asyncio.timeout(PATIENCE):
        await coordinator.send("print('meanwhile')", "other")
        session.pause()
        await session.reached(State.PAUSED)
        await coordinator.resume()
        assert session.state is State.PROCESSING
        session.interrupt()
        await session.settled()
        await coordinator.send("n > 0")
    assert session.buffer.tail(1) == "True\n"
    assert other.buffer.text == "meanwhile\n"


async def test_a_paused_session_that_waits_for_input_goes_on_waiting(coordinator: MultiSessionCoordinator):
    session = await coordinator.create()
    await coordinator.send("print(input('> '))")
    coordinator.pause()
    with pytest.raises(SessionError, match="paused"):
        await coordinator.send("x")
    await coordinator.resume()
    assert (session.state, session.prompt) == (State.WAITING, "> ")
    await coordinator.send("x")
    assert session.buffer.text == "> x\nx\n"


async def test_a_lost_board_fails_its_sessions_and_is_opened_anew():
    async with AsyncExitStack() as stack:
        first = stack.enter_context(ExitStack())
        first.enter_context(served(NAME))
        coordinator = await stack.enter_async_context(MultiSessionCoordinator({"alpha": f"sim:{NAME}"}))
        session = await coordinator.create("lost")
        idle = await coordinator.create("idle")
        await coordinator.send("print(input('> '))")
        first.close()
        await session.reached(State.FAILED)
        await idle.reached(State.FAILED)
        assert session.reason.startswith("lost: ")
        stack.enter_context(served(NAME))
        again = await coordinator.create("again")
        await coordinator.send("print('here')", "again")
        assert again.buffer.text == "here\n"


async def test_a_result_is_to_be_had(coordinator: MultiSessionCoordinator):
    await coordinator.create()
    assert (await coordinator.run("6 * 7")).value == 42
    assert (await coordinator.run("1/0")).exit_code == 1


async def test_what_a_board_prints_by_itself_is_of_the_session_that_ran_last(
    coordinator: MultiSessionCoordinator,
):
    session = await coordinator.create("timer", board="alpha")
    other = await coordinator.create("other", board="alpha")
    await coordinator.send(
        "import machine\nt = machine.Timer(-1, period=5, callback=lambda t: print('tick'))"
    )
    async with asyncio.timeout(PATIENCE):
        while session.buffer.text.count("tick\n") < 3:
            await session.buffer.changed()
    assert other.buffer.text == ""
    await coordinator.send("t.deinit()")


async def test_closing_does_not_wait_for_the_program_of_another(coordinator: MultiSessionCoordinator):
    await coordinator.create("busy", board="alpha")
    used = await coordinator.create("used", board="alpha")
    await coordinator.send("x = 1", "used")
    coordinator.get("busy").send("while True: pass")
    async with asyncio.timeout(PATIENCE):
        await coordinator.close("used")
    assert used.state is State.COMPLETED
    assert [one.name for one in coordinator.list()] == ["busy"]


async def test_on_a_pool_each_session_has_a_board():
    async with (
        SessionPool(provider="sim:", min_size=0, max_size=2) as pool,
        MultiSessionCoordinator(pool) as coordinator,
    ):
        asking = await coordinator.create("asking")
        other = await coordinator.create("other")
        await coordinator.send("x = input('? ')", "asking")
        await coordinator.send("print('meanwhile')", "other")
        assert (asking.state, other.buffer.text) == (State.WAITING, "meanwhile\n")
        await coordinator.send("yes", "asking")
        await coordinator.hibernate("asking")
        await coordinator.create("third")
        with pytest.raises(UsageError, match="pool"):
            await coordinator.create(board="alpha")
        await coordinator.close("other")
        await coordinator.resume("asking")
        assert (await coordinator.run("x", "asking")).value == "yes"
        await coordinator.close("third")
        # What was closed leaves nothing to the next of its name.
        await coordinator.create("third")
        assert (await coordinator.run("'x' in globals()", "third")).value is False


async def test_who_waits_for_a_program_that_was_stopped_is_told(coordinator: MultiSessionCoordinator):
    session = await coordinator.create()
    loop = asyncio.get_running_loop()
    running = loop.create_task(coordinator.run("print('go')\nwhile True: pass"))
    dropped = loop.create_task(coordinator.run("print('never')"))
    async with asyncio.timeout(PATIENCE):
        while "go" not in session.buffer.text:
            await session.buffer.changed()
        coordinator.interrupt()
        with pytest.raises(SessionEndedError, match="before this program began"):
            await dropped
        assert (await running).exit_code == 1
        closed = loop.create_task(coordinator.run("print('again')\nwhile True: pass"))
        while "again" not in session.buffer.text:
            await session.buffer.changed()
        await coordinator.close()
        with pytest.raises(SessionEndedError, match="was stopped"):
            await closed
