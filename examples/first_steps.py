"""First steps: run code on a board, read values, follow a program. Runs on a simulated board, or on the one named.

python examples/first_steps.py [/dev/ttyACM0]
"""

import asyncio
import sys

from devsession import DeviceError, connect


async def main(url: str) -> None:
    """Show the main verbs."""
    async with connect(url) as board:
        await board.exec("from machine import Pin; led = Pin(2, Pin.OUT)")
        print("blinked:", await board.eval("[led.value(n % 2) or led.value() for n in range(4)]"))

        async for text in board.stream("for n in range(3): print('measuring', n)"):
            print(text, end="")

        try:
            await board.exec("open('/no/such/file')")
        except DeviceError as error:
            print("the board says:", error.kind, error.errno)


asyncio.run(main(sys.argv[1] if len(sys.argv) > 1 else "sim:"))
