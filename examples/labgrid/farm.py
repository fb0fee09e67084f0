"""Six agents share the boards of a labgrid farm.

LG_COORDINATOR=farm:20408 python examples/labgrid/farm.py pool=ci
"""

import asyncio
import sys

from devsession import SessionPool


async def work(pool: SessionPool, agent: str) -> None:
    """Use a board with an rp2 chip, whichever is free."""
    async with pool.acquire(agent=agent, requires=["port=rp2"], timeout=60) as session:
        board = pool.lease(session).board
        await session.exec("visits = globals().get('visits', 0) + 1")
        print(f"{agent} on {board}, visit {await session.eval('visits')}")


async def main(tags: str) -> None:
    # Boards are acquired when somebody wants one, and released when nobody has used them for a while: others work there, too.
    async with SessionPool(provider=f"labgrid:{tags}", min_size=0, idle_timeout=10) as pool:
        for _ in range(2):
            await asyncio.gather(*(work(pool, f"agent-{number}") for number in range(6)))


asyncio.run(main(*sys.argv[1:]))
