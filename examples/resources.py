"""Resources: what a session holds is given back at its end, the last first. Runs on a simulated board, or on the one named.

python examples/resources.py [/dev/ttyACM0]
"""

import asyncio
import sys

from devsession import DeviceSessionManager


class PowerSupply:
    """Something on this side that has to be switched off again."""

    id = "supply"
    type = "power supply"

    def initialise(self) -> None:
        """Make it ready."""
        print("supply on")

    async def cleanup(self) -> None:
        """Give it back."""
        print("supply off")


async def main(url: str) -> None:
    """A pin, a handle, a temporary file, a power supply, and a function, in one session."""
    async with DeviceSessionManager.open(url) as manager:
        async with manager.session() as session:
            await session.register(PowerSupply())
            session.push_cleanup(lambda: print("before the supply goes off"))
            led = await session.part.pin(2, "OUT")  # an input again at the end
            await led.value(1)
            pin = await session.ref("__import__('machine').Pin(2)")  # any object of the board
            print("led:", await pin.value())
            path = await session.part.temporary_file("/session.txt", b"hello")
            print("file:", await session.files.read_bytes(path))
            print("held:", ", ".join(held.type for held in session.resources))
        async with manager.session() as session:
            print("file is still there:", await session.files.exists("/session.txt"))


asyncio.run(main(sys.argv[1] if len(sys.argv) > 1 else "sim:"))
