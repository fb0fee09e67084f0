"""What is asked of a session beside its programs, and what is told of it to other processes."""

from __future__ import annotations

from pathlib import Path

import pytest

from devsession.coordinator.coordinator import MultiSessionCoordinator
from devsession.coordinator.states import CoordinatedState
from devsession.coordinator.store import is_taken, look
from devsession.errors import SessionError

FOREVER = "while True:\n pass"


async def test_asked_beside_its_programs(coordinator: MultiSessionCoordinator):
    session = await coordinator.create("asked", board="alpha")
    other = await coordinator.create("other", board="alpha")
    await coordinator.send("x = 6")
    asked = await session.ask("x * 7")
    assert asked is not None
    assert asked.value == 42
    assert session.buffer.text == ""
    assert session.state is CoordinatedState.ACTIVE
    # What is wrong with the question is no error of the session.
    wrong = await session.ask("missing")
    assert wrong is not None
    assert wrong.error is not None
    free = await session.measure()
    assert free is not None
    assert free > 10_000
    assert session.free_heap == free
    # Neither while it is at work, nor while its board is.
    await coordinator.send(FOREVER, wait=False)
    await session.reached(CoordinatedState.PROCESSING)
    while not session.doing:
        await other.ask("1")
    assert session.doing == "while True:"
    assert await session.ask("x") is None
    assert await other.ask("1") is None
    assert await session.measure() == free
    session.interrupt()
    await session.settled()
    assert session.doing == ""
    assert await session.ask("x") is not None


async def test_a_store_is_looked_at_from_outside(tmp_path: Path):
    store = tmp_path / "sessions.db"
    assert not is_taken(store)
    async with MultiSessionCoordinator("sim:", store=store) as coordinator:
        session = await coordinator.create("one")
        await coordinator.send("print('printed')")
        await session.measure()
        coordinator.rename("one", "first")
        assert coordinator._keeper is not None
        coordinator._keeper.save()
        is_alive, (record,) = look(store)
        assert is_alive
        assert (record.name, record.state, record.queue, record.doing) == ("first", "active", 0, "")
        assert record.free_heap == session.free_heap
        assert record.printed == len("printed\n")
    assert not is_taken(store)
    assert not look(store)[0]
    store.write_text("no database")
    with pytest.raises(SessionError, match="cannot be read"):
        look(store)
