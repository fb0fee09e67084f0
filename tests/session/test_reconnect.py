"""A manager whose link was lost comes back to the same board, and brings back what can be: profile, methods, pins."""

import asyncio
import contextlib
import os
from pathlib import Path

import pytest
from serving import served

from devsession import DeviceSessionManager, SessionProfile
from devsession.errors import DeadlineError, LinkError
from devsession.session.cleanup import ResourceState
from devsession.session.reconnect import Reconnect
from devsession.session.states import ConnectionState

# Its own: several runs may go on at once.
NAME = f"reconnected-{os.getpid()}"


async def lost(manager: DeviceSessionManager) -> None:
    await manager.wait_for(ConnectionState.LOST)


async def test_what_was_lost_comes_back(tmp_path: Path):
    profile = SessionProfile(modules=["os"], setup="answer = 42")
    told = []
    async with contextlib.AsyncExitStack() as stack:
        first = stack.enter_context(contextlib.ExitStack())
        first.enter_context(served(NAME, "--root", str(tmp_path)))
        manager = await stack.enter_async_context(
            DeviceSessionManager.open(f"sim:{NAME}", reconnect=Reconnect(20))
        )
        manager.state_changed.add(lambda change: told.append(change.after))

        @manager.method
        def double(x):
            return 2 * x

        session = await stack.enter_async_context(manager.session("kept", profile=profile))

        @session.method
        def ask(x):
            return double(x) + answer  # noqa: F821 - the board has it

        assert await ask(1) == 44
        pin = await session.part.pin(2, "OUT")
        await pin.value(1)
        await session.exec("lost = 1")
        events = session.events()
        first.close()
        await lost(manager)
        with pytest.raises(LinkError):
            await session.eval("1")
        stack.enter_context(served(NAME, "--root", str(tmp_path)))
        await manager.wait_for(ConnectionState.CONNECTED, 20)
        assert ask.is_deployed
        assert double.is_deployed
        assert [held.state for held in session.resources] == [ResourceState.ACTIVE]
        assert await pin.value() == 0
        assert await ask(2) == 46
        assert not await session.device.is_defined("lost")
        await session.exec("devsession_helper.emit(1)")
        assert (await anext(events)).value == 1
        await session.end()
        assert await manager.board.eval("len(_devsession_h['h'])") == 1
    assert told[-1] is ConnectionState.CLOSED
    assert ConnectionState.LOST in told


async def test_another_board_is_not_taken_for_it(tmp_path: Path):
    other = tmp_path / "other"
    other.mkdir()
    (other / "boot.py").write_text("import machine\nmachine.unique_id = lambda: b'another'\n")
    manager = DeviceSessionManager.open(f"sim:{NAME}", reconnect=Reconnect(20))
    with served(NAME, "--root", str(tmp_path)):
        await manager.connect()
    await lost(manager)
    with served(NAME, "--root", str(other)):
        async with asyncio.timeout(20):
            while manager.state is not ConnectionState.CONNECTING:
                await asyncio.sleep(0.01)
        await lost(manager)
        await manager.close()


async def test_without_a_policy_it_is_for_the_caller(tmp_path: Path):
    manager = DeviceSessionManager.open(f"sim:{NAME}")
    with served(NAME, "--root", str(tmp_path)):
        await manager.connect()
    await lost(manager)
    with pytest.raises(DeadlineError, match="is lost"):
        await manager.wait_for(ConnectionState.CONNECTED, 0.1)
    with served(NAME, "--root", str(tmp_path)):
        await manager.connect()
        assert await manager.board.eval("1") == 1
        await manager.close()
