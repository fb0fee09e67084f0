"""Resets: asked for, done by a program, noticed."""

import pytest

from devsession import DeviceError, DeviceResetError, DeviceSessionManager, Reset


@pytest.mark.parametrize("kind", [Reset.RAW_SOFT, Reset.SOFT], ids=["raw soft", "soft"])
async def test_a_soft_reset_starts_afresh(manager: DeviceSessionManager, kind: Reset):
    await manager.board.exec("x = 1")
    await manager.board.reset(kind)
    with pytest.raises(DeviceError, match="NameError"):
        await manager.board.eval("x")


@pytest.mark.needs("machine")
async def test_a_reset_of_the_chip_starts_afresh(manager: DeviceSessionManager):
    await manager.board.exec("x = 1")
    await manager.board.reset(Reset.MACHINE)
    with pytest.raises(DeviceError, match="NameError"):
        await manager.board.eval("x")


@pytest.mark.needs("machine")
async def test_a_program_that_resets_the_board_is_told(manager: DeviceSessionManager):
    with pytest.raises(DeviceResetError):
        await manager.board.exec("__import__('machine').reset()")
    assert await manager.board.eval("6 * 7") == 42


async def test_a_session_goes_on_after_a_reset(manager: DeviceSessionManager):
    async with manager.session() as session:

        @session.method
        def twice(n):
            return 2 * n

        assert await twice(2) == 4
        await manager.board.soft_reset()
        assert await twice(3) == 6
        await session.exec("x = 1")
        assert await session.eval("x") == 1
