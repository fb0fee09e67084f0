"""A mount when its link is lost: it comes back with the link, and is no harm to whoever comes without it."""

import asyncio
import contextlib
import os
from pathlib import Path

import pytest
from serving import served

from devsession import DeviceError, DeviceSessionManager, LinkError
from devsession.session.reconnect import Reconnect
from devsession.session.states import ConnectionState

# Its own: several runs may go on at once.
NAME = f"mounted-{os.getpid()}"


@pytest.fixture
def shown(tmp_path: Path) -> Path:
    folder = tmp_path / "shown"
    folder.mkdir()
    (folder / "text").write_text("seen")
    return folder


async def test_it_comes_back_with_the_link(tmp_path: Path, shown: Path):
    root = tmp_path / "root"
    root.mkdir()
    async with contextlib.AsyncExitStack() as stack:
        first = stack.enter_context(contextlib.ExitStack())
        first.enter_context(served(NAME, "--root", str(root)))
        opened = DeviceSessionManager.open(f"sim:{NAME}", reconnect=Reconnect(20))
        manager = await stack.enter_async_context(opened)
        session = await stack.enter_async_context(manager.session())
        await session.mount(shown)
        running = asyncio.ensure_future(session.exec("while 1: open('/remote/text').read()", timeout=None))
        await asyncio.sleep(0.1)
        first.close()
        with pytest.raises(LinkError):
            await running
        stack.enter_context(served(NAME, "--root", str(root)))
        await manager.wait_for(ConnectionState.CONNECTED, 20)
        assert await session.eval("open('/remote/text').read()") == "seen"
        await session.end()
        assert "remote" not in await manager.board.eval("__import__('os').listdir('/')")


async def test_who_comes_after_one_that_died_is_not_disturbed(shown: Path):
    async with DeviceSessionManager.open("sim:") as manager, manager.session() as session:
        board = manager.board
        mount = await session.mount(shown)
        await board.detach()
        # As another process would: with a nonce of its own, the helper sent anew, and nobody who knows of the mount.
        board._prompt.interpreter.attached(12345)
        board._prompt.interpreter.deployed = False
        board.withdraw(mount._number)
        manager._commons.files.mounted.clear()
        await board.attach()
        async with manager.session() as later:
            # There is nobody to ask, and nothing waits for him.
            with pytest.raises(DeviceError) as caught:
                await later.exec("open('/remote/text')")
            assert caught.value.errno == 19
            with pytest.raises(DeviceError, match="ImportError"):
                await later.exec("import none_of_that_name")
            await later.mount(shown)
            assert await later.eval("open('/remote/text').read()") == "seen"
        assert "remote" not in await board.eval("__import__('os').listdir('/')")
