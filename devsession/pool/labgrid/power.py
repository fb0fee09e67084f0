"""The power of a place's board, switched by labgrid's own client: it knows every kind of switch."""

from __future__ import annotations

import asyncio
import os
import sys

# It switches a board off, waits for 2 s and switches it on; the rest is its start.
POWER_TIMEOUT = 30.0


async def cycle(coordinator: str, client: str, place: str) -> bool:
    """Cycle the power of a place that ``client`` holds; return whether that was done: it may have no switch."""
    host, user = client.split("/")
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "labgrid.remote.client", "-x", coordinator, "-p", place, "power", "cycle"),
        env={**os.environ, "LG_HOSTNAME": host, "LG_USERNAME": user},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        async with asyncio.timeout(POWER_TIMEOUT):
            return await process.wait() == 0
    except TimeoutError:
        return False
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
