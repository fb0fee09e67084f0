"""Many times the same, and nothing grows: DEVSESSION_SOAK_ROUNDS says how often (default 20)."""

import os

import pytest

from devsession import DeadlineError, DeviceSessionManager

ROUNDS = int(os.environ.get("DEVSESSION_SOAK_ROUNDS", "20"))
FREE = "(__import__('gc').collect(),__import__('gc').mem_free())[1]"
# The dict of namespaces grows once, and is not made smaller again; bytes.
SLACK = 256


@pytest.mark.timeout(60 + ROUNDS * 3)
async def test_sessions_lose_no_heap(manager: DeviceSessionManager):
    def double(n):
        return 2 * n

    async def round_of(number: int) -> None:
        async with manager.session() as session:
            await session.exec(f"x = bytearray(50)\ny = {number}")
            assert await session.method(double)(number) == 2 * number
            assert await session.eval("y") == number

    await round_of(0)
    before = await manager.board.eval(FREE)
    for number in range(1, ROUNDS):
        await round_of(number)
    assert await manager.board.eval(FREE) >= before - SLACK


@pytest.mark.needs("interruptible")
@pytest.mark.timeout(60 + ROUNDS * 3)
async def test_interruptions_leave_it_usable(manager: DeviceSessionManager):
    await manager.board.exec("x = 1")
    for number in range(ROUNDS):
        with pytest.raises(DeadlineError):
            await manager.board.exec("while True: pass", timeout=0.05)
        assert await manager.board.eval(f"x + {number}") == 1 + number
