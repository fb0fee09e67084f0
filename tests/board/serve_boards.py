"""Serves as many simulated boards as asked for, tells their ports line by line, and ends them when its input ends.

A process of its own: an interpreter that is being started holds the locks of its parent's ports for a moment.
"""

import asyncio
import contextlib
import sys

from devsession.simulator.serve import serve


async def main(count: int) -> None:
    over = asyncio.Event()
    asyncio.get_running_loop().add_reader(sys.stdin.fileno(), over.set)
    tasks = [
        asyncio.create_task(serve("sim:", announce=lambda path: print(path, flush=True)))
        for _ in range(count)
    ]
    await over.wait()
    for task in tasks:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


asyncio.run(main(int(sys.argv[1])))
