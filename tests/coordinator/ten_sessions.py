"""Ten sessions of a program that is to be killed: `python ten_sessions.py STORE NAME`, NAME that of a simulated board that goes on."""

import asyncio
import sys

from devsession.coordinator.coordinator import MultiSessionCoordinator

HOLDS = "value = {'n': [NUMBER, 2.5, b'\\x00', 'ä'], 'far': float('inf')}"


async def main(store: str, lasting: str) -> None:
    boards = {"lasting": f"sim:{lasting}", **{f"own{n}": "sim:" for n in range(3)}}
    async with MultiSessionCoordinator(boards, store=store) as coordinator:
        for number in range(10):
            name = f"s{number}"
            await coordinator.create(name, board=list(boards)[number % 4])
            await coordinator.send(
                f"{HOLDS.replace('NUMBER', str(number))}\nprint('output of', {number})", name
            )
        await coordinator.hibernate("s1")
        await coordinator.hibernate("s2")
        await coordinator.send("input('> ')", "s3")
        await coordinator.send("while True: print('more')", "s5", wait=False)
        # What has changed is on disk after a fifth of a second.
        await asyncio.sleep(0.6)
        print([coordinator.get("s7").session.board._prompt.wire.transport.url], flush=True)
        await asyncio.sleep(60)


asyncio.run(main(*sys.argv[1:]))
