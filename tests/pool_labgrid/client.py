"""A client of the farm, for the tests: one command a line, ``["open", "rp2-a"]``, is answered by one line.

Runs with labgrid's environment. ``start`` makes the provider, of a URL, a directory of locks and options; ``stop`` ends it.
"""

from __future__ import annotations

import asyncio
import dataclasses
import json
import sys
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from devsession import BoardTakenError, DeviceSession, DeviceSessionManager, DevsessionError, SessionPool
from devsession.pool.labgrid.provider import LabgridBoards, PlaceLost
from devsession.pool.locks import Locks

# Between two rounds over boards that others have, in seconds: some use theirs for a second.
PAUSE = 0.05
# Seen by everybody who is on the board: a second one would change it.
MARKING = """
import time
with open("/mark", "w") as file:
    file.write("{}")
time.sleep_ms(50)
print(open("/mark").read())
"""


class Commands:
    def __init__(self, provider: LabgridBoards, locks: Locks) -> None:
        self._locks = locks
        self._provider = provider
        self._offers = {}
        self._urls: dict[str, str] = {}
        self.pooled: SessionPool | None = None
        self._sessions: dict[str, DeviceSession] = {}
        self._lost: asyncio.Queue[PlaceLost] = asyncio.Queue()
        provider.lost.add(self._lost.put_nowait)

    async def stop(self) -> None:
        # A pool ends its provider.
        await (self.pooled.close() if self.pooled else self._provider.aclose())

    async def discover(self) -> dict[str, list[str]]:
        offers = {offer.name: offer for offer in await self._provider.discover()}
        self._offers |= offers
        return {name: sorted(offer.tags) for name, offer in offers.items()}

    async def discover_at(self, url: str) -> list[str]:
        provider = LabgridBoards(url, locks=self._locks)
        try:
            return [offer.name for offer in await provider.discover()]
        finally:
            await provider.aclose()

    async def open(self, name: str) -> str:
        if name not in self._offers:
            await self.discover()
        self._urls[name] = await self._provider.open(self._offers[name])
        return self._urls[name]

    async def open_and_leave(self, name: str) -> str:
        """Begin to open a place, and give up while that is under way."""
        opening = asyncio.create_task(self._provider.open(self._offers[name]))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        opening.cancel()
        await asyncio.wait({opening})
        return "cancelled" if opening.cancelled() else "done"

    async def settle(self) -> None:
        """Wait until what was given up is given back."""
        while self._provider._tasks:
            await asyncio.wait(self._provider._tasks)

    async def wait_taken(self, name: str) -> None:
        """Wait until the coordinator tells that somebody has a place."""
        conversation = await self._provider._connected()
        await conversation.wait_until(lambda: conversation.places[name].acquired is not None, 10.0)

    async def close(self, name: str) -> None:
        await self._provider.close(self._offers[name])

    async def power(self, name: str) -> bool:
        return await self._provider.power(self._offers[name])

    async def exec(self, name: str, program: str) -> str:
        return await self._exec(self._urls[name], program)

    async def exec_on(self, kind: str, name: str, program: str) -> str:
        """Run a program on a board that labgrid describes: by a port, or by the target that has it."""
        from labgrid import Target
        from labgrid.resource import NetworkSerialPort

        parts = urlsplit(self._urls[name])
        described = {
            "host": parts.hostname,
            "port": parts.port,
            "protocol": "raw" if parts.scheme == "socket" else "rfc2217",
        }
        target = Target("main")
        port = NetworkSerialPort(target, name=None, **described)
        return await self._exec(port if kind == "port" else target, program)

    async def _exec(self, board: Any, program: str) -> str:
        async with DeviceSessionManager.open(board) as manager, manager.session() as session:
            return (await session.exec(program)).output

    async def work(self, leases: int, mark: int) -> dict[str, list]:
        """Use boards that nobody else has, until there were so many; returns when which was used, and how often all were taken."""
        used, taken = [], 0
        while len(used) < leases:
            for name in await self.discover():
                try:
                    await self.open(name)
                except BoardTakenError:
                    taken += 1
                    continue
                begun = time.monotonic()
                told = await self.exec(name, MARKING.format(mark))
                assert told == f"{mark}\n", told
                used.append([name, begun, time.monotonic()])
                await self.close(name)
                break
            else:
                await asyncio.sleep(PAUSE)
        return {"used": used, "taken": taken}

    # A pool of such boards

    async def pool(self, settings: dict[str, Any]) -> None:
        self.pooled = SessionPool(provider=self._provider, **settings)
        await self.pooled.open()

    async def acquire(self, agent: str, requires: list[str], timeout: float) -> str:
        """Return the URL of the board that an agent is given."""
        self._sessions[agent] = await self.pooled.acquire(agent=agent, requires=requires, timeout=timeout)
        return self._sessions[agent].url

    async def use(self, agent: str, program: str) -> str:
        return (await self._sessions[agent].exec(program)).output

    async def use_until_lost(self, agent: str) -> None:
        while True:
            await self.use(agent, "print(1)")
            await asyncio.sleep(PAUSE)

    async def release(self, agent: str) -> None:
        await self.pooled.release(self._sessions.pop(agent))

    async def lost(self, timeout: float) -> dict[str, str] | None:
        try:
            async with asyncio.timeout(timeout):
                return dataclasses.asdict(await self._lost.get())
        except TimeoutError:
            return None

    async def who(self) -> str:
        return self._provider._name().name

    async def loaded(self) -> list[str]:
        return sorted({name.partition(".")[0] for name in sys.modules} & {"grpc", "labgrid"})

    async def serial_is_labgrids(self) -> bool:
        from serial import rfc2217

        # Only the fork has time-outs that cost nothing to set.
        return "timeout" in vars(rfc2217.Serial)


async def main() -> None:
    loop = asyncio.get_running_loop()
    commands: Commands | None = None
    try:
        while line := await loop.run_in_executor(None, sys.stdin.readline):
            do, *words = json.loads(line)
            try:
                if do == "start":
                    url, locks, options = words
                    held = Locks(Path(locks))
                    commands = Commands(LabgridBoards(url, locks=held, **options), held)
                    answer = ["done", None]
                else:
                    answer = ["done", await getattr(commands, do)(*words)]
            except DevsessionError as error:
                answer = [type(error).__name__, str(error)]
            print(json.dumps(answer), flush=True)
    finally:
        if commands is not None:
            await commands.stop()


asyncio.run(main())
