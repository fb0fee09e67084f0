"""Boards that several processes share: one has a board at a time, and the end of a process frees it, however that ends."""

import subprocess
import sys
import time
from pathlib import Path

import pytest
from boards_at_work import until

from devsession import BoardTakenError, LeaseTimeoutError, LocalBoards, SessionPool
from devsession.pool.locks import Locks
from devsession.pool.provider import BoardOffer

HOLDER = """
import asyncio, sys
from devsession import LocalBoards, SessionPool
from devsession.pool.provider import BoardOffer
from devsession.pool.locks import Locks
from pathlib import Path

async def main():
    locks = Locks(Path(sys.argv[1]))
    provider = LocalBoards([BoardOffer("bench", "sim:", "the-bench")], locks=locks, owner="the other")
    async with SessionPool(provider=provider) as pool, pool.acquire(agent="holder") as session:
        await session.exec("x = 1")
        print("held", flush=True)
        await asyncio.sleep(60)

asyncio.run(main())
"""


@pytest.fixture
def locks(tmp_path: Path) -> Path:
    return tmp_path / "locks"


def provider_at(locks: Path) -> LocalBoards:
    return LocalBoards([BoardOffer("bench", "sim:", "the-bench")], locks=Locks(locks))


async def test_the_board_of_a_holder_who_crashed_is_free(locks: Path):
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, locks], stdout=subprocess.PIPE)
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        async with SessionPool(provider=provider_at(locks)) as pool:
            with pytest.raises(LeaseTimeoutError, match=rf"held by the other \(process {holder.pid}\)"):
                await pool.acquire(timeout=0.1)
            with pytest.raises(BoardTakenError):
                await provider_at(locks).open(pool._planner.members["bench"].offer)
            holder.kill()
            began = time.monotonic()
            async with pool.acquire(timeout=20) as session:
                assert not await session.device.is_defined("x")
            assert time.monotonic() - began < 10
    finally:
        holder.kill()
        holder.wait()
        assert holder.stdout is not None
        holder.stdout.close()


async def test_two_pools_do_not_have_one_board_at_once(locks: Path):
    async with (
        SessionPool(provider=provider_at(locks), min_size=0, idle_timeout=0.1) as one,
        SessionPool(provider=provider_at(locks), min_size=0) as other,
    ):
        session = await one.acquire()
        with pytest.raises(LeaseTimeoutError):
            await other.acquire(timeout=0.1)
        await one.release(session)
        # Nobody wants it there: it is closed, and the other can have it.
        async with other.acquire(timeout=20) as session:
            assert await session.eval("1 + 1") == 2
        await until(lambda: one.snapshot().size == 0)


async def test_several_boards_by_their_urls(tmp_path: Path):
    urls = [f"sim:?root={tmp_path / name}" for name in "ab"]
    async with SessionPool(provider=urls) as pool:
        assert pool.snapshot().size == 2
        async with pool.acquire() as one, pool.acquire() as other:
            await one.exec("open('/here.txt', 'w').close()")
            assert await one.eval("'here.txt' in __import__('os').listdir('/')")
            assert not await other.eval("'here.txt' in __import__('os').listdir('/')")
