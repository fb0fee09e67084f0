"""What every test of the twin must leave as it found it: threads; and a simulated board."""

import threading
from collections.abc import Iterator

import pytest

from devsession.sync import Board, DeviceSessionManager, connect
from devsession.sync.loop_thread import end


@pytest.fixture(autouse=True)
def no_leaked_threads() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    end()
    # A simulator's waiter for its interpreter ends a moment after the interpreter.
    for thread in (waiters := set(threading.enumerate()) - before):
        thread.join(2)
    assert not [thread for thread in waiters if thread.is_alive()]


@pytest.fixture
def board() -> Iterator[Board]:
    with connect("sim:") as attached:
        yield attached


@pytest.fixture
def manager() -> Iterator[DeviceSessionManager]:
    with DeviceSessionManager.open("sim:") as opened:
        yield opened
