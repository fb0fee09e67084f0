"""Scripted, metered and recorded links."""

import asyncio

import pytest
from test_descriptor import Inbox

from devsession.errors import LinkClosedError, LinkError, LinkLostError
from devsession.transport.metering import Meter, MeteredTransport
from devsession.transport.recording import Direction, RecordedTransport
from devsession.transport.scripted import Expect, ExpectUntil, Lose, Reply, ScriptedTransport, Stall

HELLO = [Expect(b"hello\n"), Reply(b"hi "), Reply(b"there"), ExpectUntil(b"bye"), Reply(b"!")]


async def test_a_link_without_lines_cannot_reset():
    link = ScriptedTransport([])
    assert not link.can_reset
    with pytest.raises(LinkError, match="no reset line"):
        await link.reset_board()


async def test_a_script_is_played_in_order_over_any_split():
    inbox, link = Inbox(), ScriptedTransport(HELLO)
    await link.open(inbox)
    link.write(b"hel")
    link.write(b"lo\n")
    await inbox.until(lambda: inbox.data == b"hi there")
    assert not link.done
    link.write(b"good")
    link.write(b"bye")
    await inbox.until(lambda: inbox.data == b"hi there!")
    assert link.done
    await link.close()
    await inbox.until(lambda: inbox.ends == [None])


async def test_a_wrong_write_ends_the_link_and_shows_both():
    inbox, link = Inbox(), ScriptedTransport(HELLO)
    await link.open(inbox)
    link.write(b"help")
    await inbox.until(lambda: inbox.ends)
    assert "'help' where b'hello" in str(inbox.ends[0])
    with pytest.raises(LinkError):
        link.write(b"x")


async def test_a_script_may_lose_the_link_and_stall():
    inbox, link = Inbox(), ScriptedTransport([Expect(b"a"), Stall()])
    await link.open(inbox)
    link.write(b"a")
    link.write(b"bc")
    assert link.unsent == 2
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await link.drain()
    await link.close()
    lost = ScriptedTransport([Lose("pulled")])
    await lost.open(inbox)
    await inbox.until(lambda: len(inbox.ends) == 2)
    assert isinstance(inbox.ends[1], LinkLostError)


async def test_an_unopened_script_takes_nothing():
    with pytest.raises(LinkClosedError):
        ScriptedTransport([]).write(b"x")


async def test_turns_and_bytes_are_counted():
    inbox, link = Inbox(), MeteredTransport(RecordedTransport(ScriptedTransport(HELLO)))
    await link.open(inbox)
    link.write(b"hel")
    link.write(b"lo\n")
    await inbox.until(lambda: inbox.data == b"hi there")
    before = link.snapshot()
    assert before == Meter(up=6, down=8, turns=1)
    link.write(b"bye")
    await inbox.until(lambda: inbox.data.endswith(b"!"))
    assert link.meter - before == Meter(up=3, down=1, turns=1)
    await link.close()


async def test_a_recording_can_be_read():
    inbox, inner = Inbox(), ScriptedTransport(HELLO)
    link = RecordedTransport(inner, kept=3)
    await link.open(inbox)
    link.write(b"hello\n")
    await inbox.until(lambda: inbox.data == b"hi there")
    assert link.bytes_of(Direction.UP) == b"hello\n"
    assert link.bytes_of(Direction.DOWN) == b"hi there"
    assert [line.split(" ", 1)[1].strip() for line in str(link).strip().split("\n")][0].endswith(
        "> b'hello\\n'"
    )
    await link.drain()
    assert link.unsent == 0
    link.write(b"bye")
    assert link.bytes_of(Direction.UP) == b"bye"
    link.abort()


async def test_a_recording_is_bounded_in_bytes_and_says_what_it_dropped():
    inbox, link = Inbox(), RecordedTransport(ScriptedTransport([]), limit=1000)
    await link.open(inbox)
    for _ in range(5):
        link.write(b"x" * 400)
    assert link.bytes_of(Direction.UP) == b"x" * 800
    assert str(link).startswith("3 earlier chunks were dropped\n")
    link.write(b"y" * 4000)
    assert link.bytes_of(Direction.UP) == b"y" * 4000
    link.abort()


async def test_an_abort_ends_a_drain_of_a_stalled_script():
    inbox, link = Inbox(), ScriptedTransport([Stall()])
    await link.open(inbox)
    link.write(b"x")
    draining = asyncio.create_task(link.drain())
    await asyncio.sleep(0)
    link.abort()
    with pytest.raises(LinkClosedError):
        await draining
