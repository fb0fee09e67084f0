"""Sessions: several users of one board, each with names of its own. Runs on a simulated board, or on the one named.

python examples/sessions.py [/dev/ttyACM0]
"""

import asyncio
import sys

from devsession import DeviceSessionManager, SessionProfile

PROFILE = SessionProfile(
    modules=["math"],
    variables={"gain": 1.25},
    setup="def scaled(x): return math.floor(x * gain)",
    teardown="gain = 0",
)


async def main(url: str) -> None:
    """Two sessions that use one name, and one that begins with a profile."""
    async with DeviceSessionManager.open(url) as manager:
        board = manager.capabilities
        print(board.implementation, board.version_text, "- threads:", board.supports("threads"))

        async with manager.session("left") as left, manager.session("right") as right:
            await asyncio.gather(left.exec("x = 'left'"), right.exec("x = 'right'"))
            print(await left.eval("x"), await right.eval("x"))
            left.state["runs"] = 1  # kept on this side
            await right.device.define("table", {"a": [1.5, None], "b": b"\x00\xff"})
            print(await right.device.get("table"), await right.device.names())

        async with manager.session("calibrated", profile=PROFILE) as session:
            print("scaled:", await session.eval("scaled(8)"))
            manager.shared.set("limit", 7)
            session.use_shared("limit")
            print("shared:", await session.eval("limit"))
        print("bytes given back:", session.given_back)


asyncio.run(main(sys.argv[1] if len(sys.argv) > 1 else "sim:"))
