"""What callers get wrong is told at once, in words, by an error of the tree."""

import functools
import math

import pytest

from devsession.errors import DevsessionError, UnknownNameError, UsageError
from devsession.session.manager import DeviceSessionManager
from devsession.session.reconnect import Reconnect
from devsession.session.session import DeviceSession


@pytest.mark.parametrize(
    "use",
    [
        lambda s: s.exec("1", priority="a"),
        lambda s: s.eval("1", priority=1.5),
        lambda s: s.run("1", priority=None),
        lambda s: s.start("1", priority="a"),
        lambda s: s.events("x"),
        lambda s: s.events(1.5),
        lambda s: s.events(0),
        lambda s: s.method(pause, timeout="x"),
        lambda s: s.method(pause).options(timeout=math.nan),
        lambda s: s.method(pause).options(priority="a"),
    ],
)
async def test_numbers_that_are_none(metered, use):
    before = metered.sent
    with pytest.raises(UsageError):
        await use(metered.session)
    assert metered.sent == before


def pause() -> None:
    pass


@pytest.mark.parametrize("timeout", [-1, "x", math.nan])
def test_a_time_to_reconnect_is_one(timeout: object):
    with pytest.raises(UsageError, match="no time"):
        Reconnect(timeout)


@pytest.mark.parametrize("name", ["", "\x00", "a\nb", "x" * 101, 5, [], ("a",)])
async def test_names_of_sessions(manager: DeviceSessionManager, name: object):
    for make in (manager.create_session, manager.get_or_create, manager.end_session):
        with pytest.raises(UsageError, match="1 to 100 printable characters"):
            await make(name)
    assert manager.sessions == ()
    manager.create_session("Prüfstand 5" + "x" * 89)


async def test_a_name_that_nothing_has(manager: DeviceSessionManager):
    for use in (manager.end_session, manager.shared.remove):
        with pytest.raises(UnknownNameError, match="'nope'") as caught:
            await use("nope")
        assert isinstance(caught.value, KeyError)
        assert isinstance(caught.value, DevsessionError)


async def test_operations_are_async_functions(manager: DeviceSessionManager):
    async def operation(session: DeviceSession) -> object:
        return await session.eval("1")

    with pytest.raises(UsageError, match="the session's name comes behind it"):
        await manager.execute_in_session("name", operation)
    with pytest.raises(UsageError, match="is not async"):
        await manager.execute_in_session(lambda session: session.name)
    assert await manager.execute_in_session(functools.partial(operation)) == 1
    assert manager.sessions == ()
