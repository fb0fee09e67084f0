"""Events: a board sends values by itself, from a timer, while another program runs. On a simulated board, or on the one named.

python examples/events.py [/dev/ttyACM0]
"""

import asyncio
import sys

from devsession import DeviceSessionManager

SAMPLER = """
from machine import Timer
samples = 0
def sample(timer):
    global samples
    samples += 1
    devsession_helper.emit((samples, samples * 0.5))
timer = Timer(-1, period=20, callback=sample)
"""


async def main(url: str) -> None:
    """Read events while other programs run."""
    async with DeviceSessionManager.open(url) as manager, manager.session("sampler") as session:
        events = session.events()
        await session.exec(SAMPLER)
        async with manager.session("other") as other:
            print("meanwhile:", await other.eval("sum(range(1000))"))
        async for event in events:
            number, value = event.value
            print("sample", number, value)
            if number == 3:
                break
        await session.exec("timer.deinit()")


asyncio.run(main(sys.argv[1] if len(sys.argv) > 1 else "sim:"))
