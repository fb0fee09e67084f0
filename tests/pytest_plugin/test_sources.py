"""Boards that nobody named one by one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from devsession.errors import LinkError, ProviderError, UsageError
from devsession.pytest_plugin.config import DevsessionConfig
from devsession.pytest_plugin.sources import named, right_to, there
from devsession.sync import loop_thread
from devsession.transport import ports
from devsession.transport.ports import Port


@pytest.fixture(autouse=True)
def no_loop_left() -> Iterator[None]:
    """The loop of devsession.sync ends with its test, though it is kept for the process."""
    yield
    loop_thread.end()


def attached(*paths: str) -> list[Port]:
    return [Port(path, f"usb-serial:{path}", 1, 2, None, None, path, None, None) for path in paths]


def test_a_board_that_is_plugged_in_meanwhile_is_there(monkeypatch: pytest.MonkeyPatch):
    boards = DevsessionConfig(boards=(named("local:", tags=["bench"]), named("sim:")))
    monkeypatch.setattr(ports, "list_ports", lambda: attached("/dev/a"))
    assert [board.url for board in boards.of_kind("")] == ["/dev/a", "sim:"]
    monkeypatch.setattr(ports, "list_ports", lambda: attached("/dev/b", "/dev/a"))
    found = boards.of_kind("real")
    assert [board.url for board in found] == ["/dev/b", "/dev/a"]
    assert found[0].tags == {"bench"}
    assert [board.url for board in boards.of_kind("sim")] == ["sim:"]


def test_ports_that_cannot_be_listed_are_told_of(monkeypatch: pytest.MonkeyPatch):
    def broken() -> list[Port]:
        raise LinkError("the serial ports cannot be listed")

    monkeypatch.setattr(ports, "list_ports", broken)
    with pytest.raises(ProviderError, match="cannot be listed"):
        there([named("local:")], None)


def test_a_board_named_twice_is_there_once():
    assert len(there([named("sim:left"), named("sim:left"), named("sim:right")], None)) == 2


def test_a_farm_is_not_asked_before_a_test_wants_a_board():
    assert named("labgrid://127.0.0.1:1/pool=ci", name="farm").name == "farm"
    with pytest.raises(UsageError, match="no tag of labgrid's"):
        named("labgrid:ci")


def test_the_right_to_other_boards_is_their_lock():
    with right_to(named("sim:left")) as right:
        assert right.url == "sim:left"
