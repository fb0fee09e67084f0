"""A pool: several agents share boards, each finds his own session again. Runs on simulated boards, or on those named.

python examples/pool.py [/dev/ttyACM0 /dev/ttyACM1]
"""

import asyncio
import sys

from devsession import RequirementError, SessionPool
from devsession.pool.events import PoolEvent, SessionCreated, SessionReused


def tell(event: PoolEvent) -> None:
    """Say who was given which board."""
    if isinstance(event, SessionCreated | SessionReused):
        how = "his own session" if isinstance(event, SessionReused) else "a clean one"
        print(f"{event.agent} has {event.board}: {how}")


async def count(pool: SessionPool, agent: str) -> None:
    """Go on counting where the agent left off, twice."""
    for _ in range(2):
        async with pool.acquire(agent=agent, requires=["micropython>=1.19"]) as session:
            await session.exec("n = globals().get('n', 0) + 1")
            print(f"{agent} counts {await session.eval('n')}")


async def main(urls: list[str]) -> None:
    """Three agents on two boards or more."""
    async with SessionPool(provider=urls or "sim:", min_size=2, max_size=4) as pool:
        pool.events.add(tell)
        await asyncio.gather(*(count(pool, f"worker-{number}") for number in range(1, 4)))
        try:
            await pool.acquire(requires=["teleport"])
        except RequirementError as error:
            print(next(iter(error.lacks.values())))
        # A lease that has to be kept alive, for those who may hang.
        session = await pool.acquire(agent="worker-1", ttl=5)
        pool.heartbeat(session)
        print("the lease is", pool.lease(session).agent + "'s,", "boards leased:", pool.snapshot().active)
        await pool.release(session)
        print({one.agent: one.uses for one in pool.sessions()})


asyncio.run(main(sys.argv[1:]))
