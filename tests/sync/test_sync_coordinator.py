"""A coordinator from a plain program."""

from pathlib import Path

import pytest

from devsession import CoordinatedState, SessionEventKind, SessionExistsError
from devsession.sync import DeviceSessionManager, MultiSessionCoordinator


def test_sessions_without_await(tmp_path: Path):
    told = []
    with MultiSessionCoordinator({"alpha": "sim:"}, store=tmp_path / "sessions.db") as coordinator:
        coordinator.changes.add(lambda event: told.append(event.what))
        first = coordinator.create("first")
        with pytest.raises(SessionExistsError):
            coordinator.create("first")
        assert coordinator.foreground == first
        coordinator.send("name = input('name? ')")
        assert (first.state, first.prompt) == (CoordinatedState.WAITING, "name? ")
        assert [one.name for one in coordinator.list(waiting=True)] == ["first"]
        coordinator.send("Anna")
        assert coordinator.run("name").value == "Anna"
        assert first.buffer.tail(1) == "'Anna'\n"
        assert first.session is not None
        assert first.session.eval("name") == "Anna"
        assert coordinator.hibernate().values == {"name": "Anna"}
        assert first.session is None
        assert coordinator.resume() == {}
        coordinator.close()
        assert coordinator.foreground is None
    assert told[0] is SessionEventKind.CREATED
    assert told[-1] is SessionEventKind.CLOSED


def test_on_a_manager_that_goes_on():
    with DeviceSessionManager.open("sim:") as manager:
        with MultiSessionCoordinator({"mine": manager}) as coordinator:
            coordinator.create("one")
            coordinator.send("print(1)")
            assert [len(manager.sessions), bytes(coordinator.get("one").buffer)] == [1, b"1\n"]
        assert manager.sessions == ()
        assert manager.board.eval("6 * 7") == 42
