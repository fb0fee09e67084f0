"""Coming, going, and coming again."""

from devsession import DeviceSessionManager, connect


async def test_it_says_what_it_is(manager: DeviceSessionManager):
    assert manager.capabilities.implementation in {"micropython", "circuitpython"}
    assert manager.capabilities.version >= (1, 9)
    assert manager.board.free_heap


async def test_it_can_be_left_and_attached_again(manager: DeviceSessionManager):
    for number in range(5):
        await manager.board.detach()
        await manager.board.attach()
        assert await manager.board.eval(f"{number} + 1") == number + 1


async def test_variables_live_on_where_capabilities_say_so(manager: DeviceSessionManager):
    await manager.board.exec("kept = 7")
    await manager.board.detach()
    await manager.board.attach()
    found = await manager.board.eval("'kept' in globals()")
    assert found is (manager.capabilities.keeps_vm is not False)


async def test_a_board_that_is_opened_again_is_the_same(url: str, manager: DeviceSessionManager):
    first = manager.capabilities
    await manager.close()
    async with DeviceSessionManager.open(url) as again:
        assert again.capabilities.sys_version == first.sys_version
        if again.board.identity == first.identity:
            assert again.capabilities.unique_id == first.unique_id


async def test_listening_sends_nothing(url: str, manager: DeviceSessionManager):
    await manager.close()
    async with connect(url, listen=True) as board:
        assert board.is_listening
        await board.attach()
        assert await board.eval("6 * 7") == 42
